// SPDX-License-Identifier: Apache-2.0
#include "plugin/remains.hpp"

#include <algorithm>

namespace mvr::plugin {

using plan::PodState;
using plan::Step;

namespace {

/// True when the journal speaks of this very namespace.
bool is_recorded_here(const Remains& remains) {
  return remains.record && remains.record->netns == remains.pod->id;
}

/// ADD's result names the link by MAC and sandbox; enough for one without journal and alias.
bool is_in_prev_result(const Remains& remains, const net::Link& link) {
  return remains.prev_result && link.mac &&
         std::ranges::any_of(remains.prev_result->interfaces, [&](const cni::Interface& i) {
           return i.name == link.name && i.sandbox == remains.pod->path &&
                  ip::Mac::parse(i.mac) == link.mac;
         });
}

/// True when another NIC of the pod has a rule of ours that leads to the table.
bool is_of_another(const Remains& remains, const PodState& pod, std::uint32_t table) {
  return std::ranges::any_of(pod.rules, [&](const net::Rule& rule) {
    return rule.table == table && rule.protocol == net::kOurMark &&
           rule.oif != remains.attachment.ifname && pod.find_link(rule.oif) != nullptr;
  });
}

/// Main's defaults before this NIC took them over: as the journal has them or, without it, as T0's
/// copies have them.
std::vector<net::Route> find_lost_defaults(const Remains& remains, const PodState& pod,
                                           const net::Link* link) {
  if (is_recorded_here(remains)) {
    return remains.record->overlay_defaults;
  }
  const bool is_owner = link != nullptr && std::ranges::any_of(pod.routes, [&](const auto& route) {
                          return route.dst.is_default() && route.table == net::kTableMain &&
                                 route.protocol == net::kOurMark && route.nic == link->index;
                        });
  std::vector<net::Route> lost;
  for (net::Route copy : pod.routes) {
    const net::Link* nic = pod.find_link(copy.nic);
    if (is_owner && copy.dst.is_default() && copy.protocol == net::kOurMark && nic != nullptr &&
        !net::is_ours(*nic)) {
      copy.table = net::kTableMain;
      copy.protocol = net::kProtocolBoot;
      lost.push_back(copy);
    }
  }
  return lost;
}

}  // namespace

const net::Link* find_link(const Remains& remains, const PodState& pod) {
  const net::Link* link = pod.find_link(state::temporary_name(remains.attachment));
  if (link != nullptr && net::is_ours(*link)) {
    return link;
  }
  link = pod.find_link(remains.attachment.ifname);
  if (link == nullptr || !link->macvlan) {
    return nullptr;
  }
  const bool is_named = link->alias == state::alias(remains.attachment);
  const bool is_foreign = link->alias.starts_with(net::kAliasPrefix) && !is_named;
  const bool is_known = is_recorded_here(remains) || is_in_prev_result(remains, *link);
  return is_named || (is_known && !is_foreign) ? link : nullptr;
}

std::uint32_t find_table(const Remains& remains, const PodState& pod, const net::Link* link) {
  if (is_recorded_here(remains)) {
    const std::uint32_t table = remains.record->table;
    return is_of_another(remains, pod, table) ? 0 : table;
  }
  const bool is_taken = link == nullptr && pod.find_link(remains.attachment.ifname) != nullptr;
  for (const net::Rule& rule : pod.rules) {
    if (!is_taken && rule.protocol == net::kOurMark && rule.oif == remains.attachment.ifname) {
      return rule.table;
    }
  }
  return 0;
}

bool is_last(const PodState& pod, const net::Link* link) {
  return std::ranges::none_of(pod.links, [&](const net::Link& other) {
    return net::is_ours(other) && (link == nullptr || other.index != link->index);
  });
}

std::vector<ip::Address> find_addresses(const Remains& remains, const PodState& pod,
                                        const net::Link* link) {
  std::vector<ip::Address> found;
  for (const net::IfAddress& address : pod.addresses) {
    if (link != nullptr && address.index == link->index) {
      found.push_back(address.prefix.address);
    }
  }
  if (remains.prev_result) {
    for (const cni::IpConfig& ip : remains.prev_result->ips) {
      found.push_back(ip.address.address);
    }
  }
  return found;
}

std::vector<Step> removal_steps(const PodState& pod,
                                const std::function<bool(std::uint32_t)>& is_to_go) {
  std::vector<Step> steps;
  for (const net::Rule& rule : pod.rules) {
    if (rule.protocol == net::kOurMark && is_to_go(rule.table)) {
      steps.emplace_back(plan::ChangeRule{plan::Op::remove, rule});
    }
  }
  for (const net::Route& route : pod.routes) {
    if (route.protocol == net::kOurMark && is_to_go(route.table)) {
      steps.emplace_back(plan::ChangeRoute{plan::Op::remove, route, pod.name_of(route.nic)});
    }
  }
  return steps;
}

std::vector<Step> restore_steps(const Remains& remains, const PodState& pod,
                                const net::Link* link) {
  std::vector<Step> steps;
  for (const net::Route& route : find_lost_defaults(remains, pod, link)) {
    const bool is_there = std::ranges::any_of(
        pod.routes, [&](const net::Route& other) { return has_same_key(other, route); });
    if (!is_there) {
      steps.emplace_back(plan::ChangeRoute{plan::Op::add, route, pod.name_of(route.nic)});
    }
  }
  return steps;
}

std::vector<Step> address_steps(const PodState& pod, const net::Link& link) {
  std::vector<Step> steps;
  for (const net::IfAddress& address : pod.addresses) {
    if (address.index == link.index) {
      steps.emplace_back(plan::ChangeAddress{plan::Op::remove, address, link.name});
    }
  }
  return steps;
}

}  // namespace mvr::plugin
