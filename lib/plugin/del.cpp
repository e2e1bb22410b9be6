// SPDX-License-Identifier: Apache-2.0
// DEL: whatever is missing is done already.
#include <algorithm>
#include <iterator>

#include "plugin/namespaces.hpp"
#include "plugin/recorded.hpp"
#include "plugin/teardown.hpp"

namespace mvr::plugin {
namespace {

/// The journal, claimed: an ADD that began now would get its lease from IPAM and lose it to us.
/// One that cannot be had does not stop DEL: alias and prevResult tell most of it. What they do not
/// tell is for the next DEL, so a journal that may be there is an error in the end.
Result<state::Journal> open_journal(const Call& call, std::vector<Error>& errors) {
  auto journal = state::Journal::open(call.conf.state_dir, call.attachment(), call.budget,
                                      state::Journal::IfMissing::claim);
  if (journal || journal.error().code == Code::interrupted) {
    return journal;
  }
  call.log.line(LogLevel::warn, journal.error().msg + "; going on without the journal");
  if (state::may_be_there(journal.error())) {
    errors.push_back(journal.error());
  }
  return state::Journal::none(call.attachment());
}

/// The lease is that of the plugin that gave it.
bool has_changed_ipam(const Call& call, const std::optional<state::Record>& record) {
  return record && record->request && record->ipam_type != call.conf.ipam_type;
}

std::vector<Error> del_as_recorded(const Call& call, const Remains& remains,
                                   state::Journal& journal) {
  const std::string& type = remains.record->ipam_type;
  call.log.line(LogLevel::warn, "ipam.type has changed since ADD; " +
                                    (type.empty() ? "ADD had none, so no IPAM is called"
                                                  : "IPAM is called as it was then: " + type));
  const RecordedCall recorded(call, *remains.record);
  return tear_down(recorded.call(), remains, journal, call.budget);
}

}  // namespace

Result<void> del(const Call& call) {
  Namespaces netns = MVR_TRY(open_namespaces_if_alive(call));
  std::vector<Error> errors;
  state::Journal journal = MVR_TRY(open_journal(call, errors));
  if (!netns.pod && journal.record()) {
    // The runtime has forgotten the path (CNI_NETNS is empty), or it is gone; the journal knows it.
    netns.pod = MVR_TRY(reopen_pod(netns.host, *journal.record()));
  }
  call.timeline.end_phase("open");
  const Remains remains{call.attachment(), &netns.host, netns.pod ? &*netns.pod : nullptr,
                        journal.record(), call.conf.prev_result};
  std::vector<Error> undone = has_changed_ipam(call, remains.record)
                                  ? del_as_recorded(call, remains, journal)
                                  : tear_down(call, remains, journal, call.budget);
  std::ranges::move(undone, std::back_inserter(errors));
  return summarize(std::move(errors));
}

}  // namespace mvr::plugin
