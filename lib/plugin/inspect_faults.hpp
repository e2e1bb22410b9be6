// SPDX-License-Identifier: Apache-2.0
/// \file
/// What is wrong with a NIC or a pod, told from what was seen of it. Pure.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "mvr/plan/facts.hpp"
#include "mvr/plugin/inspect.hpp"
#include "mvr/state/journal.hpp"

namespace mvr::plugin {

/// The remedy that always helps.
inline constexpr const char* kAnew = "delete the pod, which makes it anew";

/// A NIC that is not in its pod, and what there is instead.
struct Absence {
  const state::Record& record;
  std::optional<net::Link> master;    ///< the one below which it was made
  std::optional<net::Link> namesake;  ///< what has the master's name now
  bool is_heard_of = false;           ///< the master still takes frames for it
};

Problem explain_absence(const Absence& absence);

/// True for a NIC that is there under another name. That of an ADD under way is no other.
bool is_renamed(const NicView& nic);

/// What is wrong with a link that is there: its name, an ADD that has not ended.
void judge_link(NicView& nic, const state::Record& record);

/// What the master was called at ADD, and by what names the configuration looks for it; both empty
/// if nobody knows.
struct MasterNames {
  std::string recorded;
  std::vector<std::string> configured;
};

void judge_master(NicView& nic, const MasterNames& names);

void judge_rdma(NicView& nic);

/// Who is to own main's default routes.
struct DefaultOwner {
  std::string overlay;            ///< its name
  std::uint32_t table = 0;        ///< T0
  std::string chosen;             ///< the NIC of ours that may own them as well; empty = none
  std::set<ip::Family> families;  ///< in which the overlay NIC did at ADD
};

/// What has changed since ADD. A pod whose overlay NIC owned no default then was made so on
/// purpose: by Multus, which its annotation "default-route" has told to.
std::vector<Problem> judge_defaults(const plan::PodState& pod, const DefaultOwner& wanted);

}  // namespace mvr::plugin
