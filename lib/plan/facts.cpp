// SPDX-License-Identifier: Apache-2.0
#include "mvr/plan/facts.hpp"

#include <algorithm>

namespace mvr::plan {
namespace {

constexpr std::uint8_t kGlobalScope = 0;

Result<void> append_global_addresses(Kernel& kernel, Where where, net::IfIndex index,
                                     std::vector<ip::Address>& found) {
  for (const net::IfAddress& address :
       MVR_TRY(kernel.read_addresses(where, ip::Family::v4, index))) {
    const bool is_new = std::ranges::find(found, address.prefix.address) == found.end();
    if (address.scope == kGlobalScope && is_new) {
      found.push_back(address.prefix.address);
    }
  }
  return {};
}

/// `hostAddresses: "auto"`: those of the default-route interface and of the master, which its
/// macvlans cannot reach.
Result<std::vector<ip::Address>> read_host_addresses(Kernel& kernel, const cni::NetConf& conf,
                                                     const net::Link& master) {
  if (conf.host_addresses) {
    return *conf.host_addresses;
  }
  std::vector<ip::Address> found;
  const auto by_default = MVR_TRY(find_default_interface(kernel, Where::host));
  if (by_default) {
    MVR_TRY(append_global_addresses(kernel, Where::host, *by_default, found));
  }
  if (!conf.link_in_container && by_default != master.index) {
    MVR_TRY(append_global_addresses(kernel, Where::host, master.index, found));
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

}  // namespace

Result<std::optional<net::IfIndex>> find_default_interface(Kernel& kernel, Where where) {
  // An address of nobody (class E, RFC 1112 section 4): only a default route leads there.
  const auto route = MVR_TRY(kernel.find_route(where, *ip::Address::parse("240.0.0.1")));
  if (!route || !route->dst.is_default() || route->nic == net::IfIndex::none) {
    return std::nullopt;
  }
  return route->nic;
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
  pod.addresses = MVR_TRY(kernel.read_pod_addresses(ip::Family::v4));
  pod.routes = MVR_TRY(kernel.read_pod_routes(ip::Family::v4));
  pod.rules = MVR_TRY(kernel.read_pod_rules(ip::Family::v4));
  return pod;
}

std::optional<Overlay> find_overlay(const PodState& pod, const std::string& wanted,
                                    const std::string& ifname) {
  const auto is_usable = [&](const net::Link* link) {
    return link != nullptr && link->name != ifname && !net::is_ours(*link);
  };
  const net::Link* link = pod.find_link(wanted);
  if (!is_usable(link)) {
    link = find_default_owner(pod, is_usable);
  }
  if (link == nullptr) {
    return std::nullopt;
  }
  Overlay overlay{*link, {}};
  for (const net::IfAddress& address : pod.addresses) {
    if (address.index == link->index && address.scope == kGlobalScope && !address.is_tentative) {
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
  facts.overlay = find_overlay(facts.pod, conf.overlay_nic, ifname);
  facts.has_other_nics = std::ranges::any_of(facts.pod.links, [&](const net::Link& link) {
    return net::is_ours(link) && link.name != ifname;
  });
  return facts;
}

}  // namespace mvr::plan
