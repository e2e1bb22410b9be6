// SPDX-License-Identifier: Apache-2.0
// ADD after an ADD that was killed.
#include "plugin/attempt.hpp"
#include "plugin/teardown.hpp"

namespace mvr::plugin {
namespace {

/// True for a record of an ADD that has ended well and whose pod still lives. That the namespace
/// has the recorded number proves little: the kernel gives it to the next one when the pod has
/// gone.
Result<bool> is_alive(const state::Record& record, const std::optional<net::Netns>& pod,
                      const Namespaces& netns, plan::Kernel& kernel) {
  if (!record.is_complete || !pod) {
    return false;
  }
  return pod->id != netns.pod->id ||
         MVR_TRY(kernel.read_link(plan::Where::pod, record.attachment.ifname)).has_value();
}

}  // namespace

Result<void> heal(const Call& call, const Namespaces& netns, state::Journal& journal,
                  plan::Kernel& kernel) {
  if (!journal.record()) {
    return {};
  }
  const state::Record record = *journal.record();
  std::optional<net::Netns> pod = reopen(record.netns_path, record.netns);
  if (MVR_TRY(is_alive(record, pod, netns, kernel))) {
    return fail(Code::link_failed, "the attachment " + record.attachment.to_string() +
                                       " exists already; DEL it first");
  }
  call.log.line(LogLevel::warn, "undoing what an earlier attempt left");
  if (!pod) {
    pod = MVR_TRY(reopen_pod(netns.host, record));
  }
  Remains remains{record.attachment, &netns.host, pod ? &*pod : nullptr, record, std::nullopt};
  Result<void> undone = summarize(tear_down(call, remains, journal, call.budget));
  return undone ? undone : fail(std::move(undone).error().in("undo what an earlier attempt left"));
}

}  // namespace mvr::plugin
