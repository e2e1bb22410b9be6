// SPDX-License-Identifier: Apache-2.0
// One NIC's addresses, routes and rules.
#include <algorithm>
#include <array>

#include "plan/cluster.hpp"
#include "plan/lease.hpp"
#include "plan/nic_builder.hpp"

namespace mvr::plan {
namespace {

using ip::Family;

constexpr std::array kFamilies = {Family::v4, Family::v6};

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
  }
}

/// Whom to probe: the addresses' gateways, and those by which the NIC's defaults go. Asked from an
/// address of the NIC.
void plan_gateways(Builder& b) {
  auto& gateways = b.desired.gateways;
  for (const cni::IpConfig& ip : b.ipam.ips) {
    if (const auto gateway = gateway_of(ip, b.ipam)) {
      add_once(gateways, {ip.address.address, *gateway});
    }
  }
  for (const net::Route& route : b.desired.routing.routes) {
    const bool is_used =
        route.dst.is_default() && (route.table == b.place.table || route.table == net::kTableMain);
    const auto own = std::ranges::find_if(b.ipam.ips, [&](const cni::IpConfig& ip) {
      return ip.address.family() == route.dst.family();
    });
    const bool is_new =
        route.gateway &&
        std::ranges::find(gateways, *route.gateway, &probe::Target::gateway) == gateways.end();
    if (is_used && is_new && own != b.ipam.ips.end()) {
      gateways.push_back({own->address.address, *route.gateway});
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
  for (const auto& [family, path] : b.facts.node_paths) {
    const auto hop = find_next_hop(b.facts, b.place.overlay_table, family);
    if (!path || !hop || !has_family(b.ipam, family)) {
      continue;
    }
    std::vector<ip::Address> addresses = b.facts.host_addresses;
    if (path->source) {
      add_once(addresses, *path->source);  // the node asks from it, whatever is kept in main
    }
    for (const ip::Address& address : addresses) {
      if (address.family() == family) {
        add_route(b, make_overlay_route(*b.facts.overlay, *hop, ip::Prefix::host(address),
                                        b.place.table, net::kV6Metric));
      }
    }
  }
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
  add_route(b, to_route(b, wanted, b.place.table, wanted.priority.value_or(0)));
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

/// The first one that was there counts, as with the standard macvlan plugin.
bool has_rival(Builder& b, const cni::RouteConfig& wanted, std::uint32_t metric) {
  const net::Route route = to_route(b, wanted, net::kTableMain, metric);
  const auto& routes = b.facts.pod.routes;
  const auto rival = std::ranges::find_if(routes, [&](const net::Route& other) {
    return has_same_key(other, route) && other.nic != b.nic;
  });
  if (rival == routes.end()) {
    return false;
  }
  b.desired.warnings.push_back("IPAM's route to " + wanted.dst.to_string() +
                               " is left out: there is \"" +
                               describe(*rival, b.facts.pod.name_of(rival->nic)) + '"');
  return true;
}

/// Like the standard macvlan plugin: IPAM's routes are the pod's routes.
void plan_plain(Builder& b) {
  if (!b.conf.policy_routes.empty()) {
    const bool has_addresses = !b.conf.ipam_type.empty();
    b.desired.warnings.push_back(
        std::string("policyRoutes are left out: the NIC has no table of its own, as ") +
        (has_addresses ? "the pod has no overlay NIC" : "there is no ipam"));
  }
  for (const cni::RouteConfig& route : b.ipam.routes) {
    if (route.table) {
      add_route(b, to_route(b, route, *route.table, route.priority.value_or(0)));
    } else if (!has_rival(b, route, route.priority.value_or(0))) {
      add_to_main(b, route, route.priority.value_or(0));
    }
  }
}

Result<void> check_mtu(const cni::NetConf& conf, const Facts& facts, const cni::AddResult& ipam) {
  for (const cni::IpConfig& ip : ipam.ips) {
    if (ip.address.family() == Family::v6 && mtu_of(conf, facts) < kLeastV6Mtu) {
      return fail(Code::bad_config, "IPAM's address " + ip.address.to_string() +
                                        ": the NIC's mtu " + std::to_string(mtu_of(conf, facts)) +
                                        " is too small for IPv6, which needs " +
                                        std::to_string(kLeastV6Mtu));
    }
  }
  return {};
}

/// IPv6 cannot be off on a NIC that gets an address of it.
Result<void> check_sysctls(const cni::NetConf& conf, const cni::AddResult& ipam) {
  for (const cni::SysctlConf& sysctl : conf.sysctls) {
    const bool is_off = sysctl.path == "ipv6/conf/IFNAME/disable_ipv6" && sysctl.value != "0";
    const auto address = std::ranges::find_if(
        ipam.ips, [](const cni::IpConfig& ip) { return ip.address.family() == Family::v6; });
    if (is_off && address != ipam.ips.end()) {
      return fail(Code::bad_config, sysctl.label + " \"" + sysctl.value +
                                        "\": must be \"0\" or absent, as IPAM gives the NIC the "
                                        "address " +
                                        address->address.to_string());
    }
  }
  return {};
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
  MVR_TRY(check_mtu(conf, facts, ipam));
  MVR_TRY(check_sysctls(conf, ipam));
  MVR_TRY(check_policy_routes(conf, ipam));
  MVR_TRY(check_default(conf, place, ifname, ipam));
  Builder builder{conf, facts, place, nic, ipam, {}};
  plan_addresses(builder);
  if (conf.host_rule_table != 0 && !facts.overlay) {
    builder.desired.warnings.emplace_back(
        "hostRuleTable is of no use: the pod has no overlay NIC by which the node could reach it");
  }
  if (place.is_routed) {
    plan_routed(builder);
    plan_rules(builder, ifname);
    plan_main_default(builder, ifname);
  } else {
    plan_plain(builder);
  }
  plan_gateways(builder);
  return std::move(builder.desired);
}

}  // namespace mvr::plan
