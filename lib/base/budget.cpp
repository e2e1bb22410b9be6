// SPDX-License-Identifier: Apache-2.0
#include "mvr/base/budget.hpp"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>

namespace mvr {
namespace {

constexpr std::size_t kMostEntries = 4;

constexpr std::array kEndingSignals = {SIGTERM, SIGINT, SIGHUP};

/// What a write may raise that nobody can take or that grows beyond a limit (RLIMIT_FSIZE). It
/// fails as well, which can be undone; dying cannot.
constexpr std::array kWriteSignals = {SIGPIPE, SIGXFSZ};

bool set_write_signals(sighandler_t handler) {
  return std::ranges::none_of(kWriteSignals,
                              [&](int number) { return ::signal(number, handler) == SIG_ERR; });
}

sigset_t ending_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : kEndingSignals) {
    sigaddset(&set, signal);
  }
  return set;
}

/// One that has come, 0 if none has. It is looked at and not taken, so that every later check fails
/// as well.
int find_pending() {
  sigset_t pending;
  sigemptyset(&pending);
  ::sigpending(&pending);
  const auto* const found = std::ranges::find_if(
      kEndingSignals, [&](int signal) { return sigismember(&pending, signal) == 1; });
  return found != kEndingSignals.end() ? *found : 0;
}

timespec to_timespec(Clock::duration left) {
  const auto ns = std::chrono::duration_cast<std::chrono::nanoseconds>(left).count();
  constexpr long kSecond = 1'000'000'000;
  return {ns / kSecond, ns % kSecond};
}

}  // namespace

Budget::Budget(Fd signals, std::chrono::milliseconds limit)
    : signals_(std::move(signals)), limit_(limit), deadline_(start_ + limit) {
}

void Budget::set_limit(std::chrono::milliseconds limit) {
  limit_ = limit;
  deadline_ = start_ + limit;
}

Result<Budget> Budget::start(std::chrono::milliseconds limit) {
  const sigset_t set = ending_signals();
  if (::sigprocmask(SIG_BLOCK, &set, nullptr) != 0 || !set_write_signals(SIG_IGN)) {
    return fail(sys_error(Code::io, errno, "sigprocmask"));
  }
  Fd signals(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals) {
    return fail(sys_error(Code::io, errno, "signalfd"));
  }
  return Budget(std::move(signals), limit);
}

Budget Budget::grace(std::chrono::milliseconds limit) {
  return {Fd(), limit};
}

Result<void> Budget::check_signals() const {
  if (const int signal = signals_ ? find_pending() : 0; signal != 0) {
    return fail(Code::interrupted, std::string("interrupted by SIG") + sigabbrev_np(signal));
  }
  return {};
}

Result<void> Budget::check() const {
  MVR_TRY(check_signals());
  if (Clock::now() >= deadline_) {
    const char* name = signals_ ? "timeout " : "the grace period of ";
    return fail(Code::interrupted, name + std::to_string(limit_.count()) + "ms is used up");
  }
  return {};
}

Result<bool> Budget::wait(std::span<pollfd> entries, Clock::time_point until) const {
  std::array<pollfd, kMostEntries + 1> all{};  // and the signals, behind them
  std::ranges::copy(entries, all.begin());
  pollfd& signals = all.at(entries.size());
  signals = {signals_.get(), POLLIN, 0};
  for (;;) {
    const auto left = std::min(until, deadline_) - Clock::now();
    const timespec timeout = to_timespec(std::max(left, Clock::duration::zero()));
    const int ready = ::ppoll(all.data(), entries.size() + 1, &timeout, nullptr);
    if (ready < 0 && errno != EINTR) {
      return fail(sys_error(Code::io, errno, "poll"));
    }
    const auto now = Clock::now();
    if (signals.revents != 0 || now >= deadline_) {
      MVR_TRY(check());
    }
    if (ready > 0 || now >= until) {
      std::copy_n(all.begin(), entries.size(), entries.begin());
      return ready > 0;
    }
  }
}

Result<bool> Budget::wait(int fd, short events, Clock::time_point until) const {
  pollfd entry{fd, events, 0};
  return wait({&entry, 1}, until);
}

Result<std::string> read_all(int fd, std::size_t limit, const Budget& budget) {
  return read_all(fd, limit, [&]() -> Result<void> {
    MVR_TRY(budget.wait(fd, POLLIN, budget.deadline()));
    return {};
  });
}

void restore_default_signals() {
  const sigset_t set = ending_signals();
  set_write_signals(SIG_DFL);
  ::sigprocmask(SIG_UNBLOCK, &set, nullptr);
}

}  // namespace mvr
