// SPDX-License-Identifier: Apache-2.0
#include "mvr/net/types.hpp"

#include <tuple>

namespace mvr::net {

bool is_ours(const Link& link) {
  return link.macvlan && (link.group == kOurMark || link.alias.starts_with(kAliasPrefix));
}

bool is_our_vlan(const Link& link) {
  return link.vlan_id && link.group == kOurMark;
}

bool has_same_key(const Route& a, const Route& b) {
  return std::tie(a.dst, a.table, a.metric) == std::tie(b.dst, b.table, b.metric);
}

namespace {

/// A host prefix without its length, as iproute2 prints it.
std::string short_form(const ip::Prefix& prefix) {
  const bool is_host = prefix.length == ip::bits(prefix.family());
  return is_host ? prefix.address.to_string() : prefix.to_string();
}

/// A next hop of the other family is preceded by that family's name.
std::string describe_hop(const std::optional<ip::Address>& gateway, ip::Family family) {
  if (!gateway) {
    return "";
  }
  const char* other = gateway->family() == ip::Family::v6 ? "inet6 " : "inet ";
  return std::string(" via ") + (gateway->family() != family ? other : "") + gateway->to_string();
}

}  // namespace

std::string describe(const Route& route, const std::string& nic) {
  std::string text = route.type == RouteType::unreachable ? "unreachable " : "";
  text += route.dst.is_default() ? "default" : short_form(route.dst);
  text += describe_hop(route.gateway, route.dst.family());
  if (route.nic != IfIndex::none) {
    text += " dev " + nic;
  }
  for (const Hop& hop : route.more_ways) {
    text += " or" + describe_hop(hop.gateway, route.dst.family()) +
            (hop.nic != route.nic ? " interface " + std::to_string(to_int(hop.nic)) : "");
  }
  if (route.src) {
    text += " src " + route.src->to_string();
  }
  if (route.metric != 0) {
    text += " metric " + std::to_string(route.metric);
  }
  if (route.mtu != 0) {
    text += " mtu " + std::to_string(route.mtu);
  }
  if (route.advmss != 0) {
    text += " advmss " + std::to_string(route.advmss);
  }
  if (route.is_onlink) {
    text += " onlink";
  }
  return text + " table " + (route.table == kTableMain ? "main" : std::to_string(route.table));
}

std::string describe(const Rule& rule) {
  return "from " + (rule.from ? short_form(*rule.from) : "all") +
         (rule.oif.empty() ? "" : " oif " + rule.oif) + " lookup " + std::to_string(rule.table) +
         " priority " + std::to_string(rule.priority);
}

}  // namespace mvr::net
