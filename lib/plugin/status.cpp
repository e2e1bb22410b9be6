// SPDX-License-Identifier: Apache-2.0
// STATUS: could an ADD succeed now?
#include "mvr/plan/facts.hpp"
#include "mvr/state/journal.hpp"
#include "plugin/call.hpp"
#include "plugin/delegate.hpp"
#include "plugin/rdma.hpp"

namespace mvr::plugin {
namespace {

/// True also for a VLAN of ours that waits to be set up, as ADD does it.
Result<bool> is_usable(plan::Kernel& kernel, const net::Link& master) {
  if (master.is_up || !net::is_our_vlan(master)) {
    return master.is_up;
  }
  const auto lower = MVR_TRY(kernel.read_link(plan::Where::host, master.lower));
  return lower && lower->is_up;
}

/// The master, and its RDMA device if the configuration insists on one.
Result<void> check_master(const Call& call) {
  if (call.conf.link_in_container) {
    return {};  // there is no pod to look into
  }
  const auto host = MVR_TRY(net::open_own_netns());
  const auto kernel = MVR_TRY(plan::open_linux_kernel(host, host));
  const net::Link master = MVR_TRY(look_for_master(
      call.conf, [&](const cni::NetConf& named) { return find_master(*kernel, named); }));
  if (!MVR_TRY(is_usable(*kernel, master))) {
    return fail(Code::unavailable, "master " + master.name + " is down");
  }
  return check_rdma(call, *kernel, master);
}

Result<void> check_state(const Call& call) {
  return state::check_writable(call.conf.state_dir);
}

Result<void> check_ipam(const Call& call) {
  return call_ipam(call, "STATUS", call.budget);
}

}  // namespace

Result<void> status(const Call& call) {
  for (const auto check : {check_master, check_state, check_ipam}) {
    Result<void> done = check(call);
    const bool says_limited = !done && done.error().code == Code::limited;
    if (!done && !says_limited) {
      return fail(std::move(done).error().as(Code::unavailable));
    }
    MVR_TRY(done);
  }
  return {};
}

}  // namespace mvr::plugin
