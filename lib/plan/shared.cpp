// SPDX-License-Identifier: Apache-2.0
// What a pod has once, whatever the number of its NICs: the overlay NIC's table, the cluster's
// routes.
#include <algorithm>

#include "mvr/plan/desired.hpp"
#include "plan/cluster.hpp"

namespace mvr::plan {
namespace {

/// How the overlay NIC reaches the cluster.
struct NextHop {
  std::optional<ip::Address> gateway;  ///< nothing: everything is on its link
  bool is_onlink = false;
  std::uint32_t mtu = 0;  ///< the tunnel's, where the link's would be too large
  std::uint32_t advmss = 0;
};

bool leaves_by(const net::Route& route, const Overlay& overlay) {
  return route.nic == overlay.link.index && route.type == net::RouteType::unicast;
}

/// A route of main by the overlay NIC that is not one of ours.
bool is_its_own(const net::Route& route, const Overlay& overlay) {
  return leaves_by(route, overlay) && route.table == net::kTableMain &&
         route.protocol != net::kOurMark;
}

/// The best default by the overlay NIC, in main or, where somebody has removed that one, in T0.
const net::Route* find_default(const Facts& facts, std::uint32_t table) {
  const net::Route* best = nullptr;
  for (const net::Route& route : facts.pod.routes) {
    if (route.dst.is_default() && route.table == table && leaves_by(route, *facts.overlay) &&
        (best == nullptr || route.metric < best->metric)) {
      best = &route;
    }
  }
  return best;
}

/// The gateway of a pod without a default: on Calico and Cilium the route to it is still there.
const net::Route* find_route_to_host(const Facts& facts) {
  const auto found = std::ranges::find_if(facts.pod.routes, [&](const net::Route& route) {
    return is_its_own(route, *facts.overlay) && !route.gateway &&
           route.dst.length == ip::bits(route.dst.family());
  });
  return found != facts.pod.routes.end() ? &*found : nullptr;
}

std::optional<NextHop> find_next_hop(const Facts& facts, const Place& place) {
  for (const std::uint32_t table : {net::kTableMain, place.overlay_table}) {
    if (const net::Route* route = find_default(facts, table)) {
      return NextHop{route->gateway, route->is_onlink, route->mtu, route->advmss};
    }
  }
  if (const net::Route* route = find_route_to_host(facts)) {
    return NextHop{route->dst.address};
  }
  return std::nullopt;
}

std::optional<ip::Address> source_of(const Overlay& overlay) {
  if (overlay.addresses.empty()) {
    return std::nullopt;
  }
  return overlay.addresses.front().prefix.address;
}

net::Route make_route(const Overlay& overlay, const NextHop& hop, const ip::Prefix& dst,
                      std::uint32_t table) {
  net::Route route;
  route.dst = dst;
  route.gateway = hop.gateway;
  route.is_onlink = hop.is_onlink;
  route.nic = overlay.link.index;
  route.table = table;
  route.mtu = hop.mtu;
  route.advmss = hop.advmss;
  return route;
}

/// T0: what the overlay NIC has in main, so that its replies leave by it whatever the rails bring.
void plan_overlay_table(const Facts& facts, const Place& place, const std::optional<NextHop>& hop,
                        Routing& routing) {
  bool has_default = false;
  for (const net::Route& route : facts.pod.routes) {
    const bool is_default = route.dst.is_default();
    if (is_its_own(route, *facts.overlay) && (is_default || !route.gateway)) {
      net::Route copy = route;
      copy.table = place.overlay_table;
      copy.protocol = net::kOurMark;
      routing.routes.push_back(copy);
      has_default |= is_default;
    }
  }
  if (!has_default && hop) {
    // Main's default may go when T0 has its copy; that one stays as it is.
    const net::Route* copy = find_default(facts, place.overlay_table);
    routing.routes.push_back(copy != nullptr
                                 ? *copy
                                 : make_route(*facts.overlay, *hop, ip::Prefix::any(ip::Family::v4),
                                              place.overlay_table));
  }
  // A gateway is accepted only when the route that leads to it is there.
  std::stable_partition(routing.routes.begin(), routing.routes.end(),
                        [](const net::Route& route) { return !route.gateway; });
}

void plan_overlay_rules(const cni::NetConf& conf, const Overlay& overlay, const Place& place,
                        Routing& routing) {
  net::Rule rule;
  rule.table = place.overlay_table;
  rule.priority = conf.rule_priority_base + place.overlay_table;
  for (const net::IfAddress& address : overlay.addresses) {
    rule.from = ip::Prefix::host(address.prefix.address);
    routing.rules.push_back(rule);
  }
  rule.from.reset();
  rule.oif = overlay.link.name;
  routing.rules.push_back(rule);
}

/// True when a route of somebody else already leads there by the overlay NIC, as on Flannel.
bool is_satisfied(const Facts& facts, const ip::Prefix& wish) {
  return std::ranges::any_of(facts.pod.routes, [&](const net::Route& route) {
    return route.dst == wish && is_its_own(route, *facts.overlay);
  });
}

}  // namespace

std::vector<ip::Prefix> cluster_prefixes(const cni::NetConf& conf, const Facts& facts) {
  std::vector<ip::Prefix> wishes;
  const auto add = [&](const ip::Prefix& prefix) {
    if (std::ranges::find(wishes, prefix) == wishes.end()) {
      wishes.push_back(prefix);
    }
  };
  std::ranges::for_each(conf.service_cidr, add);
  std::ranges::for_each(conf.overlay_pod_cidr, add);
  std::ranges::for_each(conf.hijack_cidr, add);
  for (const ip::Address& address : facts.host_addresses) {
    add(ip::Prefix::host(address));
  }
  return wishes;
}

DesiredShared plan_shared(const cni::NetConf& conf, const Facts& facts, const Place& place) {
  DesiredShared shared;
  if (!facts.overlay || !place.is_routed) {
    return shared;
  }
  const Overlay& overlay = *facts.overlay;
  const std::optional<NextHop> hop = find_next_hop(facts, place);
  plan_overlay_table(facts, place, hop, shared.routing);
  plan_overlay_rules(conf, overlay, place, shared.routing);
  if (!hop) {
    shared.warnings.push_back(overlay.link.name +
                              " has neither a default route nor a route to its " +
                              "gateway: no cluster routes are made");
    return shared;
  }
  for (const ip::Prefix& wish : cluster_prefixes(conf, facts)) {
    if (!is_satisfied(facts, wish)) {
      net::Route route = make_route(overlay, *hop, wish, net::kTableMain);
      route.src = source_of(overlay);
      shared.routing.routes.push_back(route);
    }
  }
  return shared;
}

}  // namespace mvr::plan
