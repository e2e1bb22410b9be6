// SPDX-License-Identifier: Apache-2.0
/// \file
/// Removing an attachment from whatever is left of it. DEL, GC and an ADD that finds the remains of
/// a dead one all come here.
#pragma once

#include <optional>
#include <vector>

#include "mvr/cni/result.hpp"
#include "mvr/net/netns.hpp"
#include "mvr/plan/kernel.hpp"
#include "mvr/plan/step.hpp"
#include "mvr/state/journal.hpp"
#include "mvr/state/lock.hpp"
#include "plugin/call.hpp"
#include "plugin/remains.hpp"

namespace mvr::plugin {

/// Removes rules, routes, addresses and the link, has IPAM release the addresses, and removes the
/// journal. Whatever is missing counts as removed. Goes on after errors and returns them all; then
/// the journal stays for the next try.
std::vector<Error> tear_down(const Call& call, const Remains& remains, state::Journal& journal,
                             const Budget& budget);

/// The pod's lock for removing things. A process of the pod may hold it for ever, which must not
/// keep the pod from ending: after two seconds it is done without.
std::optional<state::ScopedLock> lock_pod(const Call& call, const net::Netns& pod);

/// Removes every route and rule of our mark from a pod that has no NIC of ours any more. To be
/// called under the pod's lock.
std::vector<Error> sweep(const Call& call, plan::Kernel& kernel);

/// Does the steps, goes on after errors and returns them; what has gone already counts as done.
std::vector<Error> remove_all(const Call& call, plan::Kernel& kernel,
                              const std::vector<plan::Step>& steps);

/// One error for a list: the error itself if it is one, else Code::cleanup_incomplete with all
/// texts.
Result<void> summarize(std::vector<Error> errors);

}  // namespace mvr::plugin
