// SPDX-License-Identifier: Apache-2.0
// One NIC's addresses, routes and rules.
#include <algorithm>

#include "mvr/plan/desired.hpp"
#include "plan/cluster.hpp"

namespace mvr::plan {
namespace {

constexpr std::uint32_t kHighestMetric = UINT32_MAX;

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

const cni::RouteConfig* find_default(const cni::AddResult& ipam) {
  const auto found = std::ranges::find_if(ipam.routes, [](const cni::RouteConfig& route) {
    return route.dst.is_default() && !route.table;
  });
  return found != ipam.routes.end() ? &*found : nullptr;
}

/// The address' own gateway or, as the CNI specification has it, that of IPAM's default route.
std::optional<ip::Address> gateway_of(const cni::IpConfig& ip, const cni::AddResult& ipam) {
  const cni::RouteConfig* by_default = find_default(ipam);
  return ip.gateway || by_default == nullptr ? ip.gateway : by_default->gateway;
}

bool is_unicast(const ip::Address& address) {
  return !address.is_any() && !address.is_multicast() && !address.is_loopback();
}

bool is_own(const cni::AddResult& ipam, const ip::Address& address) {
  return std::ranges::any_of(
      ipam.ips, [&](const cni::IpConfig& ip) { return ip.address.address == address; });
}

Result<void> check_address(const cni::IpConfig& ip) {
  const auto refuse = [&](Code code, const std::string& why) {
    return fail(code, "IPAM's address " + ip.address.to_string() + ": " + why);
  };
  if (ip.address.family() == ip::Family::v6) {
    return refuse(Code::unsupported_field, "IPv6 is not supported yet");
  }
  if (!is_unicast(ip.address.address)) {
    return refuse(Code::bad_config, "is no unicast address that a NIC can have");
  }
  if (ip.address.length == 0) {
    return refuse(Code::bad_config, "its prefix length must be from 1 to 32");
  }
  return {};
}

Result<void> check_gateway(const cni::IpConfig& ip, const cni::AddResult& ipam) {
  const std::optional<ip::Address> gateway = gateway_of(ip, ipam);
  if (!gateway) {
    return {};
  }
  const auto refuse = [&](Code code, const std::string& why) {
    return fail(code, "IPAM's address " + ip.address.to_string() + ": its gateway " +
                          gateway->to_string() + ' ' + why);
  };
  if (gateway->family() == ip::Family::v6) {
    return refuse(Code::unsupported_field, "is IPv6, which is not supported yet");
  }
  if (!is_unicast(*gateway)) {
    return refuse(Code::bad_config, "is no unicast address");
  }
  if (is_own(ipam, *gateway)) {
    return refuse(Code::bad_config, "is the address itself or another one of this NIC");
  }
  return {};
}

/// The gateway for routes that name none.
std::optional<ip::Address> first_gateway(const cni::AddResult& ipam) {
  for (const cni::IpConfig& ip : ipam.ips) {
    if (const auto gateway = gateway_of(ip, ipam)) {
      return gateway;
    }
  }
  return std::nullopt;
}

bool is_on_link(const cni::AddResult& ipam, const ip::Address& gateway) {
  return std::ranges::any_of(ipam.ips,
                             [&](const cni::IpConfig& ip) { return ip.address.contains(gateway); });
}

net::Route make_route(const Builder& b, const ip::Prefix& dst,
                      const std::optional<ip::Address>& gateway, std::uint32_t table,
                      std::uint32_t metric) {
  net::Route route;
  route.dst = dst.network();
  route.gateway = gateway;
  route.is_onlink = gateway && !is_on_link(b.ipam, *gateway);
  route.nic = b.nic;
  route.table = table;
  route.metric = metric;
  return route;
}

template <typename T>
void add_once(std::vector<T>& objects, const T& object) {
  if (std::ranges::find(objects, object) == objects.end()) {
    objects.push_back(object);
  }
}

/// The kernel has one route for a destination, table and metric: the first one wins.
/// False for one that is left out.
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

/// True if the kernel makes a route of this key itself, with the address.
bool is_connected(const Builder& b, const net::Route& route) {
  const auto connects = [&](const cni::IpConfig& ip) {
    return ip.address.network() == route.dst && ip.address.length < ip::bits(route.dst.family());
  };
  return route.metric == b.main_metric() && std::ranges::any_of(b.ipam.ips, connects);
}

void plan_addresses(Builder& b) {
  for (const cni::IpConfig& ip : b.ipam.ips) {
    net::IfAddress address;
    address.index = b.nic;
    address.prefix = ip.address;
    address.metric = b.main_metric();
    add_once(b.desired.addresses, address);
    if (const auto gateway = gateway_of(ip, b.ipam)) {
      add_once(b.desired.gateways, {ip.address.address, *gateway});
    }
  }
}

void plan_rules(Builder& b, const std::string& ifname) {
  net::Rule rule;
  rule.table = b.place.table;
  rule.priority = b.place.priority;
  for (const cni::IpConfig& ip : b.ipam.ips) {
    rule.from = ip::Prefix::host(ip.address.address);
    add_once(b.desired.routing.rules, rule);
  }
  rule.from.reset();
  rule.oif = ifname;
  b.desired.routing.rules.push_back(rule);
}

void plan_connected(Builder& b) {
  for (const cni::IpConfig& ip : b.ipam.ips) {
    net::Route route = make_route(b, ip.address, std::nullopt, b.place.table, 0);
    route.src = ip.address.address;
    auto& routes = b.desired.routing.routes;
    const bool has_subnet = ip.address.length < ip::bits(ip.address.family());
    if (has_subnet && std::ranges::find(routes, route.dst, &net::Route::dst) == routes.end()) {
      routes.push_back(route);
    }
  }
}

/// T's default, or a wall: without it the NIC's traffic would go on to main and leave by eth0.
void plan_default(Builder& b) {
  const auto gateway = first_gateway(b.ipam);
  const ip::Prefix everything = ip::Prefix::any(ip::Family::v4);
  if (!gateway && find_default(b.ipam) == nullptr) {
    net::Route wall = make_route(b, everything, std::nullopt, b.place.table, kHighestMetric);
    wall.type = net::RouteType::unreachable;
    wall.nic = net::IfIndex::none;
    add_route(b, wall);
    return;
  }
  net::Route route = make_route(b, everything, gateway, b.place.table, 0);
  if (const cni::RouteConfig* by_default = find_default(b.ipam)) {
    route.mtu = by_default->mtu.value_or(0);
    route.advmss = by_default->advmss.value_or(0);
  }
  add_route(b, route);
}

net::Route to_route(const Builder& b, const cni::RouteConfig& wanted, std::uint32_t table,
                    std::uint32_t metric) {
  // Scope link says "no gateway", whatever the address has (RFC 3549, RT_SCOPE_LINK).
  constexpr std::uint32_t kScopeLink = 253;
  const bool has_no_gateway = wanted.scope && *wanted.scope >= kScopeLink;
  auto implied = has_no_gateway ? std::nullopt : first_gateway(b.ipam);
  if (implied && wanted.dst == ip::Prefix::host(*implied)) {
    implied.reset();  // the route to the gateway itself
  }
  net::Route route =
      make_route(b, wanted.dst, wanted.gateway ? wanted.gateway : implied, table, metric);
  route.mtu = wanted.mtu.value_or(0);
  route.advmss = wanted.advmss.value_or(0);
  return route;
}

/// The cluster's prefix that a route of IPAM would take away from the overlay NIC.
std::optional<ip::Prefix> find_covering(const Builder& b, const ip::Prefix& dst) {
  if (!b.facts.overlay) {
    return std::nullopt;
  }
  const auto prefixes = cluster_prefixes(b.conf, b.facts);
  const auto found = std::ranges::find_if(
      prefixes, [&](const ip::Prefix& prefix) { return prefix.contains(dst); });
  return found != prefixes.end() ? std::optional(*found) : std::nullopt;
}

void add_to_main(Builder& b, const cni::RouteConfig& wanted, std::uint32_t metric) {
  const net::Route route = to_route(b, wanted, net::kTableMain, metric);
  if (is_connected(b, route) || !add_route(b, route)) {
    return;
  }
  cni::RouteConfig shown = wanted;
  shown.priority = metric != 0 ? std::optional(metric) : std::nullopt;
  b.desired.main_routes.push_back(shown);
}

/// A route of IPAM that is no default: into T, and into main behind what is the cluster's.
void plan_route(Builder& b, const cni::RouteConfig& wanted) {
  if (wanted.table) {
    add_route(b, to_route(b, wanted, *wanted.table, wanted.priority.value_or(0)));
    return;
  }
  add_route(b, to_route(b, wanted, b.place.table, 0));
  if (const auto covering = find_covering(b, wanted.dst)) {
    b.desired.warnings.push_back("IPAM's route to " + wanted.dst.to_string() + " lies in " +
                                 covering->to_string() + ", which is kept on " +
                                 b.facts.overlay->link.name +
                                 ": it goes to the NIC's own table only");
    return;
  }
  add_to_main(b, wanted, wanted.priority.value_or(b.main_metric()));
}

void plan_routed(Builder& b, const std::string& ifname) {
  plan_connected(b);
  plan_default(b);
  for (const cni::RouteConfig& route : b.ipam.routes) {
    if (!route.dst.is_default() || route.table) {
      plan_route(b, route);
    }
  }
  plan_rules(b, ifname);
  for (const cni::IpConfig& ip : b.ipam.ips) {
    if (const auto covering = find_covering(b, ip.address)) {
      b.desired.warnings.push_back("the NIC's subnet " + ip.address.network().to_string() +
                                   " lies in " + covering->to_string() +
                                   ", which is meant for the overlay: addresses in both are "
                                   "reached by the NIC");
    }
  }
}

/// Like the standard macvlan plugin: IPAM's routes are the pod's routes.
void plan_plain(Builder& b) {
  for (const cni::RouteConfig& route : b.ipam.routes) {
    if (route.table) {
      add_route(b, to_route(b, route, *route.table, route.priority.value_or(0)));
    } else {
      add_to_main(b, route, route.priority.value_or(0));
    }
  }
}

/// IPAM may name a table of its own for a route, but none of the kernel's or of the pod's NICs.
Result<void> check_table(const cni::RouteConfig& route, const Facts& facts, const Place& place) {
  const std::uint32_t table = route.table.value_or(place.table);
  if (!route.table || table == place.table) {
    return {};
  }
  const std::string nic = find_nic_of_table(facts.pod, table);
  const bool is_overlays = facts.overlay && table == place.overlay_table;
  if (!is_reserved(table) && !is_overlays && nic.empty()) {
    return {};
  }
  const std::string user = is_overlays ? facts.overlay->link.name : nic;
  return fail(Code::routing, "IPAM's route to " + route.dst.to_string() + ": table " +
                                 std::to_string(table) +
                                 (user.empty() ? " is reserved" : " is in use by " + user));
}

/// 0 and 254 are names of main, which is where routes without a table go as well.
cni::AddResult normalize(cni::AddResult ipam) {
  for (cni::RouteConfig& route : ipam.routes) {
    if (route.table == 0U || route.table == net::kTableMain) {
      route.table.reset();
    }
  }
  return ipam;
}

Result<void> check_routes(const cni::AddResult& ipam, const Facts& facts, const Place& place) {
  for (const cni::RouteConfig& route : ipam.routes) {
    const bool has_v6_gateway = route.gateway && route.gateway->family() == ip::Family::v6;
    if (route.dst.family() == ip::Family::v6 || has_v6_gateway) {
      return fail(Code::unsupported_field,
                  "IPAM's route to " + route.dst.to_string() +
                      (has_v6_gateway ? " via " + route.gateway->to_string() : "") +
                      ": IPv6 is not supported yet");
    }
    MVR_TRY(check_table(route, facts, place));
    // The kernel would take it, and drop the packets.
    if (route.gateway && is_own(ipam, *route.gateway)) {
      return fail(Code::bad_config, "IPAM's route to " + route.dst.to_string() + ": its gateway " +
                                        route.gateway->to_string() + " is the NIC's own address");
    }
  }
  return {};
}

}  // namespace

Result<DesiredNic> plan_nic(const cni::NetConf& conf, const Facts& facts, const Place& place,
                            net::IfIndex nic, const std::string& ifname,
                            const cni::AddResult& result) {
  const cni::AddResult ipam = normalize(result);
  for (const cni::IpConfig& ip : ipam.ips) {
    MVR_TRY(check_address(ip));
    MVR_TRY(check_gateway(ip, ipam));
  }
  MVR_TRY(check_routes(ipam, facts, place));
  Builder builder{conf, facts, place, nic, ipam, {}};
  plan_addresses(builder);
  if (place.is_routed) {
    plan_routed(builder, ifname);
  } else {
    plan_plain(builder);
  }
  return std::move(builder.desired);
}

}  // namespace mvr::plan
