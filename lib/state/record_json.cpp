// SPDX-License-Identifier: Apache-2.0
#include "state/record_json.hpp"

#include <algorithm>

namespace mvr::state {
namespace {

Json format_way(const net::Hop& way) {
  Json json = {{"dev", to_int(way.nic)}, {"onlink", way.is_onlink}, {"weight", way.weight}};
  if (way.gateway) {
    json["via"] = way.gateway->to_string();
  }
  return json;
}

Json format_route(const net::Route& route) {
  Json ways = Json::array({format_way({route.nic, route.gateway, route.is_onlink, route.weight})});
  std::ranges::transform(route.more_ways, std::back_inserter(ways), format_way);
  Json json = {{"dst", route.dst.to_string()}, {"table", route.table},
               {"metric", route.metric},       {"mtu", route.mtu},
               {"advmss", route.advmss},       {"protocol", route.protocol},
               {"ways", std::move(ways)}};
  if (route.src) {
    json["src"] = route.src->to_string();
  }
  return json;
}

/// An address that need not be there.
void read_address(const Json& json, const char* key, std::optional<ip::Address>& address,
                  bool& is_whole) {
  if (json.contains(key)) {
    address = ip::Address::parse(get<std::string>(json, key).value_or(""));
    is_whole &= address.has_value();
  }
}

std::optional<net::Hop> parse_way(const Json& json) {
  net::Hop way;
  bool is_whole = json.is_object();
  if (!is_whole) {
    return std::nullopt;
  }
  int nic = 0;
  read(json, "dev", nic, is_whole);
  read(json, "onlink", way.is_onlink, is_whole);
  read(json, "weight", way.weight, is_whole);
  read_address(json, "via", way.gateway, is_whole);
  way.nic = net::IfIndex{nic};
  return is_whole ? std::optional(way) : std::nullopt;
}

/// The first way is the route's own.
bool read_ways(const Json& json, net::Route& route) {
  const auto ways = json.find("ways");
  if (ways == json.end() || !ways->is_array() || ways->empty()) {
    return false;
  }
  for (const Json& one : *ways) {
    const auto way = parse_way(one);
    if (!way) {
      return false;
    }
    route.more_ways.push_back(*way);
  }
  const net::Hop first = route.more_ways.front();
  route.more_ways.erase(route.more_ways.begin());
  route.nic = first.nic;
  route.gateway = first.gateway;
  route.is_onlink = first.is_onlink;
  route.weight = first.weight;
  return true;
}

/// IPv4 may have next hops of IPv6.
bool has_fitting_families(const net::Route& route) {
  const auto is_own = [&](const std::optional<ip::Address>& address) {
    return !address || address->family() == route.dst.family();
  };
  const auto can_be_hop = [&](const std::optional<ip::Address>& gateway) {
    return is_own(gateway) || gateway->family() == ip::Family::v6;
  };
  return is_own(route.src) && can_be_hop(route.gateway) &&
         std::ranges::all_of(route.more_ways,
                             [&](const net::Hop& way) { return can_be_hop(way.gateway); });
}

std::optional<net::Route> parse_route(const Json& json) {
  net::Route route;
  bool is_whole = json.is_object();
  if (!is_whole) {
    return std::nullopt;
  }
  const auto dst = ip::Prefix::parse(get<std::string>(json, "dst").value_or(""));
  is_whole &= dst.has_value();
  route.dst = dst.value_or(route.dst);
  read(json, "table", route.table, is_whole);
  read(json, "metric", route.metric, is_whole);
  read(json, "mtu", route.mtu, is_whole);
  read(json, "advmss", route.advmss, is_whole);
  read(json, "protocol", route.protocol, is_whole);
  read_address(json, "src", route.src, is_whole);
  is_whole &= read_ways(json, route);
  return is_whole && has_fitting_families(route) ? std::optional(route) : std::nullopt;
}

}  // namespace

Json format_routes(const std::vector<net::Route>& routes) {
  Json list = Json::array();
  std::ranges::transform(routes, std::back_inserter(list), format_route);
  return list;
}

std::optional<std::vector<net::Route>> parse_routes(const Json& json) {
  if (!json.is_array()) {
    return std::nullopt;
  }
  std::vector<net::Route> routes;
  for (const Json& one : json) {
    auto route = parse_route(one);
    if (!route) {
      return std::nullopt;
    }
    routes.push_back(*std::move(route));
  }
  return routes;
}

}  // namespace mvr::state
