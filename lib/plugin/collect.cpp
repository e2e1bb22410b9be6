// SPDX-License-Identifier: Apache-2.0
#include "plugin/collect.hpp"

#include "mvr/plan/kernel.hpp"
#include "plugin/node.hpp"
#include "plugin/recorded.hpp"
#include "plugin/teardown.hpp"

namespace mvr::plugin {

Result<void> undo_as_recorded(const Call& call, const net::Netns& host, state::Journal& journal) {
  const state::Record record = *journal.record();
  const auto pod = MVR_TRY(reopen_pod(host, record));
  const Remains remains{record.attachment, &host, pod ? &*pod : nullptr, record, std::nullopt};
  const RecordedCall recorded(call, record);
  return summarize(tear_down(recorded.call(), remains, journal, call.budget));
}

Result<bool> collect(const Call& call, const net::Netns& host, const state::Attachment& attachment,
                     const Budget& patience, const IsToGo& is_to_go) {
  // The journal may have changed since it was listed: what counts is what the lock's holder reads.
  auto journal = MVR_TRY(state::Journal::open(call.conf.state_dir, attachment, patience));
  if (!journal.record() || !MVR_TRY(is_to_go(*journal.record()))) {
    return false;
  }
  const state::Record record = *journal.record();
  MVR_TRY(undo_as_recorded(call, host, journal));
  call.log.line(LogLevel::info, "collected",
                {{"attachment", attachment.to_string()}, {"pod", record.pod}});
  return true;
}

// That the namespace has the recorded number proves little: the kernel gives it to the next one
// when the pod has gone.
Result<bool> is_alive(const net::Netns& host, const std::optional<net::Netns>& pod,
                      const state::Record& record) {
  if (!record.is_complete || !pod) {
    return false;
  }
  return has_nic(host, *pod, record.attachment);
}

Result<bool> is_heard_of(const net::Netns& host, const state::Record& record) {
  if (!record.mac || record.master_index == 0) {
    return false;
  }
  const auto kernel = MVR_TRY(plan::open_linux_kernel(host, host));
  const net::IfIndex master{record.master_index};
  if (!MVR_TRY(kernel->read_link(plan::Where::host, master))) {
    return false;
  }
  return has_nics(*kernel, master, [&](const ip::Mac& mac) { return mac == record.mac; });
}

}  // namespace mvr::plugin
