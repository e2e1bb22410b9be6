// SPDX-License-Identifier: Apache-2.0
/// \file
/// A directory of IPAM plugins that are shell scripts, for tests of the delegation.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <string>
#include <string_view>

#include "mvr/base/budget.hpp"
#include "mvr/ipam/ipam.hpp"

namespace mvr::test {

/// A temporary directory, removed with all that is in it.
class PluginDir {
 public:
  PluginDir();
  PluginDir(const PluginDir&) = delete;
  PluginDir& operator=(const PluginDir&) = delete;
  ~PluginDir();

  [[nodiscard]] const std::string& path() const { return path_; }

  /// The whole path of a file in it.
  [[nodiscard]] std::string file(std::string_view name) const { return path_ + "/" += name; }

  /// Reads a file in it; empty if it does not exist.
  [[nodiscard]] std::string text_of(std::string_view name) const;

  /// A pid that a script wrote into a file; waits until it is there.
  [[nodiscard]] pid_t pid_in(std::string_view name) const;

  /// Writes an executable file.
  void put(std::string_view name, std::string_view text, unsigned mode = 0755) const;

  /// The plugin "fake", a shell script that runs these commands in the directory.
  [[nodiscard]] ipam::Plugin plugin(std::string_view commands) const;

 private:
  std::string path_;
};

/// What a script prints to succeed with ADD.
inline constexpr const char* kPrintResult =
    R"(echo '{"cniVersion":"1.0.0","ips":[{"address":"172.16.11.10/24"}]}')";

/// A budget as the program has it: SIGPIPE is ignored from then on.
Budget make_budget(std::chrono::milliseconds limit = std::chrono::seconds(20));

/// Waits up to five seconds until the process is gone, or a zombie that its new parent has to reap.
bool dies(pid_t pid);

/// True when we have neither children nor zombies.
bool has_no_children();

/// Standard error goes to a file while this lives.
class CapturedStderr {
 public:
  explicit CapturedStderr(const std::string& path);
  CapturedStderr(const CapturedStderr&) = delete;
  CapturedStderr& operator=(const CapturedStderr&) = delete;
  ~CapturedStderr();

 private:
  Fd saved_;
};

}  // namespace mvr::test
