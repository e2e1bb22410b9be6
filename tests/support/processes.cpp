// SPDX-License-Identifier: Apache-2.0
#include "support/processes.hpp"

#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <string>

#include "support/catch.hpp"
#include "support/namespaces.hpp"

namespace mvr::test {

namespace {

/// Ends as the child did, in a shell's way of saying so. Reaps whatever else is ours meanwhile: the
/// first process of a namespace gets all orphans.
[[noreturn]] void end_as(pid_t child) {
  int status = 0;
  pid_t ended = 0;
  do {
    ended = waitpid(-1, &status, 0);
  } while (ended != child && (ended > 0 || errno == EINTR));
  std::_Exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

pid_t fork_or_fail() {
  std::cout.flush();
  const pid_t child = fork();
  if (child < 0) {
    FAIL("fork: " << std::strerror(errno));
  }
  return child;
}

}  // namespace

void isolate_processes() {
  if (geteuid() != 0) {
    skip("container runtimes need root");
  }
  if (unshare(CLONE_NEWPID | CLONE_NEWNS) != 0) {
    skip(std::string("unshare: ") + std::strerror(errno));
  }
  if (const pid_t first = fork_or_fail(); first != 0) {
    end_as(first);
  }
  // With the first process the kernel ends all others of the namespace.
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
      mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr) != 0) {
    FAIL("mount /proc: " << std::strerror(errno));
  }
  if (const pid_t test = fork_or_fail(); test != 0) {
    end_as(test);
  }
}

}  // namespace mvr::test
