// SPDX-License-Identifier: Apache-2.0
#include "mvr/state/lock.hpp"

#include <fcntl.h>

#include "support/print.hpp"
#include "support/unit_dir.hpp"

using mvr::Budget;
using mvr::Clock;
using mvr::Code;
using mvr::Fd;
using mvr::state::lock_file;
using mvr::state::ScopedLock;
using namespace mvr::test;
using std::chrono::milliseconds;

namespace {

/// The same file, opened anew: a lock of its own.
Fd open_file(const ScratchDir& dir) {
  Fd fd(::open(dir.file("lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  REQUIRE(fd);
  return fd;
}

bool is_free(const ScratchDir& dir) {
  const Fd fd = open_file(dir);
  return lock_file(fd.get(), Budget::grace(milliseconds(0))).has_value();
}

}  // namespace

TEST_CASE("a lock is for one open file at a time", "[lock]") {
  const ScratchDir dir;
  {
    const Fd fd = open_file(dir);
    unwrap(lock_file(fd.get(), Budget::grace(milliseconds(0))));
    CHECK_FALSE(is_free(dir));
    unwrap(lock_file(fd.get(), Budget::grace(milliseconds(0))));
  }
  CHECK(is_free(dir));
}

TEST_CASE("a wait for a lock ends with the budget", "[lock]") {
  const ScratchDir dir;
  const Fd holder = open_file(dir);
  unwrap(lock_file(holder.get(), Budget::grace(milliseconds(0))));
  const Fd waiter = open_file(dir);
  const auto start = Clock::now();
  const auto locked = lock_file(waiter.get(), Budget::grace(milliseconds(20)));
  REQUIRE_FALSE(locked);
  CHECK(locked.error().code == Code::interrupted);
  CHECK(Clock::now() - start >= milliseconds(20));
}

TEST_CASE("a scoped lock ends with its scope, and moves", "[lock]") {
  const ScratchDir dir;
  const Fd fd = open_file(dir);
  const Budget budget = Budget::grace(milliseconds(0));
  {
    ScopedLock first = unwrap(ScopedLock::acquire(fd.get(), budget));
    CHECK_FALSE(is_free(dir));
    const ScopedLock second = std::move(first);
    CHECK_FALSE(is_free(dir));
  }
  CHECK(is_free(dir));
}

TEST_CASE("a lock excludes another process and ends with it", "[lock]") {
  const ScratchDir dir;
  const Fd ours = open_file(dir);
  unwrap(lock_file(ours.get(), Budget::grace(milliseconds(0))));
  Forked other([&] { return is_free(dir) ? 1 : 0; });
  CHECK(other.wait() == 0);

  const ScratchDir theirs;
  Forked holder([&] {
    const Fd fd = open_file(theirs);
    return lock_file(fd.get(), Budget::grace(milliseconds(0))) ? 0 : 1;
  });
  CHECK(holder.wait() == 0);
  CHECK(is_free(theirs));
}

TEST_CASE("what is no open file cannot be locked", "[lock]") {
  const auto locked = lock_file(-1, Budget::grace(milliseconds(10)));
  REQUIRE_FALSE(locked);
  CHECK(locked.error().code == Code::io);
}
