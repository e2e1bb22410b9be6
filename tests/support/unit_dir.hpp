// SPDX-License-Identifier: Apache-2.0
/// \file
/// A directory of a test's own, and processes that do something beside the test.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <functional>
#include <string>

namespace mvr::test {

/// An empty directory, 0700, removed with all that is in it.
class ScratchDir {
 public:
  ScratchDir();
  ScratchDir(const ScratchDir&) = delete;
  ScratchDir& operator=(const ScratchDir&) = delete;
  ~ScratchDir();

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  [[nodiscard]] std::string file(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

void write_text(const std::string& path, const std::string& text);
std::string read_text(const std::string& path);

/// Permission bits of what is at the path, not following a symbolic link.
unsigned mode_of(const std::string& path);

/// A forked process that runs a function and ends with its number as exit status; killed and reaped
/// when it is destroyed. The function must not use Catch.
class Forked {
 public:
  explicit Forked(const std::function<int()>& work);
  Forked(const Forked&) = delete;
  Forked& operator=(const Forked&) = delete;
  ~Forked();

  /// Waits for the end; the exit status, or -1 after a signal.
  int wait();

  [[nodiscard]] pid_t pid() const { return pid_; }

 private:
  pid_t pid_;
};

}  // namespace mvr::test
