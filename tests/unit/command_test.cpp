// SPDX-License-Identifier: Apache-2.0
#include "ops/command.hpp"

#include <algorithm>
#include <array>

#include "ops/commands.hpp"
#include "ops/screen.hpp"
#include "support/catch.hpp"

using namespace mvr::ops;
using Words = std::vector<std::string>;

namespace {

Arguments seen;

int remember(const Arguments& arguments) {
  seen = arguments;
  return 7;
}

constexpr std::array kFlags{
    Flag{.name = "deep", .letter = 'd', .help = "go down"},
    Flag{.name = "state-dir", .letter = 's', .value = "DIR", .help = "where"},
    Flag{.name = "long-only", .value = "N", .help = "no letter"},
    Flag{.name = "picky",
         .value = "WORD",
         .help = "not all",
         .check = [](const std::string& value) -> std::string {
           return value.empty() ? "must not be empty" : "";
         }}};

constexpr Command kCommand{.name = "try",
                           .operands = "FILE…",
                           .least_operands = 1,
                           .most_operands = 3,
                           .summary = "tries",
                           .description = "Tries it.\n",
                           .flags = kFlags,
                           .notes = "A note.\n",
                           .run = remember};

int call(Words words) {
  seen = {};
  words.insert(words.begin(), "try");
  std::vector<char*> argv;
  std::ranges::transform(words, std::back_inserter(argv), [](auto& word) { return word.data(); });
  argv.push_back(nullptr);
  return run_command(kCommand, static_cast<int>(words.size()), argv.data());
}

}  // namespace

TEST_CASE("a command gets its options and operands", "[command]") {
  REQUIRE(call({"-d", "--state-dir=/a", "one"}) == 7);
  CHECK(seen.has("deep"));
  CHECK(seen.value("state-dir") == "/a");
  CHECK_FALSE(seen.has("long-only"));
  CHECK_FALSE(seen.value("long-only"));
  CHECK(seen.operands == Words{"one"});
}

TEST_CASE("options may stand behind operands, and more than once", "[command]") {
  REQUIRE(call({"one", "-s", "/a", "two", "-s/b", "--long-only", "3"}) == 7);
  CHECK(seen.operands == Words{"one", "two"});
  CHECK(seen.value("state-dir") == "/b");
  CHECK(seen.options.at("state-dir") == Words{"/a", "/b"});
  CHECK(seen.value("long-only") == "3");
}

TEST_CASE("behind two dashes all are operands", "[command]") {
  REQUIRE(call({"-d", "--", "--state-dir", "-x"}) == 7);
  CHECK(seen.operands == Words{"--state-dir", "-x"});
  CHECK(call({"one", "--", "-d"}) == 7);
  CHECK(seen.operands == Words{"one", "-d"});
}

TEST_CASE("a command line that is none is refused", "[command]") {
  CHECK(call({}) == kUsage);
  CHECK(call({"a", "b", "c", "d"}) == kUsage);
  CHECK(call({"--frobnicate", "a"}) == kUsage);
  CHECK(call({"a", "-x"}) == kUsage);
  CHECK(call({"a", "--state-dir"}) == kUsage);
  CHECK(call({"a", "--deep=1"}) == kUsage);
}

TEST_CASE("an option's value is looked at before anything is done", "[command]") {
  CHECK(call({"--picky", "", "a"}) == kUsage);
  CHECK(call({"--picky", "", "--picky", "fine", "a"}) == kUsage);
  CHECK(call({"--picky", "fine", "a"}) == 7);
}

TEST_CASE("help is asked for, whatever else is there", "[command]") {
  CHECK(call({"--help"}) == kDone);
  CHECK(call({"a", "b", "c", "d", "-h"}) == kDone);
  CHECK(help_of(kCommand) ==
        "Usage: macvlan-rdma try [OPTION]… FILE…\n"
        "Tries it.\n\n"
        "  -d, --deep           go down\n"
        "  -s, --state-dir DIR  where\n"
        "      --long-only N    no letter\n"
        "      --picky WORD     not all\n"
        "  -h, --help           this text\n"
        "\nA note.\n");
}

TEST_CASE("every command has words that fit the screen", "[command]") {
  for (const Command* command : all_commands()) {
    INFO(command->name);
    CHECK(command->run != nullptr);
    CHECK(command->summary.size() <= 60);
    CHECK(command->description.ends_with("\n"));
    const std::string help = help_of(*command);
    for (std::size_t at = 0; at < help.size(); at = help.find('\n', at) + 1) {
      CHECK(help.find('\n', at) - at <= 100);
    }
  }
}

TEST_CASE("a line has no escapes of others, and our quotes", "[command]") {
  CHECK(make_line("key \"a\": C:\\x") == "key \"a\": C:\\x");
  CHECK(make_line("a\nb\x1b[1m\xff\xc2\x9b") == "a\\x0ab\\x1b[1m\\xff\\xc2\\x9b");
  CHECK(make_line("\\") == "\\");
  CHECK(make_line("") == "");
}

TEST_CASE("a long line is broken at blanks on a terminal", "[command]") {
  const Painter painter(false, 30);
  CHECK(painter.fold(4, Colour::none, "short") == "short");
  CHECK(painter.fold(4, Colour::none, "") == "");
  CHECK(painter.fold(4, Colour::none, "this is longer than what is left of the line") ==
        "this is longer than what\n    is left of the line");
  CHECK(painter.fold(4, Colour::none, "/a/path/that/has/no/blank/at/all/in/it and more") ==
        "/a/path/that/has/no/blank/at/all/in/it\n    and more");
  CHECK(Painter(true, 30).fold(4, Colour::bad, "this is longer than what is left") ==
        "\x1b[31mthis is longer than what\x1b[0m\n    \x1b[31mis left\x1b[0m");
  CHECK(Painter(false).fold(4, Colour::none, std::string(200, 'x') + " y").size() == 202);
  CHECK(painter.fold(25, Colour::none, "no room for a column here") == "no room for a column here");
}

TEST_CASE("colours are for terminals", "[command]") {
  CHECK(Painter(false).paint(Colour::bad, "down") == "down");
  CHECK(Painter(true).paint(Colour::bad, "down") == "\x1b[31mdown\x1b[0m");
  CHECK(Painter(true).paint(Colour::none, "down") == "down");
  CHECK(pad_right("net1", 6) == "net1  ");
  CHECK(pad_right("µ✓", 3) == "µ✓ ");
  CHECK(pad_right("longer", 3) == "longer");
}
