// SPDX-License-Identifier: Apache-2.0
/// \file
/// Programs run without a shell, and the `ip` command as a second opinion about the kernel.
#pragma once

#include <sys/types.h>
#include <time.h>

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "mvr/base/fd.hpp"

namespace mvr::test {

using nlohmann::json;

struct Command {
  std::vector<std::string> argv;  ///< looked up in PATH when the first has no slash
  std::string input = {};         ///< its standard input, by a pipe
  std::map<std::string, std::string> env = {};
  bool clean_env = false;  ///< `env` is the whole environment, not an addition to ours
  std::string netns = {};  ///< path of the namespace to start in; empty = ours
  std::chrono::milliseconds timeout{30'000};  ///< then it is killed and its status is -SIGKILL
  bool is_traced = false;  ///< by us: it stops before its first instruction; see Tracee
};

struct Output {
  int status = 0;  ///< the exit status, or minus the signal that ended it
  std::string out = {};
  std::string err = {};
};

/// A running program. Killed, if it still runs, when this goes out of scope or the test dies.
class Process {
 public:
  explicit Process(const Command& command);
  Process(Process&& other) noexcept = default;
  Process& operator=(Process&&) = delete;
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;
  ~Process();

  [[nodiscard]] pid_t pid() const { return pid_; }
  void signal(int number) const;

  /// Feeds and reads it until it has ended, or kills it after the command's timeout.
  Output wait();

 private:
  bool pump(std::chrono::steady_clock::time_point deadline);
  void feed();
  int reap();

  Fd pidfd_;  ///< empty once reaped
  Fd in_;
  Fd out_;
  Fd err_;
  pid_t pid_ = -1;
  std::string input_;
  std::string out_text_ = {};
  std::string err_text_ = {};
  std::chrono::steady_clock::time_point deadline_;
};

/// Runs a program to its end.
Output run(const Command& command);

/// Runs `ip ARGUMENTS` here and fails the test if it fails. Returns what it printed.
std::string ip(std::vector<std::string> arguments);

/// Many `ip` commands, one a line, by one process: scenarios are built from these.
/// \param netns the name of a namespace below /run/netns; empty = ours
void ip_batch(const std::string& netns, const std::string& lines);

/// `ip -json -details ARGUMENTS` in a namespace as a value; an empty array where ip prints nothing.
json ip_json(const std::string& netns, std::vector<std::string> arguments);

/// The answers to several commands, a line each, by one program: starting it is what takes time.
/// \param family "-4" or "-6"
std::vector<json> ip_json_batch(const std::string& netns, const std::string& family,
                                const std::string& lines);

/// How many times longer everything may take than on the processor itself: emulated, it is slow.
int slowness();

/// Calls `condition` every few milliseconds until it holds; false when `limit` has passed.
template <typename Condition>
bool eventually(Condition condition, std::chrono::milliseconds limit = std::chrono::seconds(3)) {
  const auto end = std::chrono::steady_clock::now() + limit * slowness();
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) {
      return false;
    }
    const timespec pause{0, 2'000'000};
    nanosleep(&pause, nullptr);
  }
  return true;
}

}  // namespace mvr::test
