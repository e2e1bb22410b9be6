// SPDX-License-Identifier: Apache-2.0
#include "plugin/node.hpp"

#include <errno.h>

#include <algorithm>

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
/// removing it, nobody else does either.
Result<Fd> lock_node(const Call& call, const Budget& budget) {
  return state::lock_directory(call.conf.state_dir, budget);
}

/// True when the journal of another attachment fits.
template <typename Predicate>
bool is_in_other_journals(const Call& call, const state::Record& own, const Predicate& fits) {
  return std::ranges::any_of(state::read_records(call.conf.state_dir),
                             [&](const state::Record& other) {
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
    error.msg += "; this kernel has no VLANs, load 8021q";
  }
  return error;
}

Result<void> create_vlan(const Call& call, plan::Kernel& kernel, const net::Link& master,
                         std::uint16_t id, plan::Transaction& steps) {
  Result<void> made = steps.run({plan::CreateVlan{plan::make_vlan_spec(master, id)}}, call.budget);
  if (made || MVR_TRY(plan::find_vlan(kernel, master, id))) {
    return {};  // if not by us, then by somebody who does not know our lock
  }
  return fail(explain(std::move(made).error()));
}

/// One of ours may be down if its maker was killed, or if it was made on a master that was down.
Result<void> raise_if_ours(plan::Kernel& kernel, const net::Link& vlan) {
  if (!net::is_our_vlan(vlan) || vlan.is_up) {
    return {};
  }
  net::LinkChange change;
  change.index = vlan.index;
  change.up = true;
  Result<void> done = kernel.change_link(Where::host, change);
  const bool must_wait = !done && done.error().sys_errno == ENETDOWN;
  return must_wait ? Result<void>() : done;
}

std::string describe(const net::Link& master, std::uint16_t id) {
  return "VLAN " + std::to_string(id) + " of master " + master.name;
}

/// True if the node itself has put it to use since.
Result<bool> is_used_by_node(plan::Kernel& kernel, const net::Link& vlan) {
  constexpr std::uint8_t kGlobalScope = 0;
  for (const ip::Family family : {ip::Family::v4, ip::Family::v6}) {
    for (const net::IfAddress& address :
         MVR_TRY(kernel.read_addresses(Where::host, family, vlan.index))) {
      if (address.scope == kGlobalScope) {
        return true;
      }
    }
  }
  return vlan.upper != net::IfIndex::none;
}

Result<void> remove_vlan(const Call& call, plan::Kernel& kernel, const state::Record& record) {
  const auto lock = MVR_TRY(lock_node(call, Budget::grace(kGrace)));
  const auto uses_it = [&](const state::Record& other) { return other.vlan == record.vlan; };
  const auto master = MVR_TRY(kernel.read_link(Where::host, record.vlan->master));
  if (!master || is_in_other_journals(call, record, uses_it)) {
    return {};
  }
  const auto vlan = MVR_TRY(plan::find_vlan(kernel, *master, record.vlan->id));
  if (!vlan || !net::is_our_vlan(*vlan) || MVR_TRY(is_used_by_node(kernel, *vlan))) {
    return {};
  }
  return summarize(remove_all(call, kernel, {plan::RemoveVlan{vlan->index, vlan->name}}));
}

/// The selector and the table are what counts: a rule of somebody else does as well.
bool has_rule(const std::vector<net::Rule>& rules, const net::Rule& wanted) {
  return std::ranges::any_of(rules, [&](const net::Rule& rule) {
    return rule.table == wanted.table && !rule.from && rule.oif.empty() &&
           !rule.has_other_selectors;
  });
}

/// The node's part of a routing table of ours, in the shape that a pod's is observed in.
Result<plan::PodState> observe_node(plan::Kernel& kernel, const plan::Routing& wanted) {
  plan::PodState node;
  for (const net::Rule& rule : wanted.rules) {
    const auto rules = MVR_TRY(kernel.read_rules(Where::host, rule.family));
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
  for (const ip::Family family : {ip::Family::v4, ip::Family::v6}) {
    for (const net::Rule& rule : MVR_TRY(kernel.read_rules(Where::host, family))) {
      if (rule.table == table && rule.protocol == net::kOurMark) {
        steps.emplace_back(plan::ChangeRule{Op::remove, rule, Where::host});
      }
    }
  }
  return steps;
}

Result<void> remove_node_routes(const Call& call, plan::Kernel& kernel,
                                const state::Record& record) {
  const auto lock = MVR_TRY(lock_node(call, Budget::grace(kGrace)));
  std::vector<Step> steps;
  for (const net::Route& route : record.node_routes) {
    const auto link = MVR_TRY(kernel.read_link(Where::host, route.nic));
    steps.emplace_back(plan::ChangeRoute{Op::remove, route, link ? link->name : "", Where::host});
  }
  MVR_TRY(summarize(remove_all(call, kernel, steps)));
  const auto uses_it = [&](const state::Record& other) {
    return other.host_rule_table == record.host_rule_table;
  };
  if (is_in_other_journals(call, record, uses_it)) {
    return {};
  }
  const auto rules = MVR_TRY(rule_removals(kernel, record.host_rule_table));
  return summarize(remove_all(call, kernel, rules));
}

std::vector<Error> to_list(Result<void> done) {
  return done ? std::vector<Error>() : std::vector<Error>{std::move(done).error()};
}

}  // namespace

Result<net::Link> take_vlan(const Call& call, plan::Kernel& kernel, const state::VlanRecord& record,
                            plan::Transaction& steps) {
  const auto lock = MVR_TRY(lock_node(call, call.budget));
  const net::Link master = MVR_TRY(read_master(kernel, record));
  auto vlan = MVR_TRY(plan::find_vlan(kernel, master, record.id));
  if (!vlan) {
    MVR_TRY(create_vlan(call, kernel, master, record.id, steps));
    vlan = MVR_TRY(plan::find_vlan(kernel, master, record.id));
  } else {
    MVR_TRY(raise_if_ours(kernel, *vlan));
  }
  return vlan ? Result<net::Link>(*vlan)
              : fail(Code::master_unusable, describe(master, record.id) + " has vanished");
}

std::vector<Error> release_vlan(const Call& call, plan::Kernel& kernel,
                                const state::Record& record) {
  return record.vlan ? to_list(remove_vlan(call, kernel, record)) : std::vector<Error>();
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

std::vector<Error> release_node_routes(const Call& call, plan::Kernel& kernel,
                                       const state::Record& record) {
  return record.host_rule_table != 0 ? to_list(remove_node_routes(call, kernel, record))
                                     : std::vector<Error>();
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
