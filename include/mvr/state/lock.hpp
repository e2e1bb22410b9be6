// SPDX-License-Identifier: Apache-2.0
/// \file
/// flock(2) with a deadline.
#pragma once

#include <string>
#include <utility>

#include "mvr/base/budget.hpp"
#include "mvr/base/error.hpp"
#include "mvr/base/fd.hpp"

namespace mvr::state {

/// Waits for an exclusive lock on the open file. It ends with the file's last descriptor.
Result<void> lock_file(int fd, const Budget& budget);

/// The exclusive lock of a directory; it ends with the descriptor. Fails with Code::io.
Result<Fd> lock_directory(const std::string& path, const Budget& budget);

/// An exclusive lock for a scope; the descriptor stays the caller's.
class ScopedLock {
 public:
  static Result<ScopedLock> acquire(int fd, const Budget& budget);

  ScopedLock(ScopedLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  ScopedLock& operator=(ScopedLock&&) = delete;
  ScopedLock(const ScopedLock&) = delete;
  ScopedLock& operator=(const ScopedLock&) = delete;
  ~ScopedLock();

 private:
  explicit ScopedLock(int fd) : fd_(fd) {}

  int fd_;
};

}  // namespace mvr::state
