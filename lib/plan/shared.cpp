// SPDX-License-Identifier: Apache-2.0
// What a pod has once, whatever the number of its NICs: the overlay NIC's table, the cluster's
// routes.
#include <algorithm>
#include <array>

#include "mvr/plan/desired.hpp"
#include "plan/cluster.hpp"

namespace mvr::plan {
namespace {

bool leaves_by(const net::Route& route, const Overlay& overlay) {
  return route.nic == overlay.link.index && route.type == net::RouteType::unicast;
}

/// A route of main by the overlay NIC that is not one of ours.
bool is_its_own(const net::Route& route, const Overlay& overlay) {
  return leaves_by(route, overlay) && route.table == net::kTableMain &&
         route.protocol != net::kOurMark;
}

constexpr std::array kFamilies = {ip::Family::v4, ip::Family::v6};

/// Behind routes of others to the same destination, before a rail's: those have 1024.
constexpr std::uint32_t kV6ClusterMetric = 100;

/// The best default by the overlay NIC, in main or, where somebody has removed that one, in T0.
const net::Route* find_default(const Facts& facts, ip::Family family, std::uint32_t table) {
  const net::Route* best = nullptr;
  for (const net::Route& route : facts.pod.routes) {
    if (route.dst == ip::Prefix::any(family) && route.table == table &&
        leaves_by(route, *facts.overlay) && (best == nullptr || route.metric < best->metric)) {
      best = &route;
    }
  }
  return best;
}

/// The gateway of a pod without a default: on Calico and Cilium the IPv4 route to it is still
/// there.
std::optional<ip::Address> find_host(const Facts& facts, ip::Family family) {
  if (family == ip::Family::v6) {
    return facts.overlay->peer;
  }
  const auto found = std::ranges::find_if(facts.pod.routes, [&](const net::Route& route) {
    return is_its_own(route, *facts.overlay) && !route.gateway &&
           route.dst == ip::Prefix::host(route.dst.address) && route.dst.family() == family;
  });
  return found != facts.pod.routes.end() ? std::optional(found->dst.address) : std::nullopt;
}

bool has_family(const Overlay& overlay, ip::Family family) {
  return std::ranges::any_of(overlay.addresses, [&](const net::IfAddress& address) {
    return address.prefix.family() == family;
  });
}

/// The kernel refuses a source for which it still looks for duplicates.
std::optional<ip::Address> source_of(const Overlay& overlay, ip::Family family) {
  for (const net::IfAddress& address : overlay.addresses) {
    if (address.prefix.family() == family && !address.is_tentative) {
      return address.prefix.address;
    }
  }
  return std::nullopt;
}

/// Main's defaults may go when T0 has their copies; those stay as they are.
void keep_default(const Facts& facts, const Place& place, ip::Family family, const NextHop& hop,
                  Routing& routing) {
  const ip::Prefix any = ip::Prefix::any(family);
  const auto is_copy = [&](const net::Route& route) {
    return route.dst == any && route.table == place.overlay_table &&
           leaves_by(route, *facts.overlay);
  };
  std::ranges::copy_if(facts.pod.routes, std::back_inserter(routing.routes), is_copy);
  if (std::ranges::none_of(facts.pod.routes, is_copy)) {
    routing.routes.push_back(
        make_overlay_route(*facts.overlay, hop, any, place.overlay_table, net::kV6Metric));
  }
}

/// T0: what the overlay NIC has in main, so that its replies leave by it whatever the rails bring.
void plan_overlay_table(const Facts& facts, const Place& place, ip::Family family,
                        const std::optional<NextHop>& hop, Routing& routing) {
  bool has_default = false;
  for (const net::Route& route : facts.pod.routes) {
    const bool is_default = route.dst == ip::Prefix::any(family);
    if (route.dst.family() == family && is_its_own(route, *facts.overlay) &&
        (is_default || !route.gateway)) {
      net::Route copy = route;
      copy.table = place.overlay_table;
      copy.protocol = net::kOurMark;
      routing.routes.push_back(copy);
      has_default |= is_default;
    }
  }
  if (!has_default && hop) {
    keep_default(facts, place, family, *hop, routing);
  }
}

void plan_overlay_rules(const cni::NetConf& conf, const Overlay& overlay, const Place& place,
                        ip::Family family, Routing& routing) {
  net::Rule rule;
  rule.family = family;
  rule.table = place.overlay_table;
  rule.priority = conf.rule_priority_base + place.overlay_table;
  for (const net::IfAddress& address : overlay.addresses) {
    if (address.prefix.family() == family) {
      rule.from = ip::Prefix::host(address.prefix.address);
      routing.rules.push_back(rule);
    }
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

void plan_cluster(const cni::NetConf& conf, const Facts& facts, const NextHop& hop,
                  ip::Family family, Routing& routing) {
  for (const ip::Prefix& wish : cluster_prefixes(conf, facts)) {
    // The next hop itself is on the link; a route to it by itself would hide that from later ones.
    const bool is_hop = hop.gateway && wish == ip::Prefix::host(*hop.gateway);
    if (wish.family() == family && !is_hop && !is_satisfied(facts, wish)) {
      net::Route route =
          make_overlay_route(*facts.overlay, hop, wish, net::kTableMain, kV6ClusterMetric);
      route.src = source_of(*facts.overlay, family);
      routing.routes.push_back(route);
    }
  }
}

void plan_family(const cni::NetConf& conf, const Facts& facts, const Place& place,
                 ip::Family family, DesiredShared& shared) {
  const Overlay& overlay = *facts.overlay;
  const ip::Family other = family == ip::Family::v4 ? ip::Family::v6 : ip::Family::v4;
  const bool is_v4_by_default = family == ip::Family::v4 && !has_family(overlay, other);
  if (!has_family(overlay, family) && !is_v4_by_default) {
    return;  // the pod's cluster network is of the other family alone
  }
  const auto hop = find_next_hop(facts, place.overlay_table, family);
  plan_overlay_table(facts, place, family, hop, shared.routing);
  plan_overlay_rules(conf, overlay, place, family, shared.routing);
  if (hop) {
    plan_cluster(conf, facts, *hop, family, shared.routing);
  } else {
    shared.warnings.push_back(
        overlay.link.name + " has neither a default route nor a route to its gateway" +
        (family == ip::Family::v6 ? " (IPv6)" : "") + ": no cluster routes are made");
  }
}

}  // namespace

std::optional<NextHop> find_next_hop(const Facts& facts, std::uint32_t overlay_table,
                                     ip::Family family) {
  for (const std::uint32_t table : {net::kTableMain, overlay_table}) {
    if (const net::Route* route = find_default(facts, family, table)) {
      return NextHop{route->gateway, route->is_onlink, route->mtu,
                     route->advmss,  route->weight,    route->more_ways};
    }
  }
  const auto host = find_host(facts, family);
  return host ? std::optional(NextHop{host}) : std::nullopt;
}

net::Route make_overlay_route(const Overlay& overlay, const NextHop& hop, const ip::Prefix& dst,
                              std::uint32_t table, std::uint32_t v6_metric) {
  net::Route route;
  route.dst = dst;
  route.metric = dst.family() == ip::Family::v6 ? v6_metric : 0;
  route.gateway = hop.gateway;
  route.is_onlink = hop.is_onlink;
  route.nic = overlay.link.index;
  route.table = table;
  route.mtu = hop.mtu;
  route.advmss = hop.advmss;
  route.weight = hop.weight;
  route.more_ways = hop.more_ways;
  return route;
}

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
  for (const ip::Family family : kFamilies) {
    plan_family(conf, facts, place, family, shared);
  }
  // A gateway is accepted only when the route that leads to it is there.
  auto& routes = shared.routing.routes;
  std::stable_partition(routes.begin(), routes.end(),
                        [](const net::Route& route) { return !route.gateway; });
  return shared;
}

std::vector<net::Route> find_overlay_defaults(const PodState& pod, const Overlay& overlay) {
  std::vector<net::Route> found;
  std::ranges::copy_if(pod.routes, std::back_inserter(found), [&](const net::Route& route) {
    return route.dst.is_default() && is_its_own(route, overlay);
  });
  return found;
}

std::vector<ip::Family> find_default_families(const PodState& pod, const Overlay& overlay) {
  std::vector<ip::Family> families;
  for (const ip::Family family : kFamilies) {
    const net::Route* best = nullptr;
    for (const net::Route& route : pod.routes) {
      if (route.dst == ip::Prefix::any(family) && route.table == net::kTableMain &&
          (best == nullptr || route.metric < best->metric)) {
        best = &route;
      }
    }
    if (best != nullptr && leaves_by(*best, overlay)) {
      families.push_back(family);
    }
  }
  return families;
}

}  // namespace mvr::plan
