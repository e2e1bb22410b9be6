// SPDX-License-Identifier: Apache-2.0
/// \file
/// What the files that plan one NIC share.
#pragma once

#include <algorithm>
#include <optional>
#include <vector>

#include "mvr/plan/desired.hpp"

namespace mvr::plan {

/// Gathers a NIC's objects; what the functions below have in common.
struct Builder {
  const cni::NetConf& conf;
  const Facts& facts;
  const Place& place;
  net::IfIndex nic;
  const cni::AddResult& ipam;
  DesiredNic desired;

  /// The metric of everything of this NIC in main.
  [[nodiscard]] std::uint32_t main_metric() const { return place.table; }
};

template <typename T>
void add_once(std::vector<T>& objects, const T& object) {
  if (std::ranges::find(objects, object) == objects.end()) {
    objects.push_back(object);
  }
}

/// A route by the NIC, onlink if its gateway is outside the NIC's prefixes.
net::Route make_route(const Builder& b, const ip::Prefix& dst,
                      const std::optional<ip::Address>& gateway, std::uint32_t table,
                      std::uint32_t metric);

/// IPAM's words as a route; without a gateway of its own it has that of the addresses.
net::Route to_route(const Builder& b, const cni::RouteConfig& wanted, std::uint32_t table,
                    std::uint32_t metric);

/// Scope link says "no gateway", whatever the address has (RFC 3549, RT_SCOPE_LINK).
bool is_without_gateway(const cni::RouteConfig& route);

/// The kernel has one route for a destination, table and metric: the first one wins.
/// False for one that is left out.
bool add_route(Builder& b, const net::Route& route);

/// T's default, or a wall. Further ones of IPAM have their places if their priorities differ.
void plan_default(Builder& b, ip::Family family);

/// `podDefaultRouteNic`: the pod's own default goes by this NIC.
void plan_main_default(Builder& b, const std::string& ifname);

}  // namespace mvr::plan
