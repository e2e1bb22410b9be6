// SPDX-License-Identifier: Apache-2.0
/// \file
/// What pods share on the node: the VLAN below their NICs, the rule and the table that lead to
/// their NICs. The first attachment makes it, the last one takes it along; the journals tell who
/// uses it, so a journal names it before it is there.
#pragma once

#include <functional>
#include <vector>

#include "mvr/plan/desired.hpp"
#include "mvr/plan/transaction.hpp"
#include "mvr/plan/verify.hpp"
#include "mvr/state/journal.hpp"
#include "plugin/call.hpp"

namespace mvr::plugin {

/// True when there are NICs on the master, in whatever namespace, with a MAC that is meant. Those
/// of a namespace that has just ended are on their way out, and are waited for.
Result<bool> has_nics(plan::Kernel& kernel, net::IfIndex master,
                      const std::function<bool(const ip::Mac&)>& is_meant);

/// The VLAN that the record names, found or made, and up if it is ours.
/// Fails with Code::master_unusable.
Result<net::Link> take_vlan(const Call& call, plan::Kernel& kernel, const state::VlanRecord& record,
                            plan::Transaction& steps);

/// Removes the journal's VLAN if it is ours and nobody else uses it. If others do, the journal
/// names it no more: of NICs that go at the same time the last one takes it along.
Result<void> release_vlan(const Call& call, plan::Kernel& kernel, state::Journal& journal,
                          const Budget& budget);

/// The rules and routes of `hostRuleTable`; what is there already is left alone.
Result<void> make_node_routes(const Call& call, plan::Kernel& kernel, const plan::Routing& wanted,
                              plan::Transaction& steps);

/// Removes the journal's routes, and the rules with the last routes of the table. If others use it,
/// the journal names it no more, as with a VLAN.
Result<void> release_node_routes(const Call& call, plan::Kernel& kernel, state::Journal& journal,
                                 const Budget& budget);

/// The same for a pod's NIC whose journal is lost.
/// \param addresses those of the NIC
Result<void> release_lost_routes(const Call& call, plan::Kernel& kernel, const plan::PodState& pod,
                                 const std::vector<ip::Address>& addresses);

/// What CHECK finds of `wanted` on the node.
Result<std::vector<plan::Mismatch>> verify_node_routes(plan::Kernel& kernel,
                                                       const plan::Routing& wanted);

}  // namespace mvr::plugin
