// SPDX-License-Identifier: Apache-2.0
#include "support/fault.hpp"

#include <sys/prctl.h>
#include <sys/wait.h>

#include <cerrno>

#include "support/catch.hpp"

namespace mvr::test {

namespace {

/// Orphans become our children.
void await_orphans() {
  while (waitpid(-1, nullptr, 0) > 0 || errno == EINTR) {
  }
}

/// Until the program has ended, or nothing more is to happen to it; true when it was killed.
bool follow(Tracee& tracee, const Judge& judge) {
  std::size_t index = 0;
  while (const auto call = tracee.enter()) {
    const Verdict verdict = judge(index++, *call);
    if (verdict.fate == Fate::last) {
      tracee.kill();
      return true;
    }
    if (verdict.fate == Fate::refused) {
      tracee.refuse(verdict.error);
    }
    if (!verdict.has_more) {
      tracee.detach();
      return false;
    }
  }
  return false;
}

}  // namespace

Output run_judged(const Command& command, const Judge& judge) {
  REQUIRE(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
  Tracee tracee(command);
  tracee.skip_loader();
  const bool is_killed = follow(tracee, judge);
  Output output = tracee.wait();
  if (is_killed) {
    await_orphans();
  }
  return output;
}

}  // namespace mvr::test
