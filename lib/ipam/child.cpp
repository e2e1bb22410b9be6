// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>

#include "mvr/ipam/ipam.hpp"

namespace mvr::ipam {
namespace {

constexpr std::size_t kMaxOutput = 16UL * 1024 * 1024;
constexpr std::size_t kOutChunk = 64UL * 1024;
constexpr std::size_t kErrChunk = PIPE_BUF;
constexpr std::size_t kErrTail = 4096;
/// For a process that was killed: longer only if it hangs in the kernel, and then we do not wait.
constexpr std::chrono::milliseconds kReapTime{2000};
constexpr std::chrono::milliseconds kLookAgain{2};

/// Reads once; at the end of the stream the descriptor is closed.
template <std::size_t kSize>
Result<std::string_view> read_some(Fd& fd, std::array<char, kSize>& buffer, std::size_t limit) {
  const ssize_t n = ::read(fd.get(), buffer.data(), std::min(limit, kSize));
  if (n < 0 && errno != EAGAIN && errno != EINTR) {
    return fail(sys_error(Code::io, errno, "read"));
  }
  if (n == 0) {
    fd = Fd();
  }
  return std::string_view(buffer.data(), static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
}

/// The number of bytes that wait in a pipe.
std::size_t count_waiting(const Fd& fd) {
  int count = 0;
  if (!fd || ::ioctl(fd.get(), FIONREAD, &count) != 0) {
    return 0;
  }
  return static_cast<std::size_t>(count);
}

/// A pipe that poll calls writable takes PIPE_BUF bytes without blocking, so nobody who forgets to
/// read our standard error can hang us. One that is closed or broken loses the text.
Result<void> forward(std::string_view text, const Budget& budget) {
  if (!text.empty()) {
    MVR_TRY(budget.wait(STDERR_FILENO, POLLOUT, budget.deadline()));
    static_cast<void>(write_all(STDERR_FILENO, text));
  }
  return {};
}

}  // namespace

Child::Child(std::string type, pid_t pid, Streams streams, std::string input)
    : type_(std::move(type)), pid_(pid), streams_(std::move(streams)), input_(std::move(input)) {
}

Child::Child(Child&& other) noexcept
    : type_(std::move(other.type_)),
      pid_(std::exchange(other.pid_, -1)),
      pidfd_(std::move(other.pidfd_)),
      streams_(std::move(other.streams_)),
      input_(std::move(other.input_)),
      fed_(other.fed_) {
}

Child::~Child() {
  kill_group();
}

/// While the group's leader is not reaped its number cannot belong to anybody else.
void Child::kill_group() {
  if (pid_ < 0) {
    return;
  }
  ::kill(-pid_, SIGKILL);
  const Budget patience = Budget::grace(kReapTime);
  // A pidfd may be what could not be had; then we look again.
  while (::waitpid(pid_, nullptr, WNOHANG) == 0 &&
         patience.wait(pidfd_.get(), POLLIN, Clock::now() + kLookAgain)) {
  }
  pid_ = -1;
}

Result<void> Child::open_pidfd() {
  pidfd_ = Fd(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
  if (!pidfd_) {
    return fail(sys_error(Code::io, errno, "pidfd_open"));
  }
  return {};
}

/// Writes what the pipe takes and closes it after the last byte. A plugin that reads no further
/// (EPIPE) has its reasons; its exit status tells.
void Child::feed() {
  while (fed_ < input_.size()) {
    const ssize_t n = ::write(streams_.in.get(), input_.data() + fed_, input_.size() - fed_);
    if (n < 0 && errno == EAGAIN) {
      return;
    }
    if (n < 0 && errno != EINTR) {
      break;
    }
    fed_ += static_cast<std::size_t>(std::max<ssize_t>(n, 0));
  }
  streams_.in = Fd();
}

Result<std::size_t> Child::read_out(std::size_t limit, Exit& exit) {
  std::array<char, kOutChunk> buffer;  // NOLINT: 64 KiB of zeros for each read are not wanted
  const std::string_view text = MVR_TRY(read_some(streams_.out, buffer, limit));
  exit.out += text;
  if (exit.out.size() > kMaxOutput) {
    return fail(Code::ipam_failed,
                "printed more than " + std::to_string(kMaxOutput) + " bytes to standard output");
  }
  return text.size();
}

Result<std::size_t> Child::read_err(std::size_t limit, const Budget& budget, Exit& exit) {
  std::array<char, kErrChunk> buffer{};
  const std::string_view text = MVR_TRY(read_some(streams_.err, buffer, limit));
  exit.err += text;
  if (exit.err.size() > kErrTail) {
    exit.err.erase(0, exit.err.size() - kErrTail);
  }
  MVR_TRY(forward(text, budget));
  return text.size();
}

/// After the plugin's end only what it left in the pipes counts. A process that it started may
/// write for ever, so the amount is fixed beforehand.
Result<void> Child::drain(const Budget& budget, Exit& exit) {
  std::size_t count = 1;
  for (std::size_t left = count_waiting(streams_.out); left > 0 && count > 0; left -= count) {
    count = MVR_TRY(read_out(left, exit));
  }
  count = 1;
  for (std::size_t left = count_waiting(streams_.err); left > 0 && count > 0; left -= count) {
    count = MVR_TRY(read_err(left, budget, exit));
  }
  return {};
}

Result<void> Child::pump(const Budget& budget, Exit& exit) {
  for (bool has_ended = false; !has_ended;) {
    std::array<pollfd, 4> entries{{{streams_.in.get(), POLLOUT, 0},
                                   {streams_.out.get(), POLLIN, 0},
                                   {streams_.err.get(), POLLIN, 0},
                                   {pidfd_.get(), POLLIN, 0}}};
    MVR_TRY(budget.wait(entries, budget.deadline()));
    const auto& [in, out, err, end] = entries;
    if (in.revents != 0) {
      feed();
    }
    if (out.revents != 0) {
      MVR_TRY(read_out(kOutChunk, exit));
    }
    if (err.revents != 0) {
      MVR_TRY(read_err(kErrChunk, budget, exit));
    }
    has_ended = end.revents != 0;
  }
  return drain(budget, exit);
}

Result<void> Child::reap(Exit& exit) {
  while (::waitpid(pid_, &exit.status, 0) < 0) {
    if (errno != EINTR) {
      return fail(sys_error(Code::io, errno, "waitpid"));
    }
  }
  pid_ = -1;
  return {};
}

Result<Child::Exit> Child::finish(const Budget& budget) {
  Exit exit;
  const Result<void> done = pump(budget, exit).and_then([&] { return reap(exit); });
  if (!done) {
    kill_group();
    Error error = Error(done.error()).in("ipam " + type_);
    error.details = std::move(exit.err);
    return fail(std::move(error));
  }
  return exit;
}

}  // namespace mvr::ipam
