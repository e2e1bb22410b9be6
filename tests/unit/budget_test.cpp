// SPDX-License-Identifier: Apache-2.0
#include "mvr/base/budget.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <array>

#include "support/print.hpp"
#include "support/unit_dir.hpp"

using mvr::Budget;
using mvr::Clock;
using mvr::Code;
using mvr::Fd;
using namespace mvr::test;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

struct Pipe {
  Fd reader;
  Fd writer;

  Pipe() {
    std::array<int, 2> ends{};
    REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0);
    reader = Fd(ends[0]);
    writer = Fd(ends[1]);
  }
};

template <typename T>
bool is_interrupted(const mvr::Result<T>& result) {
  return !result && result.error().code == Code::interrupted;
}

milliseconds since(Clock::time_point start) {
  return std::chrono::duration_cast<milliseconds>(Clock::now() - start);
}

}  // namespace

TEST_CASE("a fresh budget has its time", "[budget]") {
  const Budget budget = unwrap(Budget::start(seconds(60)));
  CHECK(budget.check());
  CHECK(budget.deadline() > Clock::now() + seconds(50));
  CHECK(budget.deadline() <= Clock::now() + seconds(60));
}

TEST_CASE("a budget without time is at its end at once, and says how much it had", "[budget]") {
  const Budget budget = unwrap(Budget::start(milliseconds(0)));
  const auto checked = budget.check();
  REQUIRE(is_interrupted(checked));
  CHECK(checked.error().msg == "timeout 0ms is used up");
  CHECK(is_interrupted(budget.wait(-1, 0, Clock::now())));
}

TEST_CASE("each of the ending signals interrupts, and stays", "[budget]") {
  for (const auto& [signal, name] :
       {std::pair{SIGTERM, "SIGTERM"}, std::pair{SIGINT, "SIGINT"}, std::pair{SIGHUP, "SIGHUP"}}) {
    Forked process([signal = signal, name = name] {
      const auto budget = Budget::start(seconds(60));
      if (!budget || !budget->check()) {
        return 1;
      }
      ::raise(signal);
      const std::string text = std::string("interrupted by ") + name;
      const auto says_so = [&](const auto& result) {
        return is_interrupted(result) && result.error().msg == text;
      };
      const bool is_ended = says_so(budget->check()) && says_so(budget->check()) &&
                            says_so(budget->wait(-1, 0, Clock::now() + seconds(30)));
      return is_ended ? 0 : 2;
    });
    CHECK(process.wait() == 0);
  }
}

TEST_CASE("a signal ends a wait that is under way", "[budget]") {
  Forked process([] {
    const auto budget = Budget::start(seconds(60));
    const pid_t parent = ::getpid();
    Forked sender([&] {
      ::usleep(10'000);
      return ::kill(parent, SIGTERM);
    });
    return budget && is_interrupted(budget->wait(-1, 0, Clock::now() + seconds(30))) ? 0 : 1;
  });
  const auto start = Clock::now();
  CHECK(process.wait() == 0);
  CHECK(since(start) < seconds(10));
}

TEST_CASE("a write to nobody does not end the program", "[budget]") {
  Forked process([] {
    const auto budget = Budget::start(seconds(60));
    std::array<int, 2> ends{};
    if (!budget || ::pipe(ends.data()) != 0) {
      return 1;
    }
    ::close(ends[0]);
    return ::write(ends[1], "x", 1) == -1 ? 0 : 2;
  });
  CHECK(process.wait() == 0);
}

TEST_CASE("a grace period is deaf to signals", "[budget]") {
  Forked process([] {
    const auto budget = Budget::start(seconds(60));
    ::raise(SIGTERM);
    const Budget grace = Budget::grace(seconds(60));
    const auto waited = grace.wait(-1, 0, Clock::now() + milliseconds(5));
    return budget && !budget->check() && grace.check() && waited && !*waited ? 0 : 1;
  });
  CHECK(process.wait() == 0);
  const auto over = Budget::grace(milliseconds(0)).check();
  REQUIRE(is_interrupted(over));
  CHECK(over.error().msg.find("timeout") == std::string::npos);
}

TEST_CASE("a wait ends at its moment", "[budget]") {
  const Budget budget = Budget::grace(seconds(60));
  const auto start = Clock::now();
  CHECK_FALSE(unwrap(budget.wait(-1, 0, start + milliseconds(10))));
  CHECK(since(start) >= milliseconds(10));
  CHECK_FALSE(unwrap(budget.wait(-1, 0, start - seconds(1))));
}

TEST_CASE("a wait ends with the budget if that comes first", "[budget]") {
  const Budget budget = Budget::grace(milliseconds(10));
  const auto start = Clock::now();
  CHECK(is_interrupted(budget.wait(-1, 0, start + seconds(30))));
  CHECK(since(start) >= milliseconds(10));
  CHECK(since(start) < seconds(10));
}

TEST_CASE("a wait sees that a descriptor is ready, or its other end gone", "[budget]") {
  const Budget budget = Budget::grace(seconds(60));
  Pipe pipe;
  CHECK_FALSE(unwrap(budget.wait(pipe.reader.get(), POLLIN, Clock::now() + milliseconds(5))));
  CHECK(unwrap(budget.wait(pipe.writer.get(), POLLOUT, Clock::now() + seconds(30))));
  REQUIRE(::write(pipe.writer.get(), "x", 1) == 1);
  CHECK(unwrap(budget.wait(pipe.reader.get(), POLLIN, Clock::now() + seconds(30))));
  Pipe closed;
  closed.writer = Fd();
  CHECK(unwrap(budget.wait(closed.reader.get(), POLLIN, Clock::now() + seconds(30))));
}

TEST_CASE("a child gets back the signals that a program expects", "[budget]") {
  Forked process([] {
    const auto budget = Budget::start(seconds(60));
    mvr::restore_default_signals();
    ::signal(SIGTERM, SIG_DFL);  // the test driver's own handler
    ::raise(SIGTERM);
    return budget ? 0 : 1;
  });
  CHECK(process.wait() == -1);
}
