// SPDX-License-Identifier: Apache-2.0
#include "plugin/probing.hpp"

#include <algorithm>

#include "mvr/base/text.hpp"

namespace mvr::plugin {
namespace {

using cni::ProbePolicy;

constexpr const char* kConflictProbe = "conflict probe";

std::string list(const std::vector<ip::Address>& addresses) {
  std::vector<std::string> texts;
  std::ranges::transform(addresses, std::back_inserter(texts), &ip::Address::to_string);
  return join(texts, ", ");
}

}  // namespace

Result<void> Prober::open() {
  if (!socket_) {
    const auto guard = MVR_TRY(net::NetnsGuard::enter(*netns_.pod, netns_.host));
    socket_ = MVR_TRY(probe::open_socket());
  }
  return {};
}

void Prober::tell(const std::string& question, const cni::ProbeConf& conf) const {
  rehearsal_->tell("rail", question + ": " + std::to_string(conf.attempts) + " requests, " +
                               std::to_string(conf.interval.count()) + " ms each" +
                               (conf.policy == ProbePolicy::warn ? "; warn only" : ""));
}

probe::Options Prober::options(const cni::ProbeConf& conf) const {
  return {to_int(nic_.index), *nic_.mac, conf.attempts, conf.interval};
}

Result<bool> Prober::has_carrier() {
  const auto now = MVR_TRY(kernel_.read_link(plan::Where::pod, nic_.index));
  return now && now->is_running;
}

Result<void> Prober::start_conflicts(const std::vector<ip::Address>& addresses) {
  const cni::ProbeConf& conf = call_.conf.conflict_probe;
  if (conf.policy == ProbePolicy::off || addresses.empty()) {
    return {};
  }
  if (rehearsal_ != nullptr) {
    tell("ask whether somebody has " + list(addresses), conf);
    return {};
  }
  MVR_TRY(open());
  conflicts_ = MVR_TRY(in(kConflictProbe, probe::ConflictProbe::start(
                                              socket_, options(conf), addresses,
                                              [this] { return has_carrier(); }, call_.budget)));
  return {};
}

Result<void> Prober::finish_conflicts() {
  if (!conflicts_) {
    return {};
  }
  const auto conflict = MVR_TRY(in(kConflictProbe, conflicts_->finish(call_.budget)));
  if (!conflict && !conflicts_->is_conclusive()) {
    call_.log.line(LogLevel::warn, "no carrier on the NIC (master " + master_.name +
                                       "): nobody was asked whether its addresses are free");
  }
  if (!conflict) {
    return {};
  }
  const std::string text = "address " + conflict->address.to_string() +
                           " is in use on the rail of master " + master_.name + " by " +
                           conflict->owner.to_string();
  if (call_.conf.conflict_probe.policy == ProbePolicy::fail) {
    return fail(Code::address_conflict, text);
  }
  call_.log.line(LogLevel::warn, text);
  return {};
}

std::string Prober::describe_silence(const probe::Answer& answer) const {
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(answer.elapsed).count();
  const std::string silence = master_.is_up ? "no carrier" : "no carrier, the master is down";
  const bool is_v4 = answer.target.gateway.family() == ip::Family::v4;
  const std::string tries = answer.attempts == 0
                                ? silence
                                : std::to_string(answer.attempts) +
                                      (is_v4 ? " ARP requests" : " neighbour solicitations");
  return "gateway " + answer.target.gateway.to_string() + " does not answer (master " +
         master_.name + ", address " + answer.target.source.to_string() + ", " + tries + " in " +
         std::to_string(ms) + " ms)";
}

Result<void> Prober::probe_gateways(const std::vector<probe::Target>& gateways) {
  const cni::ProbeConf& conf = call_.conf.gateway_probe;
  if (conf.policy == ProbePolicy::off || gateways.empty()) {
    return {};
  }
  if (rehearsal_ != nullptr) {
    std::vector<ip::Address> asked;
    std::ranges::transform(gateways, std::back_inserter(asked), &probe::Target::gateway);
    tell("ask gateway " + list(asked), conf);
    return {};
  }
  MVR_TRY(open());
  const auto answers =
      MVR_TRY(in("gateway probe", probe::probe_gateways(
                                      socket_, options(conf), gateways,
                                      [this] { return has_carrier(); }, call_.budget)));
  for (const probe::Answer& answer : answers) {
    if (!answer.mac && conf.policy == ProbePolicy::fail) {
      return fail(Code::gateway_unreachable, describe_silence(answer));
    }
    if (!answer.mac) {
      call_.log.line(LogLevel::warn, describe_silence(answer));
    }
  }
  return {};
}

void Prober::announce(const std::vector<ip::Address>& addresses) {
  const auto times = static_cast<int>(call_.conf.announce);
  if (times == 0 || addresses.empty()) {
    return;
  }
  if (rehearsal_ != nullptr) {
    rehearsal_->tell("rail", "announce " + list(addresses) + ", " + std::to_string(times) + " ×");
    return;
  }
  const auto run = [&]() -> Result<void> {
    MVR_TRY(open());
    return in("announcements",
              probe::announce(socket_, {.ifindex = to_int(nic_.index), .mac = *nic_.mac}, addresses,
                              times));
  };
  if (const Result<void> done = run(); !done) {
    call_.log.line(LogLevel::warn, done.error().msg + "; the addresses are not announced");
  }
}

}  // namespace mvr::plugin
