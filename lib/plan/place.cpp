// SPDX-License-Identifier: Apache-2.0
// Which tables and priorities a NIC gets, and who already has them.
#include <algorithm>

#include "mvr/base/text.hpp"
#include "mvr/plan/desired.hpp"

namespace mvr::plan {
namespace {

constexpr std::uint32_t kMainRulePriority = 32766;  // of "from all lookup main"
constexpr std::uint32_t kFirstFreeOffset = 65;      // netN takes base+N; other names start behind

bool is_reserved(std::uint32_t table) {
  return table == 0 || (table >= net::kTableDefault && table <= net::kTableLocal);
}

/// N of "netN", 1 and above without leading zeros, below the range of other names.
std::optional<std::uint32_t> number_of(const std::string& ifname) {
  constexpr std::string_view kPrefix = "net";
  if (!ifname.starts_with(kPrefix) || ifname.substr(kPrefix.size()).starts_with('0')) {
    return std::nullopt;
  }
  const auto number = parse_number<std::uint32_t>(ifname.substr(kPrefix.size()));
  return number && *number < kFirstFreeOffset ? number : std::nullopt;
}

/// The table that a rule of ours for this interface leads to.
std::optional<std::uint32_t> find_table_of(const PodState& pod, const std::string& ifname) {
  const auto found = std::ranges::find_if(pod.rules, [&](const net::Rule& rule) {
    return rule.protocol == net::kOurMark && rule.oif == ifname;
  });
  return found != pod.rules.end() ? std::optional(found->table) : std::nullopt;
}

/// The NIC of ours whose `oif` rule leads to the table, if that NIC exists.
std::string find_nic_of_table(const PodState& pod, std::uint32_t table) {
  for (const net::Rule& rule : pod.rules) {
    const net::Link* link = rule.oif.empty() ? nullptr : pod.find_link(rule.oif);
    if (rule.table == table && rule.protocol == net::kOurMark && link != nullptr &&
        net::is_ours(*link)) {
      return rule.oif;
    }
  }
  return {};
}

/// Who else uses the table, in words; empty if nobody. Objects with our mark count only if they
/// lead to a NIC of ours that lives: others are leftovers, which the steps remove.
std::string find_user(const PodState& pod, std::uint32_t table, const std::string& ifname) {
  for (const net::Rule& rule : pod.rules) {
    if (rule.table == table && rule.protocol != net::kOurMark) {
      return "the rule \"" + describe(rule) + '"';
    }
  }
  for (const net::Route& route : pod.routes) {
    if (route.table == table && route.protocol != net::kOurMark) {
      return "the route \"" + describe(route, pod.name_of(route.nic)) + '"';
    }
  }
  const std::string nic = find_nic_of_table(pod, table);
  return nic.empty() || nic == ifname ? std::string() : "interface " + nic;
}

Result<void> check_table(const PodState& pod, std::uint32_t table, const std::string& ifname,
                         const std::string& source) {
  if (is_reserved(table)) {
    return fail(Code::routing, "routing table " + std::to_string(table) + " (" + source +
                                   "): 0 and 253 to 255 are reserved");
  }
  const std::string user = find_user(pod, table, ifname);
  if (!user.empty()) {
    return fail(Code::routing, "routing table " + std::to_string(table) + " (" + source +
                                   ") is in use by " + user);
  }
  return {};
}

Result<std::uint32_t> choose_priority(const cni::NetConf& conf, const PodState& pod,
                                      std::uint32_t table) {
  const std::uint64_t priority = std::uint64_t{conf.rule_priority_base} + table;
  const std::string source = "rulePriorityBase " + std::to_string(conf.rule_priority_base) +
                             " + routing table " + std::to_string(table);
  if (priority >= kMainRulePriority) {
    return fail(Code::routing,
                "rule priority " + std::to_string(priority) + " = " + source +
                    ": must be below 32766; lower rulePriorityBase, routeTableBase or "
                    "routeTable");
  }
  for (const net::Rule& rule : pod.rules) {
    if (rule.priority == priority && rule.protocol != net::kOurMark) {
      return fail(Code::routing, "rule priority " + std::to_string(priority) + " = " + source +
                                     " is in use by the rule \"" + describe(rule) + '"');
    }
  }
  return static_cast<std::uint32_t>(priority);
}

bool is_free(const PodState& pod, std::uint32_t table, const std::string& ifname,
             const std::vector<std::uint32_t>& claimed) {
  return !is_reserved(table) && std::ranges::find(claimed, table) == claimed.end() &&
         find_user(pod, table, ifname).empty();
}

struct Choice {
  std::uint32_t table;
  std::string source;
};

Choice choose_table(const cni::NetConf& conf, const PodState& pod, const std::string& ifname,
                    const std::vector<std::uint32_t>& claimed,
                    std::optional<std::uint32_t> recorded) {
  if (conf.route_table != 0) {
    return {conf.route_table, "routeTable"};
  }
  const std::string base = "routeTableBase " + std::to_string(conf.route_table_base);
  if (const auto number = number_of(ifname)) {
    return {conf.route_table_base + *number, base + " + " + std::to_string(*number)};
  }
  if (const auto known = recorded ? recorded : find_table_of(pod, ifname)) {
    return {*known, "chosen before"};
  }
  std::uint32_t table = conf.route_table_base + kFirstFreeOffset;
  while (!is_free(pod, table, ifname, claimed)) {
    ++table;
  }
  return {table, "the lowest free one above " + base + " + 64"};
}

}  // namespace

bool has_table_by_name(const std::string& ifname) {
  return number_of(ifname).has_value();
}

Result<Place> plan_place(const cni::NetConf& conf, const Facts& facts, const std::string& ifname,
                         const std::vector<std::uint32_t>& claimed,
                         std::optional<std::uint32_t> recorded) {
  Place place;
  const bool has_addresses = !conf.ipam_type.empty();
  place.is_routed = has_addresses && recorded.value_or(1) != 0 &&
                    (recorded.has_value() || facts.overlay.has_value() || facts.has_other_nics);
  if (!place.is_routed) {
    return place;
  }
  const Choice choice = choose_table(conf, facts.pod, ifname, claimed, recorded);
  place.table = choice.table;
  MVR_TRY(check_table(facts.pod, place.table, ifname, choice.source));
  if (std::ranges::find(claimed, place.table) != claimed.end()) {
    return fail(Code::routing, "routing table " + std::to_string(place.table) + " (" +
                                   choice.source + ") is claimed by another NIC of this pod");
  }
  place.priority = MVR_TRY(choose_priority(conf, facts.pod, place.table));
  if (facts.overlay) {
    place.overlay_table = conf.route_table_base;
    MVR_TRY(check_table(facts.pod, place.overlay_table, facts.overlay->link.name,
                        "routeTableBase, for " + facts.overlay->link.name));
    MVR_TRY(choose_priority(conf, facts.pod, place.overlay_table));
  }
  if (place.table == place.overlay_table) {
    return fail(Code::routing, "routing table " + std::to_string(place.table) + " (" +
                                   choice.source + ") is routeTableBase, the table of " +
                                   facts.overlay->link.name);
  }
  return place;
}

}  // namespace mvr::plan
