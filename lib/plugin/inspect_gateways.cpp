// SPDX-License-Identifier: Apache-2.0
#include "plugin/inspect_gateways.hpp"

#include <algorithm>

#include "mvr/probe/gateway.hpp"

namespace mvr::plugin {
namespace {

using State = GatewayView::State;

constexpr int kAttempts = 3;
constexpr std::chrono::milliseconds kInterval{100};

/// What a NIC asks with. The sockets belong to the pod's namespace.
struct Sockets {
  std::vector<Fd> fds = {};

  Sockets() = default;
  Sockets(const Sockets&) = delete;
  Sockets& operator=(const Sockets&) = delete;
  Sockets(Sockets&&) = delete;
  Sockets& operator=(Sockets&&) = delete;
  ~Sockets() {
    std::ranges::for_each(fds, [](Fd& fd) { close_later(std::move(fd)); });
  }

  Result<void> open(const Namespaces& netns, std::size_t count) {
    const auto guard = MVR_TRY(net::NetnsGuard::enter(*netns.pod, netns.host));
    while (fds.size() < count) {
      fds.push_back(MVR_TRY(probe::open_socket()));
    }
    return {};
  }
};

/// The address from which the kernel would ask: the route's source, else the one that has the
/// gateway in its subnet, else the NIC's first of that family.
std::optional<ip::Address> find_source(const NicView& nic, const net::Route& route) {
  if (route.src) {
    return route.src;
  }
  const auto is_near = [&](const ip::Prefix& own) {
    return own.address.family() == route.gateway->family() && own.contains(*route.gateway);
  };
  const auto is_possible = [&](const ip::Prefix& own) {
    return own.address.family() == route.gateway->family();
  };
  auto found = std::ranges::find_if(nic.addresses, is_near);
  if (found == nic.addresses.end()) {
    found = std::ranges::find_if(nic.addresses, is_possible);
  }
  return found != nic.addresses.end() ? std::optional(found->address) : std::nullopt;
}

bool is_known(const NicView& nic, const ip::Address& gateway) {
  return std::ranges::any_of(nic.gateways,
                             [&](const GatewayView& one) { return one.target.gateway == gateway; });
}

void add_target(NicView& nic, const probe::Target& target) {
  const bool is_new = std::ranges::none_of(
      nic.gateways, [&](const GatewayView& one) { return one.target == target; });
  if (target.source.family() == target.gateway.family() && is_new) {
    nic.gateways.push_back({.target = target});
  }
}

probe::Inquiry make_inquiry(const NicView& nic, const Fd& socket) {
  probe::Inquiry inquiry{
      &socket, {to_int(nic.link->index), *nic.link->mac, kAttempts, kInterval}, {}};
  std::ranges::transform(nic.gateways, std::back_inserter(inquiry.targets), &GatewayView::target);
  return inquiry;
}

using Answers = std::vector<Result<std::vector<probe::Answer>>>;

Result<Answers> ask_all(const Namespaces& netns, const Budget& budget,
                        const std::vector<Asked>& nics) {
  Sockets sockets;
  MVR_TRY(sockets.open(netns, nics.size()));
  std::vector<probe::Inquiry> inquiries;
  for (std::size_t i = 0; i < nics.size(); ++i) {
    inquiries.push_back(make_inquiry(*nics[i].nic, sockets.fds[i]));
  }
  return probe::probe_together(inquiries, budget);
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

void note_failure(NicView& nic, const Error& error, cni::ProbePolicy policy) {
  const std::string what = "gateways not asked: " + error.msg;
  if (policy == cni::ProbePolicy::fail) {
    nic.problems.push_back({what, "run it again, for this pod alone: --netns"});
  } else {
    nic.notes.push_back(what);
  }
}

/// By a NIC without a carrier, its own or its master's, nobody is asked. The master's flags are
/// true at once, its NICs' follow within a second.
bool is_askable(const Asked& asked) {
  NicView& nic = *asked.nic;
  if (!nic.link || !nic.link->mac || nic.gateways.empty()) {
    return false;
  }
  const bool has_carrier =
      nic.link->is_running && (!nic.master || (nic.master->is_up && nic.master->is_running));
  if (!has_carrier) {
    std::ranges::for_each(nic.gateways, [](GatewayView& one) { one.state = State::no_carrier; });
  }
  return has_carrier;
}

}  // namespace

void list_gateways(const plan::PodState& pod, const cni::AddResult& ipam, NicView& nic) {
  for (const cni::IpConfig& ip : ipam.ips) {
    if (ip.gateway) {
      add_target(nic, {ip.address.address, *ip.gateway});
    }
  }
  for (const net::Route& route : pod.routes) {
    const bool is_by_gateway =
        nic.link && route.nic == nic.link->index && route.dst.is_default() && route.gateway;
    if (is_by_gateway && !is_known(nic, *route.gateway)) {
      if (const auto source = find_source(nic, route)) {
        add_target(nic, {*source, *route.gateway});
      }
    }
  }
}

void ask_gateways(const Namespaces& netns, const Budget& budget, const std::vector<Asked>& all) {
  std::vector<Asked> nics;
  std::ranges::copy_if(all, std::back_inserter(nics), is_askable);
  const auto answers = ask_all(netns, budget, nics);
  for (std::size_t i = 0; i < nics.size(); ++i) {
    NicView& nic = *nics[i].nic;
    if (!answers || !answers->at(i)) {
      note_failure(nic, answers ? answers->at(i).error() : answers.error(), nics[i].policy);
      continue;
    }
    for (std::size_t j = 0; j < nic.gateways.size(); ++j) {
      note_answer(nic, nic.gateways[j], answers->at(i)->at(j), nics[i].policy);
    }
  }
}

}  // namespace mvr::plugin
