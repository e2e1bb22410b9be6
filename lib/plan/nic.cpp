// SPDX-License-Identifier: Apache-2.0
// One NIC's addresses, routes and rules.
#include <algorithm>
#include <array>

#include "mvr/plan/desired.hpp"
#include "plan/cluster.hpp"
#include "plan/lease.hpp"

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

using ip::Family;

constexpr std::array kFamilies = {Family::v4, Family::v6};

net::Route make_route(const Builder& b, const ip::Prefix& dst,
                      const std::optional<ip::Address>& gateway, std::uint32_t table,
                      std::uint32_t metric) {
  net::Route route;
  route.dst = dst.network();
  route.gateway = gateway;
  route.is_onlink = gateway && !is_on_link(b.ipam, *gateway);
  route.nic = b.nic;
  route.table = table;
  route.metric = metric == 0 && dst.family() == Family::v6 ? net::kV6Metric : metric;
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
    address.has_no_dad =
        ip.address.family() == Family::v6 && b.conf.ipv6.dad != cni::DadMode::kernel;
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
    rule.family = ip.address.family();
    add_once(b.desired.routing.rules, rule);
  }
  rule.from.reset();
  rule.oif = ifname;
  for (const Family family : kFamilies) {
    // A NIC without addresses has a table as well; its rule is IPv4's.
    if (has_family(b.ipam, family) || (b.ipam.ips.empty() && family == Family::v4)) {
      rule.family = family;
      b.desired.routing.rules.push_back(rule);
    }
  }
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
  if (has_family(b.ipam, Family::v6)) {
    add_route(b, make_route(b, *ip::Prefix::parse("fe80::/64"), std::nullopt, b.place.table, 0));
  }
}

/// Without it the NIC's traffic would go on to main and leave by eth0.
void add_wall(Builder& b, Family family) {
  net::Route wall =
      make_route(b, ip::Prefix::any(family), std::nullopt, b.place.table, kHighestMetric);
  wall.type = net::RouteType::unreachable;
  wall.nic = net::IfIndex::none;
  add_route(b, wall);
  if (!b.ipam.ips.empty()) {
    b.desired.warnings.push_back(std::string("IPAM gives no gateway for ") +
                                 (family == Family::v4 ? "IPv4" : "IPv6") +
                                 ": the NIC reaches its own subnet only");
  }
}

net::Route make_default(const Builder& b, const cni::RouteConfig* wanted,
                        const std::optional<ip::Address>& gateway, Family family) {
  const std::uint32_t metric = wanted != nullptr ? wanted->priority.value_or(0) : 0;
  net::Route route = make_route(b, ip::Prefix::any(family), gateway, b.place.table, metric);
  if (wanted != nullptr) {
    route.mtu = wanted->mtu.value_or(0);
    route.advmss = wanted->advmss.value_or(0);
  }
  return route;
}

void warn_of_other_gateways(Builder& b, Family family, const std::optional<ip::Address>& chosen) {
  for (const cni::IpConfig& ip : b.ipam.ips) {
    const auto gateway = gateway_of(ip, b.ipam);
    if (ip.address.family() == family && gateway && gateway != chosen) {
      b.desired.warnings.push_back(
          "gateway " + gateway->to_string() + " of address " + ip.address.to_string() +
          " is left out: the NIC's default goes by " + chosen->to_string());
    }
  }
}

/// T's default, or a wall. Further ones of IPAM have their places if their priorities differ.
void plan_default(Builder& b, Family family) {
  const auto gateway = first_gateway(b.ipam, family);
  const auto defaults = find_defaults(b.ipam, family);
  if (!gateway && defaults.empty()) {
    add_wall(b, family);
    return;
  }
  add_route(b, make_default(b, defaults.empty() ? nullptr : defaults.front(), gateway, family));
  for (const cni::RouteConfig* wanted : defaults) {
    if (wanted != defaults.front()) {
      add_route(b, make_default(b, wanted, wanted->gateway ? wanted->gateway : gateway, family));
    }
  }
  warn_of_other_gateways(b, family, gateway);
}

/// `podDefaultRouteNic`: the pod's own default goes by this NIC.
void plan_main_default(Builder& b, const std::string& ifname) {
  if (b.conf.default_route_nic != ifname) {
    return;
  }
  for (const Family family : kFamilies) {
    const auto gateway = first_gateway(b.ipam, family);
    if (!gateway || !has_family(b.ipam, family)) {
      continue;
    }
    const auto defaults = find_defaults(b.ipam, family);
    net::Route route =
        make_default(b, defaults.empty() ? nullptr : defaults.front(), gateway, family);
    route.table = net::kTableMain;
    route.metric = b.main_metric();
    add_route(b, route);
    cni::RouteConfig shown = defaults.empty() ? cni::RouteConfig{} : *defaults.front();
    shown.dst = route.dst;
    shown.gateway = gateway;
    shown.priority = route.metric;
    b.desired.main_routes.push_back(shown);
    b.desired.default_families.push_back(family);
  }
}

