// SPDX-License-Identifier: Apache-2.0
#include "mvr/state/lock.hpp"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>

namespace mvr::state {

Result<void> lock_file(int fd, const Budget& budget) {
  // flock(2) cannot be waited for with a deadline, and a signal would be needed to leave it.
  constexpr std::chrono::milliseconds kPause{2};
  while (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    if (errno == EINTR) {
      continue;
    }
    if (errno != EWOULDBLOCK) {
      return fail(sys_error(Code::io, errno, "flock"));
    }
    MVR_TRY(budget.wait(-1, 0, Clock::now() + kPause));
  }
  return {};
}

Result<Fd> lock_directory(const std::string& path, const Budget& budget) {
  Fd directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory) {
    return fail(sys_error(Code::io, errno, "open " + path));
  }
  MVR_TRY(in("lock " + path, lock_file(directory.get(), budget)));
  return directory;
}

Result<ScopedLock> ScopedLock::acquire(int fd, const Budget& budget) {
  MVR_TRY(lock_file(fd, budget));
  return ScopedLock(fd);
}

ScopedLock::~ScopedLock() {
  if (fd_ >= 0) {
    ::flock(fd_, LOCK_UN);
  }
}

}  // namespace mvr::state
