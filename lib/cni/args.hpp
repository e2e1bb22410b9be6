// SPDX-License-Identifier: Apache-2.0
/// \file
/// CNI_ARGS read leniently, and the MAC addresses that a NIC may have.
#pragma once

#include <optional>
#include <string_view>

#include "mvr/base/error.hpp"
#include "mvr/cni/environment.hpp"
#include "mvr/ip/address.hpp"

namespace mvr::cni {

/// What could be read, and the first thing that could not.
struct ArgsReading {
  Args args;
  std::optional<Error> problem;
};

ArgsReading read_args(std::string_view text);

/// What is said of a MAC address that `parse_nic_mac` does not take.
inline constexpr std::string_view kMacRule =
    "must be a unicast MAC address of six octets, not all zero, such as \"02:00:5e:10:00:01\"";

/// A MAC address that a NIC can have: neither a group's nor zero.
std::optional<ip::Mac> parse_nic_mac(std::string_view text);

}  // namespace mvr::cni
