// SPDX-License-Identifier: Apache-2.0
#include "webhook/roster.hpp"

#include <string>

#include "support/catch.hpp"

using mvr::webhook::Phase;
using mvr::webhook::Roster;
using namespace std::chrono_literals;

namespace {

/// A roster whose connections say who was closed.
struct Rows {
  explicit Rows(std::size_t places) : roster(places) {}

  Roster::Id enter(char name) {
    const auto id = roster.enter([this, name] { closed += name; });
    return id.value_or(0);
  }

  Roster roster;
  std::string closed;
};

}  // namespace

TEST_CASE("who has waited longest for nothing gives way to a newcomer", "[roster]") {
  Rows rows(3);
  rows.enter('a');
  rows.enter('b');
  rows.enter('c');
  CHECK(rows.closed.empty());
  rows.enter('d');
  rows.enter('e');
  CHECK(rows.closed == "ab");
  CHECK(rows.roster.size() == 3);
}

TEST_CASE("fresh ones give way first, then readers, writers, the idle, the answered never",
          "[roster]") {
  Rows rows(5);
  rows.roster.change(rows.enter('a'), Phase::answering);
  rows.roster.change(rows.enter('i'), Phase::idle);
  rows.roster.change(rows.enter('w'), Phase::writing);
  rows.roster.change(rows.enter('r'), Phase::reading);
  rows.enter('f');
  for (const char name : {'1', '2', '3', '4'}) {
    rows.roster.change(rows.enter(name), Phase::answering);
  }
  CHECK(rows.closed == "frwi");
  CHECK(rows.enter('5') == 0);
}

TEST_CASE("a change counts from when it was made", "[roster]") {
  Rows rows(2);
  const auto first = rows.enter('a');
  const auto second = rows.enter('b');
  rows.roster.change(second, Phase::idle);
  rows.roster.change(first, Phase::idle);
  rows.enter('c');
  CHECK(rows.closed == "b");
}

TEST_CASE("only what has no request under way is closed for the end", "[roster]") {
  Rows rows(5);
  rows.enter('f');
  rows.roster.change(rows.enter('r'), Phase::reading);
  rows.roster.change(rows.enter('w'), Phase::writing);
  rows.roster.change(rows.enter('i'), Phase::idle);
  rows.roster.change(rows.enter('a'), Phase::answering);
  rows.roster.close_waiting();
  CHECK(rows.closed == "fi");
}

TEST_CASE("the end is waited for, but not for ever", "[roster]") {
  Rows rows(2);
  const auto now = [] { return std::chrono::steady_clock::now(); };
  CHECK(rows.roster.wait_empty(now()));
  const auto id = rows.enter('a');
  CHECK_FALSE(rows.roster.wait_empty(now() + 10ms));
  rows.roster.leave(id);
  rows.roster.leave(id);
  rows.roster.change(id, Phase::idle);
  CHECK(rows.roster.wait_empty(now() + 10ms));
}
