// SPDX-License-Identifier: Apache-2.0
#include "plugin/timeline.hpp"

#include <regex>

#include "mvr/base/text.hpp"
#include "support/print.hpp"
#include "support/unit_dir.hpp"

using mvr::Code;
using mvr::Log;
using mvr::LogLevel;
using mvr::Result;
using mvr::plugin::Timeline;
using namespace mvr::test;
using std::chrono::microseconds;

namespace {

constexpr const char* kTrace = "0af7651916cd43dd8448eb211c80319c";
const std::string kParent = std::string("00-") + kTrace + "-b7ad6b7169203331-01";

/// What a timeline writes.
std::string lines_of(const std::function<void(Timeline&)>& use, LogLevel level = LogLevel::info,
                     const std::string& trace_parent = "") {
  const ScratchDir dir;
  Log log;
  unwrap(log.open(dir.file("log")));
  log.set_level(level);
  Timeline timeline(log, trace_parent);
  use(timeline);
  return read_text(dir.file("log"));
}

bool contains(const std::string& text, const std::string& pattern) {
  return std::regex_search(text, std::regex(pattern));
}

Result<void> failure() {
  return mvr::fail(Code::routing, "no way");
}

}  // namespace

TEST_CASE("a verb has one line with its outcome, its time and that of its phases", "[timeline]") {
  const std::string text = lines_of([](Timeline& timeline) {
    timeline.end_phase("observe");
    timeline.end_phase("link");
    timeline.finish("ADD", {});
  });
  CHECK(contains(text,
                 "level=info msg=ADD outcome=ok code=0 total_us=[0-9]+ "
                 "phases_us=\"observe:[0-9]+ link:[0-9]+\"\n$"));
  CHECK_FALSE(contains(text, "trace_id|span_id|error="));
}

TEST_CASE("a failed verb's line is an error with its code and message", "[timeline]") {
  const std::string text = lines_of([](Timeline& timeline) { timeline.finish("ADD", failure()); });
  CHECK(contains(text, "level=error msg=ADD outcome=failed code=108 error=\"no way\" total_us="));
}

TEST_CASE("phases add up to the whole", "[timeline]") {
  const std::string text = lines_of([](Timeline& timeline) {
    for (const char* name : {"a", "b", "c"}) {
      static_cast<void>(mvr::Budget::grace(std::chrono::seconds(1))
                            .wait(-1, 0, mvr::Clock::now() + std::chrono::milliseconds(2)));
      timeline.end_phase(name);
    }
    timeline.finish("ADD", {});
  });
  std::smatch found;
  REQUIRE(std::regex_search(
      text, found, std::regex("total_us=([0-9]+) phases_us=\"a:([0-9]+) b:([0-9]+) c:([0-9]+)\"")));
  long sum = 0;
  for (std::size_t i = 2; i <= 4; ++i) {
    CHECK(std::stol(found[i]) >= 2000);
    sum += std::stol(found[i]);
  }
  CHECK(sum <= std::stol(found[1]));
}

TEST_CASE("steps are told at debug only", "[timeline]") {
  const auto use = [](Timeline& timeline) {
    timeline.step("add rule", microseconds(17), {});
    timeline.step("add route", microseconds(18), failure());
  };
  CHECK(lines_of(use).empty());
  const std::string text = lines_of(use, LogLevel::debug);
  CHECK(contains(text, "level=debug msg=step step=\"add rule\" us=17 outcome=ok\n"));
  CHECK(contains(text, "step=\"add route\" us=18 outcome=failed error=\"no way\"\n"));
}

TEST_CASE("within a trace the verb is a span and each step one below it", "[timeline]") {
  const std::string text = lines_of(
      [](Timeline& timeline) {
        timeline.step("one", microseconds(1), {});
        timeline.step("two", microseconds(1), {});
        timeline.finish("ADD", {});
      },
      LogLevel::debug, kParent);
  std::smatch found;
  REQUIRE(std::regex_search(
      text, found, std::regex(" span_id=([0-9a-f]{16}) parent_span_id=b7ad6b7169203331\n$")));
  const std::string span = found[1];
  CHECK(span != "b7ad6b7169203331");
  const std::string step =
      "trace_id=" + std::string(kTrace) +
      " step=(one|two) us=1 outcome=ok span_id=([0-9a-f]{16}) parent_span_id=" + span + "\n";
  const std::regex pattern(step);
  std::vector<std::string> spans;
  for (std::sregex_iterator it(text.begin(), text.end(), pattern), end; it != end; ++it) {
    spans.push_back((*it)[2]);
  }
  REQUIRE(spans.size() == 2);
  CHECK(spans[0] != spans[1]);
  CHECK(spans[0] != span);
}

TEST_CASE("a trace context of a later version is taken", "[timeline]") {
  const auto use = [](Timeline& timeline) { timeline.finish("ADD", {}); };
  CHECK(contains(lines_of(use, LogLevel::info, "cc" + kParent.substr(2) + "-more"), kTrace));
}

TEST_CASE("a trace context that is malformed is ignored", "[timeline]") {
  const std::string span = "-b7ad6b7169203331-01";
  const std::string trace = kTrace;
  for (const std::string& parent :
       {std::string("x"), std::string("---"), "00-" + trace, "00-" + trace + "-b7ad6b7169203331",
        "ff-" + trace + span, "0-" + trace + span, "zz-" + trace + span,
        "00-" + trace.substr(1) + span, "00-" + trace + "0" + span,
        "00-0AF7651916CD43DD8448EB211C80319C" + span, "00-" + std::string(32, '0') + span,
        "00-" + trace + "-0000000000000000-01", "00-" + trace + "-b7ad6b716920333-01",
        "00-" + trace + "-b7ad6b7169203331-zz", kParent + "-more", " " + kParent,
        "00-" + trace + "\n" + span}) {
    INFO(parent);
    const std::string text =
        lines_of([](Timeline& timeline) { timeline.finish("ADD", {}); }, LogLevel::info, parent);
    CHECK_FALSE(contains(text, "trace_id|span_id"));
  }
}
