// SPDX-License-Identifier: Apache-2.0
/// \file
/// What ADD asks the NIC's neighbours and tells them, all by one socket: are the addresses free, is
/// the gateway there, here we are.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "mvr/base/fd.hpp"
#include "mvr/plan/kernel.hpp"
#include "mvr/probe/conflict.hpp"
#include "mvr/probe/gateway.hpp"
#include "plugin/attempt.hpp"

namespace mvr::plugin {

class Prober {
 public:
  /// \param master only for people
  Prober(const Attempt& a, const net::Link& nic, const net::Link& master)
      : call_(a.call),
        netns_(a.netns),
        kernel_(a.kernel),
        rehearsal_(a.rehearsal),
        nic_(nic),
        master_(master) {}
  Prober(const Prober&) = delete;
  Prober(Prober&&) = delete;
  Prober& operator=(const Prober&) = delete;
  Prober& operator=(Prober&&) = delete;
  ~Prober() { close_later(std::move(socket_)); }

  /// Sends the first probes for the addresses. What does not depend on them can be done until
  /// `finish_conflicts`.
  Result<void> start_conflicts(const std::vector<ip::Address>& addresses);

  /// Fails with Code::address_conflict, or warns, as the configuration has it.
  Result<void> finish_conflicts();

  /// Fails with Code::gateway_unreachable, or warns.
  Result<void> probe_gateways(const std::vector<probe::Target>& gateways);

  /// Failures are warnings.
  void announce(const std::vector<ip::Address>& addresses);

 private:
  Result<void> open();
  void tell(const std::string& question, const cni::ProbeConf& conf) const;
  [[nodiscard]] probe::Options options(const cni::ProbeConf& conf) const;
  Result<bool> has_carrier();
  [[nodiscard]] std::string describe_silence(const probe::Answer& answer) const;

  const Call& call_;
  const Namespaces& netns_;
  plan::Kernel& kernel_;
  const Rehearsal* rehearsal_;
  const net::Link& nic_;
  const net::Link& master_;
  Fd socket_;  ///< opened when it is first needed
  std::optional<probe::ConflictProbe> conflicts_;
};

}  // namespace mvr::plugin
