// SPDX-License-Identifier: Apache-2.0
/// \file
/// What the files of this part share: which destinations belong to the cluster, which tables are
/// whose.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "mvr/plan/facts.hpp"

namespace mvr::plan {

/// What the configuration keeps on the overlay NIC: services, pods, hijacked prefixes, the node's
/// addresses; each once.
std::vector<ip::Prefix> cluster_prefixes(const cni::NetConf& conf, const Facts& facts);

/// How the overlay NIC reaches the cluster.
struct NextHop {
  std::optional<ip::Address> gateway;  ///< nothing: everything is on its link
  bool is_onlink = false;
  std::uint32_t mtu = 0;  ///< the tunnel's, where the link's would be too large
  std::uint32_t advmss = 0;
  std::uint8_t weight = 1;
  std::vector<net::Hop> more_ways = {};
};

/// The way of its default route, in main or in T0, or to the node's end of its link.
std::optional<NextHop> find_next_hop(const Facts& facts, std::uint32_t overlay_table,
                                     ip::Family family);

net::Route make_overlay_route(const Overlay& overlay, const NextHop& hop, const ip::Prefix& dst,
                              std::uint32_t table, std::uint32_t v6_metric);

/// 0 and 253 to 255, which the kernel gives a meaning.
bool is_reserved(std::uint32_t table);

/// The NIC of ours whose `oif` rule leads to the table, if that NIC exists; else "".
std::string find_nic_of_table(const PodState& pod, std::uint32_t table);

/// A link with a smaller one has no IPv6: neither settings nor addresses.
/// \source RFC 8200, section 5; linux/ipv6.h, IPV6_MIN_MTU
inline constexpr std::uint32_t kLeastV6Mtu = 1280;

/// The MTU that the NIC is to have.
std::uint32_t mtu_of(const cni::NetConf& conf, const Facts& facts);

}  // namespace mvr::plan
