// SPDX-License-Identifier: Apache-2.0
// ADD after an ADD that was killed.
#include "plugin/attempt.hpp"
#include "plugin/collect.hpp"

namespace mvr::plugin {

Result<bool> needs_healing(const net::Netns& host, const state::Journal& journal) {
  if (!journal.record()) {
    return false;
  }
  const state::Record& record = *journal.record();
  const auto pod = MVR_TRY(reopen(record.netns_path, record.netns));
  if (MVR_TRY(is_alive(host, pod, record))) {
    return fail(Code::link_failed, "the attachment " + record.attachment.to_string() +
                                       " exists already; DEL it first");
  }
  return true;
}

Result<void> heal(const Call& call, const net::Netns& host, state::Journal& journal) {
  if (!MVR_TRY(needs_healing(host, journal))) {
    return {};
  }
  call.log.line(LogLevel::warn, "undoing what an earlier attempt left");
  Result<void> undone = undo_as_recorded(call, host, journal);
  return undone ? undone : fail(std::move(undone).error().in("undo what an earlier attempt left"));
}

}  // namespace mvr::plugin
