// SPDX-License-Identifier: Apache-2.0
/// \file
/// A program that is run from one system call to the next, by ptrace.
#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <optional>
#include <type_traits>

#include "support/shell.hpp"

namespace mvr::test {

struct SystemCall {
  std::uint64_t number = 0;  ///< SYS_...
  std::array<std::uint64_t, 6> arguments{};
};

/// The programs that it starts are not traced. Killed when the test dies.
class Tracee {
 public:
  /// Starts the program, which stops before its first instruction.
  explicit Tracee(Command command);

  /// Runs it to its own first instruction: what the dynamic loader does comes before. Only right
  /// after the start.
  void skip_loader();

  /// Runs on until it enters its next system call; nothing when it has ended.
  std::optional<SystemCall> enter();

  /// Lets the entered call happen and returns its result, a negative errno if it fails; nothing
  /// when the program has ended in it.
  std::optional<std::int64_t> leave();

  /// Instead of `leave`: the call does not happen and fails with this errno. As the kernel does it:
  /// a failed brk returns the old break, and a failed close has closed.
  void refuse(int error);

  /// The entered call does not happen, nor anything after it.
  void kill();

  /// Lets it run freely.
  void detach();

  /// A value in its memory; nothing where it has no such memory.
  template <typename T>
  [[nodiscard]] std::optional<T> read(std::uint64_t address) const {
    static_assert(std::is_trivially_copyable_v<T>);
    T value{};
    return read_bytes(address, &value, sizeof(value)) ? std::optional(value) : std::nullopt;
  }

  /// The same for `size` bytes; false where it has no such memory.
  bool read_bytes(std::uint64_t address, void* value, std::size_t size) const;

  [[nodiscard]] pid_t pid() const { return process_.pid(); }

  /// What it has printed and how it has ended, once `enter` or `leave` returned nothing, or after
  /// `kill` or `detach`.
  Output wait() { return process_.wait(); }

 private:
  std::optional<std::uint8_t> run_to_stop();

  Process process_;
  int signal_ = 0;  ///< to be delivered when it goes on
  SystemCall entered_ = {};
  std::int64_t result_ = 0;
};

}  // namespace mvr::test
