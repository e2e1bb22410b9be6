// SPDX-License-Identifier: Apache-2.0
/// \file
/// IPv6 in the reference scenario, beside its IPv4:
///
///     outside ─ fd00:10:1::1/64 ── eno1 fd00:10:1::4/64 ┐
///                                                        node ─ overlay ─ eth0 of each pod
///     far ─ gateways ─ gw1 fd00:172:11::fe/64 ─ enp11s0f0np0 ┘
///           fd00:192::/64 between the two
#pragma once

#include <string>

#include "support/scenario.hpp"

namespace mvr::test {

inline constexpr const char* kFarAddress6 = "fd00:192::2";
inline constexpr const char* kNodeAddress6 = "fd00:10:1::4";

/// Calico's next hop, which is the node's end of every pod's eth0.
inline constexpr const char* kCalicoNextHop6 = "fe80::ecee:eeff:feee:eeee";

/// Every rail's gateway has this one as well.
inline constexpr const char* kRailGatewayLinkLocal = "fe80::fe";

/// "fd00:172:11::fe" for rail 1.
std::string rail_gateway6(int n);

/// "fd00:172:11::HOST" for rail 1; `host` is hexadecimal.
std::string rail_address6(int n, const std::string& host = "10");

/// "fd00:172:11::/64" for rail 1.
std::string rail_subnet6(int n);

/// Gives the node, the gateways and what lies behind them IPv6. No address is ever tentative there.
void build_ipv6(int rails);

/// Gives a pod of Calico IPv6, or IPv6 alone.
void build_calico6(Pod& pod, Families families, int index);

}  // namespace mvr::test
