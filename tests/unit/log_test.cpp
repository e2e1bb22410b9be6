// SPDX-License-Identifier: Apache-2.0
#include "mvr/base/log.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <regex>

#include <nlohmann/json.hpp>

#include "support/print.hpp"
#include "support/unit_dir.hpp"

using mvr::Code;
using mvr::format_field;
using mvr::Log;
using mvr::LogLevel;
using namespace mvr::test;

namespace {

/// What a log writes, without the time.
std::string lines_of(const std::function<void(Log&)>& write) {
  const ScratchDir dir;
  Log log;
  unwrap(log.open(dir.file("log")));
  write(log);
  return std::regex_replace(read_text(dir.file("log")), std::regex("time=[^ ]+ "), "");
}

}  // namespace

TEST_CASE("a line has time, level, message, context and fields", "[log]") {
  const ScratchDir dir;
  Log log;
  unwrap(log.open(dir.file("log")));
  log.add_context("containerID", "0123");
  log.line(LogLevel::info, "made", {{"nic", "net1"}, {"us", "17"}});
  const std::regex expected(
      "time=\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{6}Z level=info msg=made "
      "containerID=0123 nic=net1 us=17\n");
  CHECK(std::regex_match(read_text(dir.file("log")), expected));
}

TEST_CASE("fields without a value are left out", "[log]") {
  CHECK(lines_of([](Log& log) {
          log.add_context("pod", "");
          log.line(LogLevel::warn, "m", {{"a", ""}, {"b", "1"}});
        }) == "level=warn msg=m b=1\n");
}

TEST_CASE("levels below the chosen one are not written", "[log]") {
  CHECK(lines_of([](Log& log) {
          log.line(LogLevel::debug, "one");
          log.set_level(LogLevel::debug);
          log.line(LogLevel::debug, "two");
          log.set_level(LogLevel::error);
          log.line(LogLevel::warn, "three");
          log.line(LogLevel::error, "four");
        }) == "level=debug msg=two\nlevel=error msg=four\n");
}

TEST_CASE("a value of one word stands as it is, any other in quotes", "[log]") {
  CHECK(format_field("k", "word") == " k=word");
  CHECK(format_field("k", "10.1.2.3/24") == " k=10.1.2.3/24");
  CHECK(format_field("k", "two words") == " k=\"two words\"");
  CHECK(format_field("k", "") == " k=\"\"");
  CHECK(format_field("k", "a=b") == " k=\"a=b\"");
  CHECK(format_field("k", "ü") == " k=\"ü\"");
}

TEST_CASE("nothing in a value can end its line, its quotes or colour the terminal", "[log]") {
  CHECK(format_field("k", "a\nlevel=error") == R"( k="a\x0alevel=error")");
  CHECK(format_field("k", "\x1b[31m") == R"( k="\x1b[31m")");
  CHECK(format_field("k", "say \"no\" \\") == R"( k="say \"no\" \\")");
  CHECK(format_field("k", "\x7f\r\t") == R"( k="\x7f\x0d\x09")");
  CHECK(format_field("k", std::string_view("a\0b", 3)) == R"( k="a\x00b")");
  const std::string line = lines_of([](Log& log) {
    log.add_context("network", "a\nb");
    log.line(LogLevel::info, "m\n", {{"x", "\n\n"}});
  });
  CHECK(std::ranges::count(line, '\n') == 1);
}

TEST_CASE("a line of JSON is one object with the same members", "[log]") {
  const ScratchDir dir;
  Log log;
  unwrap(log.open(dir.file("log")));
  log.set_format(mvr::LogFormat::json);
  log.add_context("pod", "a/b");
  log.line(LogLevel::warn, "said \"no\"\n", {{"bytes", "\xff"}, {"none", ""}, {"n", "1"}});
  const std::string text = read_text(dir.file("log"));
  CHECK(std::ranges::count(text, '\n') == 1);
  auto line = nlohmann::json::parse(text);
  CHECK(line["time"].get<std::string>().size() == 27);
  line.erase("time");
  CHECK(line == nlohmann::json{{"level", "warn"},
                               {"msg", "said \"no\"\n"},
                               {"pod", "a/b"},
                               {"bytes", "\ufffd"},
                               {"n", "1"}});
}

TEST_CASE("an endless value is cut", "[log]") {
  const std::string field = format_field("k", std::string(100'000, ' '));
  CHECK(field.size() < 5000);
  CHECK(field.ends_with("…\""));
}

TEST_CASE("a log file is made for owner and group, and appended to", "[log]") {
  const ScratchDir dir;
  ::umask(0);
  for (int i = 0; i < 2; ++i) {
    Log log;
    unwrap(log.open(dir.file("log")));
    log.line(LogLevel::info, "m");
  }
  CHECK(mode_of(dir.file("log")) == 0640);
  CHECK(std::ranges::count(read_text(dir.file("log")), '\n') == 2);
}

TEST_CASE("a log follows no symbolic link and waits for no reader of a fifo", "[log]") {
  const ScratchDir dir;
  write_text(dir.file("target"), "");
  std::filesystem::create_symlink("target", dir.file("link"));
  REQUIRE(::mkfifo(dir.file("fifo").c_str(), 0600) == 0);
  for (const char* name : {"link", "fifo", "none/log", ""}) {
    Log log;
    const auto opened = log.open(*name == '\0' ? std::string() : dir.file(name));
    INFO(name);
    REQUIRE_FALSE(opened);
    CHECK(opened.error().code == Code::io);
  }
  CHECK(read_text(dir.file("target")).empty());
}

TEST_CASE("a log that cannot be opened stays where it was", "[log]") {
  const ScratchDir dir;
  Log log;
  unwrap(log.open(dir.file("log")));
  CHECK_FALSE(log.open(dir.file("none/log")));
  log.line(LogLevel::info, "still here");
  CHECK(read_text(dir.file("log")).ends_with("level=info msg=\"still here\"\n"));
}

TEST_CASE("a full disk does not fail anybody", "[log]") {
  Log log;
  unwrap(log.open("/dev/full"));
  log.line(LogLevel::info, "m");
}
