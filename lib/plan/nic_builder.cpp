// SPDX-License-Identifier: Apache-2.0
#include "plan/nic_builder.hpp"

#include "plan/lease.hpp"

namespace mvr::plan {

net::Route make_route(const Builder& b, const ip::Prefix& dst,
                      const std::optional<ip::Address>& gateway, std::uint32_t table,
                      std::uint32_t metric) {
  net::Route route;
  route.dst = dst.network();
  route.gateway = gateway;
  route.is_onlink = gateway && !is_on_link(b.ipam, *gateway);
  route.nic = b.nic;
  route.table = table;
  route.metric = metric == 0 && dst.family() == ip::Family::v6 ? net::kV6Metric : metric;
  return route;
}

bool is_without_gateway(const cni::RouteConfig& route) {
  constexpr std::uint32_t kScopeLink = 253;
  return route.scope && *route.scope >= kScopeLink;
}

net::Route to_route(const Builder& b, const cni::RouteConfig& wanted, std::uint32_t table,
                    std::uint32_t metric) {
  auto implied =
      is_without_gateway(wanted) ? std::nullopt : first_gateway(b.ipam, wanted.dst.family());
  if (implied && wanted.dst == ip::Prefix::host(*implied)) {
    implied.reset();  // the route to the gateway itself
  }
  net::Route route =
      make_route(b, wanted.dst, wanted.gateway ? wanted.gateway : implied, table, metric);
  route.mtu = wanted.mtu.value_or(0);
  route.advmss = wanted.advmss.value_or(0);
  return route;
}

bool add_route(Builder& b, const net::Route& route) {
  auto& routes = b.desired.routing.routes;
  const auto rival = std::ranges::find_if(
      routes, [&](const net::Route& other) { return has_same_key(other, route); });
  if (rival == routes.end()) {
    routes.push_back(route);
    return true;
  }
  if (*rival != route) {
    b.desired.warnings.push_back("a second route to " + route.dst.to_string() + " in table " +
                                 std::to_string(route.table) + " is left out");
  }
  return false;
}

}  // namespace mvr::plan
