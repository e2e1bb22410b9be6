// SPDX-License-Identifier: Apache-2.0
/// \file
/// What is left of an attachment, and the steps that remove it.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "mvr/cni/result.hpp"
#include "mvr/net/netns.hpp"
#include "mvr/plan/step.hpp"
#include "mvr/state/journal.hpp"

namespace mvr::plugin {

/// What is known of an attachment; each part may be missing.
struct Remains {
  state::Attachment attachment;
  const net::Netns* host = nullptr;
  const net::Netns* pod = nullptr;  ///< null = gone, and all of the kernel's objects with it
  std::optional<state::Record> record;
  std::optional<cni::AddResult> prev_result;
};

/// The attachment's link. Another one of that name, which belongs to somebody else, is none (null).
const net::Link* find_link(const Remains& remains, const plan::PodState& pod);

/// The NIC's routing table, from the journal or from the rule that names the NIC; 0 = none.
std::uint32_t find_table(const Remains& remains, const plan::PodState& pod, const net::Link* link);

/// True when no other interface of ours is in the pod: what NICs share goes as well.
bool is_last(const plan::PodState& pod, const net::Link* link);

/// The NIC's addresses as far as they can be told without a journal.
std::vector<ip::Address> find_addresses(const Remains& remains, const plan::PodState& pod,
                                        const net::Link* link);

/// Steps that remove the routes and rules of our mark in the tables that `is_to_go` picks.
std::vector<plan::Step> removal_steps(const plan::PodState& pod,
                                      const std::function<bool(std::uint32_t)>& is_to_go);

/// Steps that put main's old defaults back, if the NIC has taken them over. To be done before ours
/// goes, so that the pod is never without a default route.
std::vector<plan::Step> restore_steps(const Remains& remains, const plan::PodState& pod,
                                      const net::Link* link);

/// An address must be silent before IPAM may give it to another pod.
std::vector<plan::Step> address_steps(const plan::PodState& pod, const net::Link& link);

}  // namespace mvr::plugin
