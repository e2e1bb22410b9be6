// SPDX-License-Identifier: Apache-2.0
#include "mvr/plan/verify.hpp"

#include <algorithm>

namespace mvr::plan {
namespace {

constexpr const char* kMissing = "nothing";

/// Gathers the differences of one object.
class Comparison {
 public:
  explicit Comparison(std::string object) : object_(std::move(object)) {}

  void expect(const std::string& field, const std::string& wanted, const std::string& found) {
    if (wanted != found) {
      mismatches_.push_back({object_, field, wanted, found});
    }
  }

  std::vector<Mismatch> take() && { return std::move(mismatches_); }

 private:
  std::string object_;
  std::vector<Mismatch> mismatches_;
};

std::string to_string(net::MacvlanMode mode) {
  switch (mode) {
    case net::MacvlanMode::private_mode:
      return "private";
    case net::MacvlanMode::vepa:
      return "vepa";
    case net::MacvlanMode::bridge:
      return "bridge";
    case net::MacvlanMode::passthru:
      return "passthru";
  }
  return std::to_string(static_cast<std::uint32_t>(mode));
}

std::string to_string(const std::optional<ip::Mac>& mac) {
  return mac ? mac->to_string() : kMissing;
}

std::string to_string(net::IfIndex index) {
  return "interface " + std::to_string(to_int(index));
}

void append(std::vector<Mismatch>& all, std::vector<Mismatch> more) {
  std::ranges::move(more, std::back_inserter(all));
}

/// What is there in the route's place, for the report: the NIC's own route to that destination,
/// else the one that the kernel takes for the same. Another NIC's route beside it is not.
std::string find_similar(const net::Route& wanted, const PodState& pod) {
  const auto is_own = [&](const net::Route& route) {
    return route.dst == wanted.dst && route.table == wanted.table && route.nic == wanted.nic;
  };
  const auto is_in_place = [&](const net::Route& route) { return has_same_key(route, wanted); };
  auto found = std::ranges::find_if(pod.routes, is_own);
  if (found == pod.routes.end()) {
    found = std::ranges::find_if(pod.routes, is_in_place);
  }
  return found != pod.routes.end() ? describe(*found, pod.name_of(found->nic)) : kMissing;
}

std::string find_similar(const net::Rule& wanted, const PodState& pod) {
  for (const net::Rule& rule : pod.rules) {
    if (rule.family == wanted.family && rule.from == wanted.from && rule.oif == wanted.oif &&
        !rule.has_other_selectors) {
      return describe(rule);
    }
  }
  return kMissing;
}

/// Who made it does not matter to the packets. A route of IPv6 to the cluster has no source if ADD
/// came while the kernel still looked for duplicates of the overlay NIC's address.
bool is_equivalent(net::Route found, const net::Route& wanted) {
  found.protocol = wanted.protocol;
  if (!found.src && wanted.table == net::kTableMain && wanted.dst.family() == ip::Family::v6) {
    found.src = wanted.src;
  }
  return found == wanted;
}

bool is_equivalent(net::Rule found, const net::Rule& wanted) {
  found.protocol = wanted.protocol;
  return found == wanted;
}

/// The route that the kernel has made with the address in main, if others may not change it: with a
/// table of ours for the NIC, what is bound to nothing would reach the rail by the overlay NIC.
std::optional<net::Route> find_connected(const net::IfAddress& address) {
  const bool has_subnet = address.prefix.length < ip::bits(address.prefix.family());
  if (address.metric == 0 || !has_subnet) {
    return std::nullopt;
  }
  net::Route route;
  route.dst = address.prefix.network();
  route.nic = address.index;
  route.metric = address.metric;
  return route;
}

/// Its source is the first address of the subnet in IPv4, and none in IPv6.
bool has_connected(const PodState& pod, const net::Route& wanted) {
  return std::ranges::any_of(pod.routes, [&](const net::Route& route) {
    return has_same_key(route, wanted) && route.nic == wanted.nic && !route.gateway;
  });
}

template <typename T>
bool has_equivalent(const std::vector<T>& objects, const T& wanted) {
  return std::ranges::any_of(objects, [&](const T& found) { return is_equivalent(found, wanted); });
}

void compare(Comparison& link, const LinkExpectation& wanted, const net::Link& found) {
  link.expect("mode", to_string(wanted.info.mode), to_string(found.macvlan->mode));
  link.expect("master", to_string(wanted.master), to_string(found.lower));
  link.expect("master's netns", wanted.is_master_elsewhere ? "another" : "the pod's",
              found.has_lower_elsewhere ? "another" : "the pod's");
  link.expect("alias", wanted.alias, found.alias.empty() ? kMissing : found.alias);
  link.expect("group", std::to_string(net::kOurMark), std::to_string(found.group));
  link.expect("MAC", to_string(wanted.mac), to_string(found.mac));
  link.expect("state", "up", found.is_up ? "up" : "down");
  if (wanted.promisc) {
    link.expect("promisc", "on", found.is_promiscuous ? "on" : "off");
  }
  if (wanted.allmulti) {
    link.expect("allmulti", "on", found.is_allmulti ? "on" : "off");
  }
  if (wanted.mtu != 0) {
    link.expect("mtu", std::to_string(wanted.mtu), std::to_string(found.mtu));
  }
  if (wanted.tx_queue_len != 0) {
    link.expect("txQueueLen", std::to_string(wanted.tx_queue_len),
                std::to_string(found.tx_queue_len));
  }
  if (wanted.info.bc_queue_len != 0) {
    link.expect("bcqueuelen", std::to_string(wanted.info.bc_queue_len),
                std::to_string(found.macvlan->bc_queue_len));
  }
}

}  // namespace

std::string Mismatch::to_string() const {
  return object + (field.empty() ? "" : ' ' + field) + ": wanted " + wanted + ", found " + found;
}

std::vector<Mismatch> verify_link(const LinkExpectation& wanted, const net::Link* found) {
  Comparison link("link");
  if (found == nullptr) {
    link.expect("", "a macvlan", kMissing);
    return std::move(link).take();
  }
  if (!found->macvlan) {
    link.expect("kind", "macvlan", found->kind.empty() ? "none" : found->kind);
    return std::move(link).take();
  }
  compare(link, wanted, *found);
  return std::move(link).take();
}

std::vector<Mismatch> verify_addresses(const std::vector<net::IfAddress>& wanted,
                                       const PodState& pod) {
  std::vector<Mismatch> all;
  for (const net::IfAddress& address : wanted) {
    Comparison comparison("address " + address.prefix.to_string());
    const auto found = std::ranges::find_if(pod.addresses, [&](const net::IfAddress& other) {
      return other.index == address.index && other.prefix == address.prefix;
    });
    if (found == pod.addresses.end()) {
      comparison.expect("", "it", kMissing);
    } else if (found->metric != address.metric) {
      comparison.expect("metric", std::to_string(address.metric), std::to_string(found->metric));
    } else if (const auto route = find_connected(address); route && !has_connected(pod, *route)) {
      all.push_back(
          {"route", "", describe(*route, pod.name_of(route->nic)), find_similar(*route, pod)});
    }
    append(all, std::move(comparison).take());
  }
  return all;
}

std::vector<Mismatch> verify_routing(const Routing& wanted, const PodState& pod,
                                     const std::string& nic) {
  std::vector<Mismatch> all;
  for (const net::Route& route : wanted.routes) {
    if (!has_equivalent(pod.routes, route)) {
      all.push_back(
          {"route", "", describe(route, pod.name_of(route.nic)), find_similar(route, pod)});
    }
  }
  for (const net::Rule& rule : wanted.rules) {
    if (!has_equivalent(pod.rules, rule)) {
      const bool is_v6 = rule.family == ip::Family::v6;
      all.push_back({is_v6 ? "IPv6 rule" : "rule", "", describe(rule), find_similar(rule, pod)});
    }
  }
  for (const net::Route& route : pod.routes) {
    const bool is_stray = route.dst.is_default() && route.table == net::kTableMain &&
                          route.protocol == net::kOurMark && pod.name_of(route.nic) == nic;
    if (is_stray && !has_equivalent(wanted.routes, route)) {
      all.push_back({"route", "", kMissing, describe(route, nic)});
    }
  }
  return all;
}

std::vector<Mismatch> verify_takeover(const DesiredNic& nic, const Facts& facts) {
  std::vector<Mismatch> all;
  if (!facts.overlay) {
    return all;
  }
  for (const net::Route& route : find_overlay_defaults(facts.pod, *facts.overlay)) {
    if (std::ranges::find(nic.default_families, route.dst.family()) != nic.default_families.end()) {
      all.push_back({"route", "", kMissing, describe(route, facts.overlay->link.name)});
    }
  }
  return all;
}

std::vector<Mismatch> verify_sysctls(const std::vector<net::Sysctl>& wanted,
                                     const std::vector<std::optional<std::string>>& found) {
  std::vector<Mismatch> all;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    Comparison comparison("sysctl " + wanted[i].path);
    comparison.expect("", wanted[i].value, found.at(i).value_or(kMissing));
    append(all, std::move(comparison).take());
  }
  return all;
}

}  // namespace mvr::plan
