// SPDX-License-Identifier: Apache-2.0
#include "plugin/inspect_gateways.hpp"

#include <algorithm>

namespace mvr::plugin {
namespace {

using State = GatewayView::State;

constexpr int kAttempts = 3;
constexpr std::chrono::milliseconds kInterval{100};

void add_target(NicView& nic, const ip::Address& source, const ip::Address& gateway) {
  const auto is_known = [&](const GatewayView& one) { return one.target.gateway == gateway; };
  if (source.family() == gateway.family() && !std::ranges::any_of(nic.gateways, is_known)) {
    nic.gateways.push_back({.target = {source, gateway}});
  }
}

Result<std::vector<probe::Answer>> ask_all(const Namespaces& netns, plan::Kernel& kernel,
                                           const Budget& budget, const NicView& nic) {
  std::vector<probe::Target> targets;
  std::ranges::transform(nic.gateways, std::back_inserter(targets), &GatewayView::target);
  const net::Link& link = *nic.link;
  const auto has_carrier = [&]() -> Result<bool> {
    const auto now = MVR_TRY(kernel.read_link(plan::Where::pod, link.index));
    return now && now->is_running;
  };
  Fd socket;
  {
    const auto guard = MVR_TRY(net::NetnsGuard::enter(*netns.pod, netns.host));
    socket = MVR_TRY(probe::open_socket());
  }
  auto answers = probe::probe_gateways(
      socket, {to_int(link.index), *link.mac, kAttempts, kInterval}, targets, has_carrier, budget);
  close_later(std::move(socket));
  return answers;
}

std::string describe_silence(const GatewayView& gateway) {
  const bool is_v4 = gateway.target.gateway.family() == ip::Family::v4;
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(gateway.elapsed).count();
  return "gateway " + gateway.target.gateway.to_string() + " does not answer " +
         gateway.target.source.to_string() + " (" + std::to_string(gateway.attempts) +
         (is_v4 ? " ARP requests in " : " neighbour solicitations in ") + std::to_string(ms) +
         " ms)";
}

void note_answer(NicView& nic, GatewayView& gateway, const probe::Answer& answer,
                 cni::ProbePolicy policy) {
  const State otherwise = answer.attempts != 0 ? State::silent : State::no_carrier;
  gateway.state = answer.mac ? State::answers : otherwise;
  gateway.mac = answer.mac;
  gateway.attempts = answer.attempts;
  gateway.elapsed = answer.elapsed;
  if (gateway.state != State::silent) {
    return;
  }
  if (policy == cni::ProbePolicy::fail) {
    nic.problems.push_back(
        {describe_silence(gateway), "look at the gateway, and at the rail between it and master " +
                                        nic.master_name + ": switch port, VLAN, MTU"});
  } else {
    nic.notes.push_back(describe_silence(gateway) + "; gatewayProbe lets that pass");
  }
}

}  // namespace

void list_gateways(const plan::PodState& pod, const cni::AddResult& ipam, NicView& nic) {
  for (const cni::IpConfig& ip : ipam.ips) {
    if (ip.gateway) {
      add_target(nic, ip.address.address, *ip.gateway);
    }
  }
  for (const net::Route& route : pod.routes) {
    if (nic.link && route.nic == nic.link->index && route.dst.is_default() && route.gateway) {
      for (const ip::Prefix& own : nic.addresses) {
        add_target(nic, own.address, *route.gateway);
      }
    }
  }
}

void ask_gateways(const Namespaces& netns, plan::Kernel& kernel, cni::ProbePolicy policy,
                  const Budget& budget, NicView& nic) {
  if (!nic.link || !nic.link->mac || nic.gateways.empty()) {
    return;
  }
  if (!nic.link->is_running) {
    std::ranges::for_each(nic.gateways, [](GatewayView& one) { one.state = State::no_carrier; });
    return;
  }
  const auto answers = ask_all(netns, kernel, budget, nic);
  if (!answers) {
    const std::string what = "gateways not asked: " + answers.error().msg;
    if (policy == cni::ProbePolicy::fail) {
      nic.problems.push_back({what, "look at this pod alone, by --netns"});
    } else {
      nic.notes.push_back(what);
    }
    return;
  }
  for (std::size_t i = 0; i < answers->size(); ++i) {
    note_answer(nic, nic.gateways[i], answers->at(i), policy);
  }
}

}  // namespace mvr::plugin
