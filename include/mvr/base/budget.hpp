// SPDX-License-Identifier: Apache-2.0
/// \file
/// The time one verb may take and the signals that end it early. Whoever waits for others (IPAM, a
/// gateway, a lock) does so by `Budget::wait`; so nobody can hang us, and no signal handler is
/// needed.
#pragma once

#include <poll.h>

#include <chrono>
#include <span>

#include "mvr/base/fd.hpp"

namespace mvr {

using Clock = std::chrono::steady_clock;

class Budget {
 public:
  /// Blocks SIGTERM, SIGINT and SIGHUP, which end waiting from now on, ignores SIGPIPE and SIGXFSZ,
  /// and starts the time.
  static Result<Budget> start(std::chrono::milliseconds limit);

  /// The configuration's `timeout`, once it has been read; counted from the start.
  void set_limit(std::chrono::milliseconds limit);

  /// For undoing: this much more time from now, deaf to signals.
  [[nodiscard]] static Budget grace(std::chrono::milliseconds limit);

  /// Fails with Code::interrupted when a signal has come, which is named, or the time is used up.
  /// Never waits.
  [[nodiscard]] Result<void> check() const;

  /// The same for signals alone.
  [[nodiscard]] Result<void> check_signals() const;

  /// Waits until `fd` has one of `events` (as in poll(2)) or the moment `until` has come; true when
  /// the descriptor is ready. `fd` -1 only waits. Fails as `check` does.
  [[nodiscard]] Result<bool> wait(int fd, short events, Clock::time_point until) const;

  /// The same for several descriptors, at most four; those of -1 are passed over. `revents` says
  /// which are ready.
  [[nodiscard]] Result<bool> wait(std::span<pollfd> entries, Clock::time_point until) const;

  [[nodiscard]] Clock::time_point deadline() const { return deadline_; }

 private:
  Budget(Fd signals, std::chrono::milliseconds limit);

  Fd signals_;  ///< a signalfd; empty in a grace period
  Clock::time_point start_ = Clock::now();
  std::chrono::milliseconds limit_;
  Clock::time_point deadline_;
};

/// As `read_all` of a descriptor that may keep us waiting: fails as the budget does.
Result<std::string> read_all(int fd, std::size_t limit, const Budget& budget);

/// Gives the calling process the signal mask and dispositions that a program expects at its start.
/// For a child between fork and exec: async-signal-safe.
void restore_default_signals();

}  // namespace mvr
