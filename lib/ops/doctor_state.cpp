// SPDX-License-Identifier: Apache-2.0
// What `doctor` finds in the journals.
#include <linux/magic.h>
#include <sys/vfs.h>

#include <algorithm>

#include "mvr/plugin/collect.hpp"
#include "mvr/state/journal.hpp"
#include "ops/doctor.hpp"

namespace mvr::ops {
namespace {

/// Of an error that names the directory, as a title does already.
std::string without_path(std::string text, const std::string& path) {
  const std::string name = "stateDir " + path;
  const std::size_t at = text.find(name);
  if (at == std::string::npos) {
    return text;
  }
  const bool is_head = at == 0 && text.compare(name.size(), 2, ": ") == 0;
  return is_head ? text.substr(name.size() + 2) : text.replace(at, name.size(), "it");
}

Diagnosis check_directory(const std::string& path) {
  constexpr const char* kWhat = "stateDir";
  if (const auto writable = state::check_writable(path); !writable) {
    return {Grade::fail, kWhat, path, without_path(writable.error().msg, path),
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

Diagnosis describe(const plugin::Collected& left) {
  if (left.attachment.network.empty()) {
    return {Grade::warn, "leftover", "", left.reason, "remove it by hand once its pod is gone"};
  }
  const std::string pod = left.pod.empty() ? "" : " of " + left.pod;
  return {Grade::warn, "leftover", "", left.attachment.to_string() + pod + ": " + left.reason,
          "macvlan-rdma gc"};
}

Diagnoses check_journals(const std::string& state_dir) {
  using Fate = plugin::Collected::Fate;
  Diagnoses all;
  Log log;
  log.set_level(LogLevel::error);
  std::size_t count = 0;
  const auto report = [&](const plugin::Collected& one) {
    ++count;
    if (one.fate == Fate::dead || one.fate == Fate::failed) {
      all.push_back(describe(one));
    }
  };
  if (const auto done = plugin::collect_dead({state_dir, true}, log, report); !done) {
    all.push_back({Grade::fail, "journals", "", done.error().msg, "see macvlan-rdma gc --dry-run"});
  } else if (all.empty()) {
    all.push_back({Grade::ok, "journals", "",
                   std::to_string(count) + (count == 1 ? " attachment" : " attachments") +
                       ", nothing left over"});
  }
  return all;
}

}  // namespace

Diagnoses check_state(const System& system) {
  Diagnoses all{check_directory(system.state_dir)};
  if (all.front().grade != Grade::fail) {
    std::ranges::move(check_journals(system.state_dir), std::back_inserter(all));
  }
  return all;
}

}  // namespace mvr::ops
