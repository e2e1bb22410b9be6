// SPDX-License-Identifier: Apache-2.0
/// \file
/// An owned file descriptor, and what is done with files as a whole.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mvr/base/error.hpp"

namespace mvr {

/// Owns one file descriptor and closes it. Empty (-1) after a move.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  ~Fd();

  [[nodiscard]] int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

/// Closes a descriptor whose release makes the kernel wait, as that of a packet socket does for an
/// RCU grace period (some 10 ms), without waiting for it: io_uring(7) takes the last reference and
/// gives it back from a worker of the kernel. Where that is refused it is an ordinary close(2).
/// \source net/packet/af_packet.c, packet_release; io_uring/io_uring.c, io_ring_exit_work
void close_later(Fd fd);

/// Reads from the descriptor to its end. `await` is called before each read(2) and fails the whole.
/// Fails with Code::io, and with sys_errno EFBIG when there are more than `limit` bytes.
Result<std::string> read_all(int fd, std::size_t limit,
                             const std::function<Result<void>()>& await = nullptr);

/// Opens (read only, close-on-exec) and reads a whole regular file of at most `limit` bytes.
/// Anything else at the path fails with sys_errno EINVAL.
Result<std::string> read_file(const std::string& path, std::size_t limit);

/// Names in a directory, sorted, without "." and "..".
Result<std::vector<std::string>> read_directory(const std::string& path);

/// The same for a directory that may be missing; empty if it cannot be read.
std::vector<std::string> list_directory(const std::string& path);

/// Writes every byte; fails with Code::io.
Result<void> write_all(int fd, std::string_view bytes);

}  // namespace mvr