void add_policy_route(Builder& b, const cni::PolicyRoute& wanted) {
  if (has_family(b.ipam, wanted.dst.family())) {
    add_route(b, make_route(b, wanted.dst, wanted.gateway, b.place.table, 0));
    return;
  }
  b.desired.warnings.push_back("policyRoutes: the route to " + wanted.dst.to_string() +
                               " is left out, as the NIC has no address of its family");
}

/// `hostRuleTable`: what comes from the node by the overlay NIC goes back by it.
void plan_node_routes(Builder& b) {
  for (const NodePath& path : b.facts.node_paths) {
    const Family family = path.overlay.family();
    const auto hop = find_next_hop(b.facts, b.place.overlay_table, family);
    for (const ip::Address& address : b.facts.host_addresses) {
      if (hop && address.family() == family && has_family(b.ipam, family)) {
        add_route(b, make_overlay_route(*b.facts.overlay, *hop, ip::Prefix::host(address),
                                        b.place.table, net::kV6Metric));
      }
    }
  }
}

net::Route to_route(const Builder& b, const cni::RouteConfig& wanted, std::uint32_t table,
                    std::uint32_t metric) {
  // Scope link says "no gateway", whatever the address has (RFC 3549, RT_SCOPE_LINK).
  constexpr std::uint32_t kScopeLink = 253;
  const bool has_no_gateway = wanted.scope && *wanted.scope >= kScopeLink;
  auto implied = has_no_gateway ? std::nullopt : first_gateway(b.ipam, wanted.dst.family());
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

/// T and main.
void plan_routed(Builder& b) {
  plan_connected(b);
  for (const Family family : kFamilies) {
    if (has_family(b.ipam, family) || (b.ipam.ips.empty() && family == Family::v4)) {
      plan_default(b, family);
    }
  }
  for (const cni::PolicyRoute& route : b.conf.policy_routes) {
    add_policy_route(b, route);
  }
  plan_node_routes(b);
  for (const cni::RouteConfig& route : b.ipam.routes) {
    if (!route.dst.is_default() || route.table) {
      plan_route(b, route);
    }
  }
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
  if (!b.conf.policy_routes.empty()) {
    b.desired.warnings.emplace_back(
        "policyRoutes are left out: the NIC has no table of its own, as the pod has no overlay "
        "NIC");
  }
  for (const cni::RouteConfig& route : b.ipam.routes) {
    if (route.table) {
      add_route(b, to_route(b, route, *route.table, route.priority.value_or(0)));
    } else {
      add_to_main(b, route, route.priority.value_or(0));
    }
  }
}

Result<void> check_policy_routes(const cni::NetConf& conf, const cni::AddResult& ipam) {
  for (const cni::PolicyRoute& route : conf.policy_routes) {
    if (is_own(ipam, route.gateway)) {
      return fail(Code::bad_config, "policyRoutes: gw " + route.gateway.to_string() + " of " +
                                        route.dst.to_string() + " is the NIC's own address");
    }
  }
  return {};
}

/// A NIC that is to own the pod's default must have one.
Result<void> check_default(const cni::NetConf& conf, const Place& place, const std::string& ifname,
                           const cni::AddResult& ipam) {
  const bool has_gateway =
      first_gateway(ipam, Family::v4).has_value() || first_gateway(ipam, Family::v6).has_value();
  if (conf.default_route_nic != ifname || !place.is_routed || has_gateway) {
    return {};
  }
  return fail(Code::routing, "podDefaultRouteNic \"" + ifname +
                                 "\": IPAM gives this NIC no gateway, so it cannot own the pod's "
                                 "default route");
}

}  // namespace

Result<DesiredNic> plan_nic(const cni::NetConf& conf, const Facts& facts, const Place& place,
                            net::IfIndex nic, const std::string& ifname,
                            const cni::AddResult& result) {
  const cni::AddResult ipam = normalize(result);
  MVR_TRY(check_lease(ipam, facts, place));
  MVR_TRY(check_policy_routes(conf, ipam));
  MVR_TRY(check_default(conf, place, ifname, ipam));
  Builder builder{conf, facts, place, nic, ipam, {}};
  plan_addresses(builder);
  if (place.is_routed) {
    plan_routed(builder);
    plan_rules(builder, ifname);
    plan_main_default(builder, ifname);
  } else {
    plan_plain(builder);
  }
  return std::move(builder.desired);
}

}  // namespace mvr::plan
