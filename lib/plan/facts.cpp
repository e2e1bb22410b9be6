// SPDX-License-Identifier: Apache-2.0
#include "mvr/plan/facts.hpp"

#include <algorithm>

namespace mvr::plan {
namespace {

constexpr std::uint8_t kGlobalScope = 0;

/// Those that stay: a temporary one would be gone from the node while its routes are still there.
Result<std::vector<ip::Address>> read_global_addresses(Kernel& kernel, net::IfIndex index) {
  std::vector<ip::Address> found;
  for (const net::IfAddress& address : MVR_TRY(kernel.read_addresses(Where::host, index))) {
    if (address.scope == kGlobalScope && !address.is_tentative && !address.is_temporary) {
      found.push_back(address.prefix.address);
    }
  }
  return found;
}

Result<std::optional<net::Route>> find_default_route(Kernel& kernel, Where where,
                                                     ip::Family family) {
  // Addresses of nobody (class E, RFC 1112 section 4; discard-only, RFC 6666): only a default route
  // leads there.
  const char* nobody = family == ip::Family::v4 ? "240.0.0.1" : "100::1";
  auto route = MVR_TRY(kernel.find_route(where, *ip::Address::parse(nobody)));
  const bool is_default = route && route->dst.is_default() && route->nic != net::IfIndex::none;
  return is_default ? std::move(route) : std::nullopt;
}

/// The node's interfaces whose addresses count: where its default route of this family goes, and
/// the master, with what it is a VLAN of.
Result<std::vector<net::IfIndex>> find_host_interfaces(Kernel& kernel, const cni::NetConf& conf,
                                                       ip::Family family, const net::Link& master) {
  std::vector<net::IfIndex> found;
  const auto add = [&](net::IfIndex index) {
    const bool is_known = std::ranges::find(found, index) != found.end();
    if (index != net::IfIndex::none && !is_known) {
      found.push_back(index);
    }
  };
  if (const auto route = MVR_TRY(find_default_route(kernel, Where::host, family))) {
    add(route->nic);
    std::ranges::for_each(route->more_ways, [&](const net::Hop& way) { add(way.nic); });
  }
  if (!conf.link_in_container) {
    add(master.index);
    add(conf.vlan != 0 ? master.lower : net::IfIndex::none);
  }
  return found;
}

/// `hostAddresses: "auto"`: what the node is reached at, and what macvlans of a master cannot reach
/// by it.
Result<std::vector<ip::Address>> read_host_addresses(Kernel& kernel, const cni::NetConf& conf,
                                                     const net::Link& master) {
  if (conf.host_addresses) {
    return *conf.host_addresses;
  }
  std::map<net::IfIndex, std::vector<ip::Address>> known;
  std::vector<ip::Address> found;
  for (const ip::Family family : {ip::Family::v4, ip::Family::v6}) {
    for (const net::IfIndex index : MVR_TRY(find_host_interfaces(kernel, conf, family, master))) {
      if (!known.contains(index)) {
        known[index] = MVR_TRY(read_global_addresses(kernel, index));
      }
      std::ranges::copy_if(
          known[index], std::back_inserter(found), [&](const ip::Address& address) {
            return address.family() == family && std::ranges::find(found, address) == found.end();
          });
    }
  }
  return found;
}

/// The usable NIC with the best default route of main.
template <typename Predicate>
const net::Link* find_default_owner(const PodState& pod, const Predicate& is_usable) {
  const net::Link* owner = nullptr;
  std::uint32_t best = UINT32_MAX;
  for (const net::Route& route : pod.routes) {
    const net::Link* link = pod.find_link(route.nic);
    if (route.dst.is_default() && route.table == net::kTableMain && route.metric <= best &&
        is_usable(link)) {
      best = route.metric;
      owner = link;
    }
  }
  return owner;
}

/// The usable NIC that has a rule of ours: what an earlier NIC took for the overlay's, which may
/// have lost main's default route to one of ours since.
template <typename Predicate>
const net::Link* find_ruled(const PodState& pod, const Predicate& is_usable) {
  for (const net::Rule& rule : pod.rules) {
    const net::Link* link = rule.oif.empty() ? nullptr : pod.find_link(rule.oif);
    if (rule.protocol == net::kOurMark && is_usable(link)) {
      return link;
    }
  }
  return nullptr;
}

/// The node's end of a veth, for an overlay NIC whose IPv6 default route somebody has removed.
Result<std::optional<ip::Address>> find_peer(Kernel& kernel, const PodState& pod,
                                             const Overlay& overlay) {
  const bool has_v6 = std::ranges::any_of(overlay.addresses, [](const net::IfAddress& address) {
    return address.prefix.family() == ip::Family::v6;
  });
  const bool has_default = std::ranges::any_of(pod.routes, [&](const net::Route& route) {
    return route.dst == ip::Prefix::any(ip::Family::v6) && route.nic == overlay.link.index;
  });
  // The index is one of the peer's namespace; only a veth that points back is the peer.
  const bool may_be_veth = overlay.link.has_lower_elsewhere && overlay.link.kind == "veth";
  if (!has_v6 || has_default || !may_be_veth) {
    return std::nullopt;
  }
  const auto peer = MVR_TRY(kernel.read_link(Where::host, overlay.link.lower));
  if (!peer || peer->kind != "veth" || peer->lower != overlay.link.index) {
    return std::nullopt;
  }
  for (const net::IfAddress& address :
       MVR_TRY(kernel.read_addresses(Where::host, overlay.link.lower))) {
    const bool is_v6 = address.prefix.family() == ip::Family::v6;
    if (is_v6 && address.scope != kGlobalScope && !address.is_tentative) {
      return address.prefix.address;
    }
  }
  return std::nullopt;
}

/// The first global address of the interface with the node's default route.
Result<std::optional<ip::Address>> find_node_address(Kernel& kernel, ip::Family family) {
  const auto index = MVR_TRY(find_default_interface(kernel, Where::host, family));
  std::vector<ip::Address> addresses;
  if (index) {
    addresses = MVR_TRY(read_global_addresses(kernel, *index));
  }
  const auto found = std::ranges::find(addresses, family, &ip::Address::family);
  return found != addresses.end() ? std::optional(*found) : std::nullopt;
}

/// How the node reaches the overlay NIC. Its routes must lead straight there, or those of
/// `hostRuleTable` would not.
Result<NodePath> find_node_path(Kernel& kernel, const cni::NetConf& conf,
                                const ip::Address& overlay) {
  const auto route = MVR_TRY(kernel.find_route(Where::host, overlay));
  if (!route || route->gateway || route->nic == net::IfIndex::none) {
    const auto nic =
        route ? MVR_TRY(kernel.read_link(Where::host, route->nic)) : std::optional<net::Link>();
    return fail(Code::routing,
                "hostRuleTable " + std::to_string(conf.host_rule_table) +
                    ": the node does not reach the overlay NIC's address " + overlay.to_string() +
                    " directly" +
                    (route ? ", but by \"" + describe(*route, nic ? nic->name : "") + '"' : ""));
  }
  return NodePath{route->nic, overlay, MVR_TRY(find_node_address(kernel, overlay.family()))};
}

/// To the first address of each family.
std::map<ip::Family, Result<NodePath>> find_node_paths(Kernel& kernel, const cni::NetConf& conf,
                                                       const Overlay& overlay) {
  std::map<ip::Family, Result<NodePath>> paths;
  for (const net::IfAddress& address : overlay.addresses) {
    const ip::Family family = address.prefix.family();
    if (!paths.contains(family)) {
      paths.emplace(family, find_node_path(kernel, conf, address.prefix.address));
    }
  }
  return paths;
}

}  // namespace

Result<std::optional<net::IfIndex>> find_default_interface(Kernel& kernel, Where where,
                                                           ip::Family family) {
  const auto route = MVR_TRY(find_default_route(kernel, where, family));
  return route ? std::optional(route->nic) : std::nullopt;
}

const net::Link* PodState::find_link(const std::string& name) const {
  const auto found = std::ranges::find(links, name, &net::Link::name);
  return found != links.end() ? &*found : nullptr;
}

const net::Link* PodState::find_link(net::IfIndex index) const {
  const auto found = std::ranges::find(links, index, &net::Link::index);
  return found != links.end() ? &*found : nullptr;
}

std::string PodState::name_of(net::IfIndex index) const {
  const net::Link* link = find_link(index);
  return link != nullptr ? link->name : "";
}

Result<PodState> observe_pod(Kernel& kernel) {
  PodState pod;
  pod.links = MVR_TRY(kernel.read_pod_links());
  pod.addresses = MVR_TRY(kernel.read_pod_addresses());
  pod.routes = MVR_TRY(kernel.read_pod_routes());
  pod.rules = MVR_TRY(kernel.read_rules(Where::pod));
  return pod;
}

std::optional<Overlay> find_overlay(const PodState& pod, const std::string& wanted,
                                    const std::string& ifname) {
  const auto is_usable = [&](const net::Link* link) {
    return link != nullptr && link->name != ifname && !net::is_ours(*link);
  };
  const net::Link* link = pod.find_link(wanted);
  if (!is_usable(link)) {
    link = find_ruled(pod, is_usable);
  }
  if (link == nullptr) {
    link = find_default_owner(pod, is_usable);
  }
  if (link == nullptr) {
    return std::nullopt;
  }
  Overlay overlay{*link, {}, {}};
  for (const net::IfAddress& address : pod.addresses) {
    if (address.index == link->index && address.scope == kGlobalScope && !address.is_duplicate) {
      overlay.addresses.push_back(address);
    }
  }
  return overlay;
}

Result<Facts> observe(Kernel& kernel, const cni::NetConf& conf, const std::string& ifname) {
  Facts facts;
  facts.master_in = conf.link_in_container ? Where::pod : Where::host;
  facts.master = MVR_TRY(find_master(kernel, conf));
  facts.host_addresses = MVR_TRY(read_host_addresses(kernel, conf, facts.master));
  facts.pod = MVR_TRY(observe_pod(kernel));
  facts.has_ipv6 = std::ranges::any_of(facts.pod.links, &net::Link::has_ipv6);
  facts.overlay = find_overlay(facts.pod, conf.overlay_nic, ifname);
  if (facts.overlay) {
    facts.overlay->peer = MVR_TRY(find_peer(kernel, facts.pod, *facts.overlay));
  }
  if (facts.overlay && conf.host_rule_table != 0) {
    facts.node_paths = find_node_paths(kernel, conf, *facts.overlay);
  }
  facts.has_other_nics = std::ranges::any_of(facts.pod.links, [&](const net::Link& link) {
    return net::is_ours(link) && link.name != ifname;
  });
  return facts;
}

}  // namespace mvr::plan
