// SPDX-License-Identifier: Apache-2.0
// GC: undo the attachments of this network that the runtime does not know any more.
#include <algorithm>

#include "plugin/collect.hpp"
#include "plugin/delegate.hpp"
#include "plugin/teardown.hpp"

namespace mvr::plugin {
namespace {

bool is_valid(const Call& call, const state::Attachment& attachment) {
  const auto& valid = *call.conf.valid_attachments;
  const cni::AttachmentRef reference{attachment.container_id, attachment.ifname};
  return std::ranges::find(valid, reference) != valid.end();
}

}  // namespace

Result<void> gc(const Call& call) {
  if (!call.conf.valid_attachments) {
    return fail(Code::bad_config,
                "cni.dev/valid-attachments is missing; without the list nothing is removed");
  }
  const net::Netns host = MVR_TRY(net::open_own_netns());
  std::vector<Error> errors;
  const auto note = [&](Result<void> done) {
    if (!done) {
      errors.push_back(std::move(done).error());
    }
  };
  const auto always = [](const state::Record&) { return Result<bool>(true); };
  auto records = state::read_records(call.conf.state_dir);
  note(records ? Result<void>() : fail(records.error()));
  for (const state::Record& record : records.value_or(std::vector<state::Record>())) {
    if (record.attachment.network == call.conf.name && !is_valid(call, record.attachment)) {
      auto collected = collect(call, host, record.attachment, call.budget, always);
      note(collected ? Result<void>()
                     : fail(std::move(collected).error().in(record.attachment.to_string())));
    }
  }
  note(call_ipam(call, "GC", call.budget));
  return summarize(std::move(errors));
}

}  // namespace mvr::plugin
