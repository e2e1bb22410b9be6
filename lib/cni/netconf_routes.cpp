// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include <nlohmann/json.hpp>

#include "cni/netconf_readers.hpp"

namespace mvr::cni {
namespace {

/// Judges both members, so that one call names all that is wrong with a route.
std::optional<PolicyRoute> read_policy_route(const Field& route) {
  constexpr std::array<std::string_view, 2> kKnown = {"dst", "gw"};
  const Member dst = find_member(route.value, "dst");
  const Member gw = find_member(route.value, "gw");
  if (dst.value == nullptr || gw.value == nullptr) {
    route.refuse(
        "must be an object with dst and gw, such as "
        "{\"dst\":\"10.9.0.0/16\",\"gw\":\"172.16.11.254\"}");
    return std::nullopt;
  }
  report_keys(route, kKnown);
  const auto prefix =
      read_cidr(route.member("dst", *dst.value), "it goes by the gateway that IPAM gives");
  const auto gateway =
      read_unicast(route.member("gw", *gw.value),
                   "must be the unicast address of a gateway, such as \"172.16.11.254\"");
  if (!prefix || !gateway) {
    return std::nullopt;
  }
  if (prefix->family() != gateway->family()) {
    route.refuse("dst and gw must both be IPv4 or both be IPv6");
    return std::nullopt;
  }
  return PolicyRoute{*prefix, *gateway};
}

void add_policy_route(const Field& field, std::vector<PolicyRoute>& routes) {
  const auto route = read_policy_route(field);
  if (route && std::ranges::find(routes, route->dst, &PolicyRoute::dst) != routes.end()) {
    field.refuse("another route has the same dst; a table holds one of them");
  } else if (route) {
    routes.push_back(*route);
  }
}

}  // namespace

void read_policy_routes(const Field& field) {
  if (!field.value.is_array()) {
    field.refuse(
        "must be a list of routes such as [{\"dst\":\"10.9.0.0/16\",\"gw\":\"172.16.11.254\"}]");
    return;
  }
  auto& routes = field.conf().policy_routes;
  routes.clear();
  for (std::size_t i = 0; i < field.value.size(); ++i) {
    add_policy_route(field.element(i), routes);
  }
}

}  // namespace mvr::cni
