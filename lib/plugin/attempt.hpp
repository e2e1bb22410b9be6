// SPDX-License-Identifier: Apache-2.0
/// \file
/// An ADD under way, and the parts of it that stand apart: what comes before IPAM is asked, and the
/// way back. add.cpp has the flow.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "mvr/plan/transaction.hpp"
#include "mvr/state/journal.hpp"
#include "mvr/state/lock.hpp"
#include "plugin/call.hpp"
#include "plugin/namespaces.hpp"

namespace mvr::plugin {

/// What makes of an ADD one that only says what it would do. Its kernel is a foreseen one; with
/// everybody else (IPAM, the rail, files) it deals by telling.
struct Rehearsal {
  cni::AddResult addresses;  ///< in the place of what IPAM would say
  std::function<void(std::string_view with_whom, const std::string& what)> tell;
};

/// What an ADD holds and what it has done.
struct Attempt {
  const Call& call;
  const state::Attachment attachment;
  const Namespaces& netns;
  state::Journal& journal;
  plan::Kernel& kernel;
  // What is taken back, in the reverse of this order.
  plan::Transaction shared;               ///< the pod's, for all of its NICs
  plan::Transaction link;                 ///< the NIC
  plan::Transaction rdma;                 ///< the device's move
  plan::Transaction network;              ///< its addresses, routes and rules
  plan::Transaction node;                 ///< what pods share; taken back by the journal
  std::vector<net::IfIndex> elders = {};  ///< the pod's NICs of ours that were there before
  bool has_called_ipam = false;
  bool has_ipam_refused = false;         ///< it has answered with an error of its own
  const Rehearsal* rehearsal = nullptr;  ///< null: it is meant
};

/// Nothing is done yet. All of these must outlive it.
Attempt make_attempt(const Call& call, const Namespaces& netns, state::Journal& journal,
                     plan::Kernel& kernel, const plan::OnStep& on_step);

/// What is settled before IPAM is asked.
struct Ground {
  plan::Facts facts;
  plan::Place place;
  plan::DesiredLink link;
  state::Record record;  ///< with the RDMA device, if there is one
};

/// A record of this attachment means that an ADD came before. Its work is undone if it has died or
/// its namespace has; a living one is an error (Code::link_failed).
Result<void> heal(const Call& call, const net::Netns& host, state::Journal& journal);

/// Whether there is something to heal; fails if the attachment lives.
Result<bool> needs_healing(const net::Netns& host, const state::Journal& journal);

/// ADD from an open journal on: looks, makes the NIC, prints the result. What it has made when it
/// fails is for `take_back`.
Result<void> make(Attempt& a);

/// \param why what is new in the record, in words
Result<void> write_journal(Attempt& a, const state::Record& record, const std::string& why);

/// Looks, chooses, claims, and makes what is shared, and the link under its temporary name: all
/// under the pod's lock, so that NICs made at the same time agree on tables and on what they share.
Result<Ground> prepare(Attempt& a);

/// For what the pod's NICs share. Whoever holds it is waited for.
Result<state::ScopedLock> lock_netns(const Attempt& a);

/// Backwards through what was done. The first error stays the answer; what goes wrong here is
/// logged and leaves the journal, so that DEL or the next ADD can finish. An IPAM plugin that has
/// refused ADD may refuse DEL too: it has given nothing.
/// \return what is left, a failure for each
std::vector<Error> take_back(Attempt& a);

/// A line of the log at level `warn` for each.
void warn(const Call& call, const std::vector<std::string>& warnings);

/// The indexes of those that are ours.
std::vector<net::IfIndex> find_our_links(const std::vector<net::Link>& links);

}  // namespace mvr::plugin
