// SPDX-License-Identifier: Apache-2.0
// Which tables and priorities a NIC gets, and who already has them.
#include <algorithm>

#include "mvr/base/text.hpp"
#include "mvr/plan/desired.hpp"
#include "plan/cluster.hpp"

namespace mvr::plan {
namespace {

constexpr std::uint32_t kMainRulePriority = 32766;  // of "from all lookup main"
constexpr std::uint32_t kFirstFreeOffset = 65;      // netN takes base+N; other names start behind

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

Result<void> check_priority(const cni::NetConf& conf, const PodState& pod, std::uint32_t table) {
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
  return {};
}

bool is_free(const PodState& pod, std::uint32_t table, const std::string& ifname,
             const std::vector<std::uint32_t>& claimed) {
  return !is_reserved(table) && std::ranges::find(claimed, table) == claimed.end() &&
         find_user(pod, table, ifname).empty();
}

/// Tables near the end of their range stay there; no priority fits them.
std::uint32_t add(std::uint32_t base, std::uint32_t offset) {
  return base > UINT32_MAX - offset ? UINT32_MAX : base + offset;
}

struct Choice {
  std::uint32_t table;
  std::string source;
};

Choice choose_table(const cni::NetConf& conf, const PodState& pod, const std::string& ifname,
                    const std::vector<std::uint32_t>& claimed) {
  if (conf.route_table != 0) {
    return {conf.route_table, "routeTable"};
  }
  const std::string base = "routeTableBase " + std::to_string(conf.route_table_base);
  if (const auto number = number_of(ifname)) {
    return {add(conf.route_table_base, *number), base + " + " + std::to_string(*number)};
  }
  if (const auto known = find_table_of(pod, ifname)) {
    return {*known, "chosen before"};
  }
  std::uint32_t table = add(conf.route_table_base, kFirstFreeOffset);
  while (table != UINT32_MAX && !is_free(pod, table, ifname, claimed)) {
    ++table;
  }
  return {table, "the lowest free one above " + base + " + 64"};
}

/// `podDefaultRouteNic` may name another NIC, whether that one ever comes or not.
Result<void> check_default_nic(const cni::NetConf& conf, const std::string& ifname) {
  if (conf.default_route_nic != ifname) {
    return {};
  }
  const std::string key = "podDefaultRouteNic \"" + ifname + "\": ";
  if (conf.ipam_type.empty()) {
    return fail(Code::bad_config, key + "this NIC is layer 2 only, without ipam it has no route");
  }
  if (!conf.tune_pod_routes) {
    return fail(Code::bad_config,
                key + "not with tunePodRoutes false; remove one of the two from this network");
  }
  return {};
}

/// Refuses what others use or what cannot be told apart.
Result<void> check_place(const cni::NetConf& conf, const Facts& facts, const std::string& ifname,
                         const std::vector<std::uint32_t>& claimed, const Choice& choice) {
  MVR_TRY(check_table(facts.pod, choice.table, ifname, choice.source));
  const std::string place =
      "routing table " + std::to_string(choice.table) + " (" + choice.source + ") is ";
  if (std::ranges::find(claimed, choice.table) != claimed.end()) {
    return fail(Code::routing, place + "claimed by another NIC of this pod");
  }
  MVR_TRY(check_priority(conf, facts.pod, choice.table));
  if (!facts.overlay) {
    return {};
  }
  const std::string& overlay = facts.overlay->link.name;
  MVR_TRY(check_table(facts.pod, conf.route_table_base, overlay, "routeTableBase, for " + overlay));
  MVR_TRY(check_priority(conf, facts.pod, conf.route_table_base));
  return choice.table != conf.route_table_base
             ? Result<void>()
             : fail(Code::routing, place + "routeTableBase, the table of " + overlay);
}

}  // namespace

bool is_reserved(std::uint32_t table) {
  return table == 0 || (table >= net::kTableDefault && table <= net::kTableLocal);
}

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

std::uint32_t guess_table(const cni::NetConf& conf, const Facts& facts, const std::string& ifname) {
  if (conf.ipam_type.empty() || !conf.tune_pod_routes) {
    return 0;
  }
  if (const auto known = find_table_of(facts.pod, ifname)) {
    return *known;
  }
  return facts.overlay ? choose_table(conf, facts.pod, ifname, {}).table : 0;
}

Place recall_place(const cni::NetConf& conf, const Facts& facts, std::uint32_t table) {
  if (table == 0) {
    return {};
  }
  return {true, table, conf.rule_priority_base + table, facts.overlay ? conf.route_table_base : 0};
}

Result<Place> plan_place(const cni::NetConf& conf, const Facts& facts, const std::string& ifname,
                         const std::vector<std::uint32_t>& claimed) {
  MVR_TRY(check_default_nic(conf, ifname));
  const bool has_addresses = !conf.ipam_type.empty();
  if (!conf.tune_pod_routes || !has_addresses || !(facts.overlay || facts.has_other_nics)) {
    return Place{};
  }
  const Choice choice = choose_table(conf, facts.pod, ifname, claimed);
  MVR_TRY(check_place(conf, facts, ifname, claimed, choice));
  return recall_place(conf, facts, choice.table);
}

}  // namespace mvr::plan
