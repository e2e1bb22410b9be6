// SPDX-License-Identifier: Apache-2.0
/// \file
/// The pods of unit_pod.hpp on kernels with IPv6, and leases of both families.
#pragma once

#include <string>
#include <vector>

#include "support/fake_ipv6.hpp"
#include "support/unit_pod.hpp"

namespace mvr::test {

/// IPv6 in the pod of Calico: an address of full length, everything by a link-local address.
inline constexpr const char* kPodAddress = "fd00:10:233::a4";
inline constexpr const char* kNextHop = "fe80::ecee:eeff:feee:eeee";

/// The pod of Calico with addresses of both families.
World dual_world();

/// With IPv6 alone.
World v6_world();

/// With IPv4 alone, on a kernel that has IPv6.
World v4_world();

/// Rail 1's configuration for a cluster of both families; the node is 10.1.20.4 and fd00:10:1::4.
cni::NetConf dual_conf();

cni::IpConfig ip_of(const std::string& address, const std::string& gateway = "");
cni::RouteConfig route_to(const std::string& dst, const std::string& gateway = "");
cni::AddResult lease_of(std::vector<cni::IpConfig> ips, std::vector<cni::RouteConfig> routes = {});

/// fd00:172:11::10/64 with the gateway fd00:172:11::fe.
cni::AddResult v6_lease();

/// Rail 1's lease, and this one.
cni::AddResult dual_lease();

/// What ADD of net1 finds in a world.
plan::Facts observed(const World& world, const cni::NetConf& conf = dual_conf());

/// Of what families these are, in their order.
std::vector<ip::Family> families_of(const std::vector<net::Rule>& rules);

}  // namespace mvr::test
