// SPDX-License-Identifier: Apache-2.0
// What `doctor` finds in the journals.
#include <linux/magic.h>
#include <sys/vfs.h>

#include "mvr/plugin/collect.hpp"
#include "mvr/state/journal.hpp"
#include "ops/doctor.hpp"

namespace mvr::ops {
namespace {

Diagnosis check_directory(const std::string& path) {
  constexpr const char* kWhat = "stateDir";
  if (const auto writable = state::check_writable(path); !writable) {
    return {Grade::fail, kWhat, path, writable.error().msg,
            "it must be root's own, mode 0700; see the errors' code 5 in the reference"};
  }
  struct statfs system {};
  const bool is_there = ::statfs(path.c_str(), &system) == 0;
  if (is_there && system.f_type != TMPFS_MAGIC) {
    return {Grade::warn, kWhat, path,
            "is on a disk: its journals outlive the boot, and what they tell of",
            "use one below /run"};
  }
  return {Grade::ok, kWhat, path, is_there ? "is usable" : "comes with the first ADD"};
}

}  // namespace

Diagnoses check_state(const System& system) {
  using Fate = plugin::Collected::Fate;
  Diagnoses all{check_directory(system.state_dir)};
  if (all.front().grade == Grade::fail) {
    return all;
  }
  Log log;
  log.set_level(LogLevel::error);
  std::size_t count = 0;
  const auto report = [&](const plugin::Collected& one) {
    ++count;
    if (one.fate == Fate::dead || one.fate == Fate::failed) {
      const bool is_known = !one.attachment.network.empty();
      all.push_back(
          {Grade::warn, "leftover", "",
           (is_known ? one.attachment.to_string() + (one.pod.empty() ? "" : " of " + one.pod) + ": "
                     : "") +
               one.reason,
           is_known ? "macvlan-rdma gc" : "remove it by hand once its pod is gone"});
    }
  };
  const std::size_t before = all.size();
  const auto done = plugin::collect_dead({system.state_dir, true}, log, report);
  if (!done) {
    all.push_back({Grade::fail, "journals", "", done.error().msg, "see macvlan-rdma gc --dry-run"});
  } else if (all.size() == before) {
    all.push_back({Grade::ok, "journals", "",
                   std::to_string(count) + (count == 1 ? " attachment" : " attachments") +
                       ", nothing left over"});
  }
  return all;
}

}  // namespace mvr::ops
