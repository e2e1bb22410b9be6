// SPDX-License-Identifier: Apache-2.0
/// \file
/// What is to be against what is. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "mvr/plan/desired.hpp"

namespace mvr::plan {

/// One difference: "link mtu: wanted 9000, found 1500". The NIC's name is before all of them.
struct Mismatch {
  std::string object;
  std::string field;
  std::string wanted;
  std::string found;

  [[nodiscard]] std::string to_string() const;

  bool operator==(const Mismatch&) const = default;
};

/// What the link must look like; values that the kernel chose at ADD come from ADD's result.
struct LinkExpectation {
  net::MacvlanInfo info;
  std::optional<ip::Mac> mac;
  std::uint32_t mtu = 0;           ///< 0 = anything
  std::uint32_t tx_queue_len = 0;  ///< 0 = anything
  net::IfIndex master = net::IfIndex::none;
  bool is_master_elsewhere = true;  ///< in another netns than the link
  std::string alias;
  bool promisc = false;
  bool allmulti = false;
};

/// The link alone: existence, kind, mode, master, MAC, MTU, queue lengths, up, and our marks.
std::vector<Mismatch> verify_link(const LinkExpectation& wanted, const net::Link* found);

/// Addresses of the NIC, with the metric of their connected routes, and those routes in main where
/// the NIC has a table. Others on the NIC are no difference: later plugins may add some.
std::vector<Mismatch> verify_addresses(const std::vector<net::IfAddress>& wanted,
                                       const PodState& pod);

/// Each wanted route and rule. What is there besides is no difference, but a default route of main
/// by `nic` that bears our mark and is not wanted.
std::vector<Mismatch> verify_routing(const Routing& wanted, const PodState& pod,
                                     const std::string& nic);

/// A default by the overlay NIC in main, where this NIC is to own it.
std::vector<Mismatch> verify_takeover(const DesiredNic& nic, const Facts& facts);

/// \param found the values in the order of `wanted`; nothing = no such file
std::vector<Mismatch> verify_sysctls(const std::vector<net::Sysctl>& wanted,
                                     const std::vector<std::optional<std::string>>& found);

}  // namespace mvr::plan
