// SPDX-License-Identifier: Apache-2.0
// What the node is given for a NIC, so that the two can talk: a macvlan and its master cannot.
#include <algorithm>

#include "mvr/plan/desired.hpp"

namespace mvr::plan {
namespace {

/// Before the rules of main, behind those that VPNs and the like put first.
constexpr std::uint32_t kPriority = 1000;

net::Rule make_rule(std::uint32_t table, ip::Family family) {
  net::Rule rule;
  rule.family = family;
  rule.table = table;
  rule.priority = kPriority;
  return rule;
}

/// By way of the overlay's address, not straight to the device: right for veths and for bridges,
/// and nobody has to answer for the NIC's address there.
net::Route make_route(std::uint32_t table, const NodePath& path, const ip::Address& address) {
  net::Route route;
  route.dst = ip::Prefix::host(address);
  route.gateway = path.overlay;
  route.nic = path.nic;
  route.src = path.source;
  route.table = table;
  route.metric = address.family() == ip::Family::v6 ? net::kV6Metric : 0;
  return route;
}

}  // namespace

Result<Routing> plan_node(const cni::NetConf& conf, const Facts& facts, const DesiredNic& nic) {
  Routing routing;
  for (const auto& [family, path] : facts.node_paths) {
    for (const net::IfAddress& address : nic.addresses) {
      if (address.prefix.family() == family) {
        routing.routes.push_back(
            make_route(conf.host_rule_table, MVR_TRY(path), address.prefix.address));
      }
    }
  }
  for (const ip::Family family : {ip::Family::v4, ip::Family::v6}) {
    if (std::ranges::any_of(routing.routes,
                            [&](const net::Route& r) { return r.dst.family() == family; })) {
      routing.rules.push_back(make_rule(conf.host_rule_table, family));
    }
  }
  return routing;
}

}  // namespace mvr::plan
