// SPDX-License-Identifier: Apache-2.0
// ADD's way back.
#include <algorithm>

#include "plugin/attempt.hpp"
#include "plugin/delegate.hpp"
#include "plugin/node.hpp"
#include "plugin/rdma.hpp"
#include "plugin/teardown.hpp"

namespace mvr::plugin {
namespace {

/// What NICs share stays if another one has come meanwhile; the last one takes it along. The elders
/// do not need it: each has seen to its own part before.
Result<void> take_back_shared(Attempt& a, std::vector<Error>& errors) {
  const auto lock = lock_pod(a.call, *a.netns.pod);
  const auto nics = find_our_links(MVR_TRY(a.kernel.read_pod_links()));
  const auto is_elder = [&](net::IfIndex nic) {
    return std::ranges::find(a.elders, nic) != a.elders.end();
  };
  if (std::ranges::all_of(nics, is_elder)) {
    std::ranges::move(a.shared.undo(), std::back_inserter(errors));
  }
  if (nics.empty()) {  // the elders have gone, and left to us what they shared
    std::ranges::move(sweep(a.call, a.kernel), std::back_inserter(errors));
  }
  return {};
}

/// The device stays if other NICs of the pod have it as well, whoever has moved it.
Result<void> take_back_rdma(Attempt& a, std::vector<Error>& errors) {
  if (!has_moved_rdma(a.journal.record())) {
    return {};
  }
  const auto lock = lock_pod(a.call, *a.netns.pod);
  if (MVR_TRY(release_rdma(a.call, a.journal))) {
    // The step also when it was not ours: the NIC that moved the device may have gone since.
    const state::RdmaRecord& device = *a.journal.record()->rdma;
    MVR_TRY(plan::apply(a.kernel, plan::ReturnRdmaDevice{device.device, device.name}));
    std::vector<Error> failed = a.rdma.undo();
    if (failed.empty()) {
      return disclaim_rdma(a.journal);
    }
    std::ranges::move(failed, std::back_inserter(errors));
  }
  return {};
}

}  // namespace

std::vector<Error> take_back(Attempt& a) {
  const Budget budget = Budget::grace(kGrace);
  std::vector<Error> errors;
  const auto note = [&](Result<void> done) {
    if (!done) {
      errors.push_back(std::move(done).error());
    }
  };
  const auto release = [&] {
    if (std::exchange(a.has_called_ipam, false)) {
      Result<void> released = call_ipam(a.call, "DEL", budget);
      if (!released && a.has_ipam_refused) {
        a.call.log.line(LogLevel::warn, "undo: " + released.error().msg);
      } else {
        note(std::move(released));
      }
    }
  };
  if (releases_over_link(a.call.conf)) {
    release();
  }
  note(release_node_routes(a.call, a.kernel, a.journal, budget));
  std::ranges::move(a.network.undo(), std::back_inserter(errors));
  note(take_back_rdma(a, errors));
  release();
  std::ranges::move(a.link.undo(), std::back_inserter(errors));
  note(take_back_shared(a, errors));
  note(release_vlan(a.call, a.kernel, a.journal, budget));
  if (a.journal.record()) {
    note(withdraw_device(*a.journal.record()));
  }
  if (errors.empty()) {
    note(a.journal.remove());
  }
  for (const Error& error : errors) {
    a.call.log.line(LogLevel::error, "undo: " + error.msg, {{"details", error.details}});
  }
  a.call.timeline.end_phase("undo");
  return errors;
}

}  // namespace mvr::plugin
