// SPDX-License-Identifier: Apache-2.0
#include "plugin/node.hpp"

#include <errno.h>

#include <algorithm>

#include "mvr/base/fd.hpp"
#include "mvr/plan/step.hpp"
#include "mvr/plan/vlan.hpp"
#include "mvr/state/lock.hpp"
#include "plugin/teardown.hpp"

namespace mvr::plugin {
namespace {

using plan::Op;
using plan::Step;
using plan::Where;

/// One lock for all that pods share on the node: between looking who uses a thing and making or
/// removing it, nobody else does either. Without stateDir there is nobody else.
Result<Fd> lock_node(const Call& call, const Budget& budget) {
  auto lock = state::lock_directory(call.conf.state_dir, budget);
  return !lock && lock.error().sys_errno == ENOENT ? Result<Fd>(Fd()) : std::move(lock);
}

/// True when the journal of another attachment fits.
template <typename Predicate>
Result<bool> is_in_other_journals(const Call& call, const state::Record& own,
                                  const Predicate& fits) {
  const auto records = MVR_TRY(state::read_records(call.conf.state_dir));
  return std::ranges::any_of(records, [&](const state::Record& other) {
    return other.attachment != own.attachment && fits(other);
  });
}

Result<net::Link> read_master(plan::Kernel& kernel, const state::VlanRecord& vlan) {
  const auto master = MVR_TRY(kernel.read_link(Where::host, vlan.master));
  if (!master) {
    return fail(Code::master_unusable,
                "the master of VLAN " + std::to_string(vlan.id) + " has vanished");
  }
  return *master;
}

Error explain(Error error) {
  if (error.sys_errno == EEXIST) {
    error.msg +=
        "; another interface has this name, or the VLAN has been moved to another network "
        "namespace";
  } else if (error.sys_errno == EOPNOTSUPP) {
    error.msg += "; this kernel has no VLANs (load 8021q), or the master takes none";
  }
  return error;
}

Result<void> create_vlan(const Call& call, plan::Kernel& kernel, const net::Link& master,
                         std::uint16_t id, plan::Transaction& steps) {
  Result<void> made = steps.run({plan::CreateVlan{plan::make_vlan_spec(master, id)}}, call.budget);
  const bool has_rival = !made && made.error().sys_errno == EEXIST;
  if (has_rival && MVR_TRY(plan::find_vlan(kernel, master, id))) {
    return {};  // by somebody who does not know our lock
  }
  return made ? made : fail(explain(std::move(made).error()));
}

/// One of ours may be down if its maker was killed, or if it was made on a master that was down.
Result<void> raise_if_ours(plan::Kernel& kernel, const net::Link& vlan) {
  return net::is_our_vlan(vlan) && !vlan.is_up ? plan::raise_vlan(kernel, vlan) : Result<void>();
}

std::string describe(const net::Link& master, std::uint16_t id) {
  return "VLAN " + std::to_string(id) + " of master " + master.name;
}

/// True if other attachments need it: their NICs lie on it, or a VLAN of it that is theirs.
Result<bool> is_used_by_pods(const Call& call, const state::Record& own, net::IfIndex vlan) {
  return is_in_other_journals(call, own, [&](const state::Record& other) {
    return other.vlan == own.vlan || other.master_index == to_int(vlan) ||
           (other.vlan && other.vlan->master == vlan);
  });
}

/// What lies on an interface in its own namespace. rtnetlink tells of bonds, bridges and VRFs only.
Result<bool> has_upper(const std::string& name) {
  const auto entries = MVR_TRY(read_directory("/sys/class/net/" + name));
  return std::ranges::any_of(entries,
                             [](const auto& entry) { return entry.starts_with("upper_"); });
}

/// True if the node itself has put it to use since.
Result<bool> is_used_by_node(plan::Kernel& kernel, const net::Link& vlan) {
  constexpr std::uint8_t kGlobalScope = 0;
  for (const net::IfAddress& address : MVR_TRY(kernel.read_addresses(Where::host, vlan.index))) {
    if (address.scope == kGlobalScope) {
      return true;
    }
  }
  return vlan.upper != net::IfIndex::none ? Result<bool>(true) : has_upper(vlan.name);
}

/// The VLAN of the record as it is now, if it is ours.
Result<std::optional<net::Link>> find_our_vlan(plan::Kernel& kernel,
                                               const state::VlanRecord& record) {
  const auto master = MVR_TRY(kernel.read_link(Where::host, record.master));
  if (!master) {
    return std::nullopt;
  }
  auto vlan = MVR_TRY(plan::find_vlan(kernel, *master, record.id));
  return vlan && net::is_our_vlan(*vlan) ? std::move(vlan) : std::nullopt;
}

/// The journal counts no more.
Result<void> disclaim_vlan(state::Journal& journal) {
  state::Record record = *journal.record();
  record.vlan.reset();
  record.master_index = 0;
  return journal.write(record);
}

/// The selector and the table are what counts, if main is not asked first: a rule of somebody else
/// does as well.
bool has_rule(const std::vector<net::Rule>& rules, const net::Rule& wanted) {
  constexpr std::uint32_t kMainRulePriority = 32766;
  return std::ranges::any_of(rules, [&](const net::Rule& rule) {
    return rule.family == wanted.family && rule.table == wanted.table && !rule.from &&
           rule.oif.empty() && !rule.has_other_selectors && rule.priority < kMainRulePriority;
  });
}

/// The node's part of a routing table of ours, in the shape that a pod's is observed in.
Result<plan::PodState> observe_node(plan::Kernel& kernel, const plan::Routing& wanted) {
  plan::PodState node;
  const auto rules =
      wanted.rules.empty() ? std::vector<net::Rule>() : MVR_TRY(kernel.read_rules(Where::host));
  for (const net::Rule& rule : wanted.rules) {
    if (has_rule(rules, rule)) {
      node.rules.push_back(rule);
    }
    std::ranges::move(MVR_TRY(kernel.read_host_table(rule.family, rule.table)),
                      std::back_inserter(node.routes));
  }
  for (const net::Route& route : wanted.routes) {
    if (node.find_link(route.nic) == nullptr) {
      if (auto link = MVR_TRY(kernel.read_link(Where::host, route.nic))) {
        node.links.push_back(*std::move(link));
      }
    }
  }
  return node;
}

std::vector<Step> on_node(std::vector<Step> steps) {
  for (Step& step : steps) {
    if (auto* route = std::get_if<plan::ChangeRoute>(&step)) {
      route->where = Where::host;
    } else if (auto* rule = std::get_if<plan::ChangeRule>(&step)) {
      rule->where = Where::host;
    }
  }
  return steps;
}

/// Our rules for a table that leads nowhere any more.
Result<std::vector<Step>> rule_removals(plan::Kernel& kernel, std::uint32_t table) {
  std::vector<Step> steps;
  for (const net::Rule& rule : MVR_TRY(kernel.read_rules(Where::host))) {
    if (rule.table == table && rule.protocol == net::kOurMark) {
      steps.emplace_back(plan::ChangeRule{Op::remove, rule, Where::host});
    }
  }
  return steps;
}

/// Whether the rule is still needed. Journals tell of routes that are about to be made, the table
/// of those whose journals are lost.
Result<bool> is_table_used(const Call& call, plan::Kernel& kernel, const state::Record& own) {
  const std::uint32_t table = own.host_rule_table;
  if (MVR_TRY(is_in_other_journals(
          call, own, [&](const state::Record& other) { return other.host_rule_table == table; }))) {
    return true;
  }
  for (const ip::Family family : {ip::Family::v4, ip::Family::v6}) {
    const auto left = MVR_TRY(kernel.read_host_table(family, table));
    if (std::ranges::find(left, net::kOurMark, &net::Route::protocol) != left.end()) {
      return true;
    }
  }
  return false;
}

Result<void> remove_routes(const Call& call, plan::Kernel& kernel, const state::Record& record) {
  std::vector<Step> steps;
  for (const net::Route& route : record.node_routes) {
    const auto link = MVR_TRY(kernel.read_link(Where::host, route.nic));
    steps.emplace_back(plan::ChangeRoute{Op::remove, route, link ? link->name : "", Where::host});
  }
  return summarize(remove_all(call, kernel, steps));
}

Result<void> remove_rules(const Call& call, plan::Kernel& kernel, std::uint32_t table) {
  return summarize(remove_all(call, kernel, MVR_TRY(rule_removals(kernel, table))));
}

/// The journal counts no more.
Result<void> disclaim_table(state::Journal& journal) {
  state::Record record = *journal.record();
  record.host_rule_table = 0;
  record.node_routes.clear();
  return journal.write(record);
}

/// What a journal would say that has been lost. Another pod may have the NIC's addresses by now, so
/// the routes must lead to this one.
Result<state::Record> find_lost_routes(const Call& call, plan::Kernel& kernel,
                                       const plan::PodState& pod,
                                       const std::vector<ip::Address>& addresses) {
  const auto is_pods = [&](const ip::Address& address) {
    return std::ranges::any_of(
        pod.addresses, [&](const net::IfAddress& one) { return one.prefix.address == address; });
  };
  const auto is_lost = [&](const net::Route& route) {
    return route.protocol == net::kOurMark && route.gateway && is_pods(*route.gateway) &&
           std::ranges::any_of(addresses, [&](const ip::Address& address) {
             return route.dst == ip::Prefix::host(address);
           });
  };
  state::Record record;
  record.attachment = call.attachment();
  record.host_rule_table = call.conf.host_rule_table;
  for (const ip::Family family : {ip::Family::v4, ip::Family::v6}) {
    const auto routes = MVR_TRY(kernel.read_host_table(family, record.host_rule_table));
    std::ranges::copy_if(routes, std::back_inserter(record.node_routes), is_lost);
  }
  return record;
}

}  // namespace

Result<bool> has_nics(plan::Kernel& kernel, net::IfIndex master,
                      const std::function<bool(const ip::Mac&)>& is_meant) {
  constexpr std::chrono::seconds kLeaving{2};
  constexpr std::chrono::milliseconds kLookAgain{10};
  const Budget budget = Budget::grace(kLeaving);
  while (std::ranges::any_of(MVR_TRY(kernel.read_filters(master)), is_meant)) {
    if (!budget.wait(-1, 0, Clock::now() + kLookAgain)) {
      return true;
    }
  }
  return false;
}

Result<net::Link> take_vlan(const Call& call, plan::Kernel& kernel, const state::VlanRecord& record,
                            plan::Transaction& steps) {
  const auto lock = MVR_TRY(lock_node(call, call.budget));
  const net::Link master = MVR_TRY(read_master(kernel, record));
  if (const auto found = MVR_TRY(plan::find_vlan(kernel, master, record.id))) {
    MVR_TRY(raise_if_ours(kernel, *found));
  } else {
    MVR_TRY(create_vlan(call, kernel, master, record.id, steps));
  }
  const auto vlan = MVR_TRY(plan::find_vlan(kernel, master, record.id));
  return vlan ? Result<net::Link>(*vlan)
              : fail(Code::master_unusable, describe(master, record.id) + " has vanished");
}

Result<void> release_vlan(const Call& call, plan::Kernel& kernel, state::Journal& journal,
                          const Budget& budget) {
  if (!journal.record() || !journal.record()->vlan) {
    return {};
  }
  const auto lock = MVR_TRY(lock_node(call, budget));
  const state::Record& record = *journal.record();
  const auto vlan = MVR_TRY(find_our_vlan(kernel, *record.vlan));
  if (!vlan) {
    return {};
  }
  if (MVR_TRY(is_used_by_pods(call, record, vlan->index))) {
    return disclaim_vlan(journal);
  }
  if (MVR_TRY(is_used_by_node(kernel, *vlan))) {
    return {};
  }
  // Journals can be lost.
  if (MVR_TRY(has_nics(kernel, vlan->index, [](const ip::Mac&) { return true; }))) {
    call.log.line(LogLevel::warn,
                  "VLAN " + vlan->name + " stays: there are NICs on it that no journal names");
    return {};
  }
  return summarize(remove_all(call, kernel, {plan::RemoveVlan{vlan->index, vlan->name}}));
}

Result<void> make_node_routes(const Call& call, plan::Kernel& kernel, const plan::Routing& wanted,
                              plan::Transaction& steps) {
  if (wanted.routes.empty()) {
    return {};
  }
  const auto lock = MVR_TRY(lock_node(call, call.budget));
  const plan::PodState node = MVR_TRY(observe_node(kernel, wanted));
  return steps.run(on_node(plan::routing_steps(wanted, node, {}, "")), call.budget);
}

Result<void> release_node_routes(const Call& call, plan::Kernel& kernel, state::Journal& journal,
                                 const Budget& budget) {
  if (!journal.record() || journal.record()->host_rule_table == 0) {
    return {};
  }
  const auto lock = MVR_TRY(lock_node(call, budget));
  const state::Record& record = *journal.record();
  MVR_TRY(remove_routes(call, kernel, record));
  return MVR_TRY(is_table_used(call, kernel, record))
             ? disclaim_table(journal)
             : remove_rules(call, kernel, record.host_rule_table);
}

Result<void> release_lost_routes(const Call& call, plan::Kernel& kernel, const plan::PodState& pod,
                                 const std::vector<ip::Address>& addresses) {
  if (call.conf.host_rule_table == 0 || addresses.empty()) {
    return {};
  }
  const auto lock = MVR_TRY(lock_node(call, Budget::grace(kGrace)));
  const state::Record record = MVR_TRY(find_lost_routes(call, kernel, pod, addresses));
  MVR_TRY(remove_routes(call, kernel, record));
  return MVR_TRY(is_table_used(call, kernel, record))
             ? Result<void>()
             : remove_rules(call, kernel, record.host_rule_table);
}

Result<std::vector<plan::Mismatch>> verify_node_routes(plan::Kernel& kernel,
                                                       const plan::Routing& wanted) {
  const plan::PodState node = MVR_TRY(observe_node(kernel, wanted));
  std::vector<plan::Mismatch> all = verify_routing(wanted, node, "");
  for (plan::Mismatch& mismatch : all) {
    mismatch.object = "the node's " + mismatch.object;
  }
  return all;
}

}  // namespace mvr::plugin
