// SPDX-License-Identifier: Apache-2.0
#include "webhook/backoff.hpp"

#include <set>

#include "support/catch.hpp"

using mvr::webhook::Backoff;
using namespace std::chrono_literals;

TEST_CASE("each wait is twice as long, up to a bound, until it goes well", "[backoff]") {
  Backoff backoff(100ms, 1s, [] { return 0.999999; });
  for (const auto expected : {100ms, 200ms, 400ms, 800ms, 1000ms, 1000ms}) {
    CHECK(backoff.next() == expected);
  }
  backoff.reset();
  CHECK(backoff.next() == 100ms);
}

TEST_CASE("no wait is shorter than half of what it may be", "[backoff]") {
  Backoff backoff(100ms, 1s, [] { return 0.0; });
  CHECK(backoff.next() == 50ms);
  CHECK(backoff.next() == 100ms);
}

TEST_CASE("two processes do not wait for the same times", "[backoff]") {
  std::set<double> numbers;
  for (int i = 0; i < 4; ++i) {
    const auto random = mvr::webhook::make_random();
    for (int j = 0; j < 4; ++j) {
      const double number = random();
      CHECK((number >= 0 && number < 1));
      numbers.insert(number);
    }
  }
  CHECK(numbers.size() == 16);
}
