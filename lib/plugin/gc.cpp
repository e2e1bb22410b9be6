// SPDX-License-Identifier: Apache-2.0
// GC: undo the attachments of this network that the runtime does not know any more.
#include <stdlib.h>

#include <algorithm>

#include "plugin/delegate.hpp"
#include "plugin/namespaces.hpp"
#include "plugin/teardown.hpp"

namespace mvr::plugin {
namespace {

bool is_valid(const Call& call, const state::Attachment& attachment) {
  const auto& valid = *call.conf.valid_attachments;
  const cni::AttachmentRef reference{attachment.container_id, attachment.ifname};
  return std::ranges::find(valid, reference) != valid.end();
}

/// The IPAM plugin inherits our environment; a GC call comes with these empty.
void set_environment(const state::Record& record) {
  ::setenv("CNI_CONTAINERID", record.attachment.container_id.c_str(), 1);
  ::setenv("CNI_IFNAME", record.attachment.ifname.c_str(), 1);
  ::setenv("CNI_NETNS", record.netns_path.c_str(), 1);
}

/// Undoes one attachment. Its journal may have changed since it was listed: what counts is what the
/// lock's holder reads.
Result<void> collect(const Call& call, const Namespaces& own, const state::Attachment& attachment) {
  auto journal = MVR_TRY(state::Journal::open(call.conf.state_dir, attachment, call.budget));
  if (!journal.record()) {
    return {};
  }
  const state::Record record = *journal.record();
  const auto pod = MVR_TRY(reopen_pod(own.host, record));
  const Remains remains{attachment, &own.host, pod ? &*pod : nullptr, record, std::nullopt};
  set_environment(record);
  Result<void> done = summarize(tear_down(call, remains, journal, call.budget));
  if (!done) {
    return fail(std::move(done).error().in(attachment.to_string()));
  }
  call.log.line(LogLevel::info, "collected", {{"attachment", attachment.to_string()}});
  return {};
}

Result<void> forward_to_ipam(const Call& call) {
  for (const char* name : {"CNI_CONTAINERID", "CNI_IFNAME", "CNI_NETNS"}) {
    ::setenv(name, "", 1);
  }
  return call_ipam(call, "GC", call.budget);
}

}  // namespace

Result<void> gc(const Call& call) {
  if (!call.conf.valid_attachments) {
    return fail(Code::bad_config,
                "cni.dev/valid-attachments is missing; without the list nothing is removed");
  }
  const Namespaces own{MVR_TRY(net::open_own_netns()), std::nullopt};
  std::vector<Error> errors;
  const auto note = [&](Result<void> done) {
    if (!done) {
      errors.push_back(std::move(done).error());
    }
  };
  for (const state::Record& record : state::read_records(call.conf.state_dir)) {
    if (record.attachment.network == call.conf.name && !is_valid(call, record.attachment)) {
      note(collect(call, own, record.attachment));
    }
  }
  note(forward_to_ipam(call));
  return summarize(std::move(errors));
}

}  // namespace mvr::plugin
