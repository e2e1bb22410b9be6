// SPDX-License-Identifier: Apache-2.0
// A NIC's default routes: T's, and main's if the NIC is to have it.
#include <algorithm>

#include "plan/lease.hpp"
#include "plan/nic_builder.hpp"

namespace mvr::plan {
namespace {

using ip::Family;

constexpr std::uint32_t kHighestMetric = UINT32_MAX;

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

/// IPAM's defaults that lead somewhere, or the one that an address' gateway stands for. A single
/// one goes by the address' gateway; of several each goes by its own.
std::vector<cni::RouteConfig> list_defaults(const Builder& b, Family family) {
  const auto gateway = first_gateway(b.ipam, family);
  std::vector<cni::RouteConfig> defaults;
  for (const cni::RouteConfig* wanted : find_defaults(b.ipam, family)) {
    if (wanted->gateway || gateway || is_without_gateway(*wanted)) {
      defaults.push_back(*wanted);
    }
  }
  if (defaults.empty() && gateway) {
    defaults.emplace_back().dst = ip::Prefix::any(family);
  }
  if (defaults.size() == 1 && gateway && !is_without_gateway(defaults.front())) {
    defaults.front().gateway = gateway;
  }
  return defaults;
}

/// Names a gateway of IPAM's by which none of the NIC's defaults goes.
void warn_if_unused(Builder& b, const std::optional<ip::Address>& gateway, const std::string& owner,
                    const std::vector<net::Route>& defaults) {
  const auto& chosen = defaults.front().gateway;
  if (gateway && std::ranges::find(defaults, gateway, &net::Route::gateway) == defaults.end()) {
    b.desired.warnings.push_back("gateway " + gateway->to_string() + " of " + owner +
                                 " is passed over: the NIC's default goes by " +
                                 (chosen ? chosen->to_string() : "the link itself"));
  }
}

void warn_of_other_gateways(Builder& b, Family family, const std::vector<net::Route>& defaults) {
  for (const cni::IpConfig& ip : b.ipam.ips) {
    if (ip.address.family() == family) {
      warn_if_unused(b, ip.gateway, "address " + ip.address.to_string(), defaults);
    }
  }
  for (const cni::RouteConfig* wanted : find_defaults(b.ipam, family)) {
    warn_if_unused(b, wanted->gateway, "IPAM's default route", defaults);
  }
}

/// Of the others in main only the overlay NIC's goes; one of less metric still comes first.
void warn_of_rivals(Builder& b, const net::Route& own) {
  for (const net::Route& other : b.facts.pod.routes) {
    const bool is_overlays = b.facts.overlay && other.nic == b.facts.overlay->link.index;
    if (other.dst == own.dst && other.table == own.table && other.nic != b.nic && !is_overlays &&
        other.metric <= own.metric) {
      b.desired.warnings.push_back("podDefaultRouteNic: \"" +
                                   describe(other, b.facts.pod.name_of(other.nic)) +
                                   "\" comes before this NIC's default route");
    }
  }
}

}  // namespace

void plan_default(Builder& b, Family family) {
  std::vector<net::Route> defaults;
  for (const cni::RouteConfig& wanted : list_defaults(b, family)) {
    defaults.push_back(to_route(b, wanted, b.place.table, wanted.priority.value_or(0)));
    add_route(b, defaults.back());
  }
  if (defaults.empty()) {
    add_wall(b, family);
  } else {
    warn_of_other_gateways(b, family, defaults);
  }
}

void plan_main_default(Builder& b, const std::string& ifname) {
  if (b.conf.default_route_nic != ifname) {
    return;
  }
  for (const Family family : {Family::v4, Family::v6}) {
    const auto defaults = list_defaults(b, family);
    if (defaults.empty() || !has_family(b.ipam, family)) {
      continue;
    }
    cni::RouteConfig shown = defaults.front();
    const net::Route route = to_route(b, shown, net::kTableMain, b.main_metric());
    add_route(b, route);
    warn_of_rivals(b, route);
    shown.gateway = route.gateway;
    shown.priority = route.metric;
    b.desired.main_routes.push_back(shown);
    b.desired.default_families.push_back(family);
  }
}

}  // namespace mvr::plan
