// SPDX-License-Identifier: Apache-2.0
/// \file
/// Standard streams that are closed, and signals that are not to be heard.
#include <algorithm>
#include <csignal>

#include "mvr/base/fd.hpp"
#include "mvr/base/text.hpp"
#include "support/catch.hpp"
#include "support/ipam_scripts.hpp"
#include "support/peer_rig.hpp"
#include "support/refusal.hpp"
#include "support/routing_world.hpp"
#include "support/surroundings.hpp"

using namespace mvr::test;

namespace {

/// ADD of rail 1 with this IPAM plugin.
Call add_by(PodWorld& world, const FakeIpam& ipam) {
  world.use(ipam);
  return world.make_call("ADD", "net1", rail_config_with(1, ipam.section()));
}

/// What the plugin has open while its IPAM plugin runs, "2 /dev/null".
Lines open_files(const FakeIpam& ipam) {
  Lines lines;
  const std::string text = mvr::read_file(ipam.dir() + "/fake.fds", 65536).value_or("");
  for (const std::string_view line : mvr::split(text, '\n')) {
    lines.emplace_back(line);
  }
  return lines;
}

}  // namespace

TEST_CASE("a stream that is closed is nobody else's, and IPAM has all three", "[surroundings]") {
  const auto [lines, number] = GENERATE(table<const char*, std::string>(
      {{"exec 2>&-", "2"}, {"exec >&-", "1"}, {"exec 2>&- >&-", "2"}, {"exec 2>&- >&-", "1"}}));
  const bool has_null = GENERATE(true, false);
  PodWorld world(1);
  const FakeIpam ipam;
  ipam.script("ADD",
              "for fd in /proc/$PPID/fd/*; do\n"
              "  echo \"${fd##*/} $(readlink $fd)\"\n"
              "done > \"$0.fds\"\n"
              "own=$(for fd in 0 1 2; do readlink /proc/$$/fd/$fd; done)\n"
              "echo \"$own\" > \"$0.own\"\n"
              "echo '{\"cniVersion\":\"1.0.0\",\"ips\":[{\"address\":\"172.16.11.10/24\"}]}'\n");
  const Answer added = run_surrounded(
      add_by(world, ipam), (has_null ? "" : "mount -t tmpfs none /dev\n") + std::string(lines));
  INFO(added);
  CHECK(has_line(open_files(ipam), number + (has_null ? " /dev/null" : " /")));
  const std::string own = mvr::read_file(ipam.dir() + "/fake.own", 4096).value_or("");
  CHECK(std::count(own.begin(), own.end(), ':') == 3);  // three pipes
  // Without standard output nobody gets the result.
  const bool has_output = std::string_view(lines) == "exec 2>&-";
  CHECK(added.ok() == has_output);
  CHECK((has_output || world.changes() == ""));
}

TEST_CASE("with no stream at all nothing is changed", "[surroundings]") {
  const std::string lines =
      GENERATE(as<std::string>{}, "exec <&-", "exec <&- >&- 2>&-", "exec < /", "exec < /dev/null");
  const std::string verb = GENERATE("ADD", "CHECK", "DEL", "STATUS", "GC");
  PodWorld world(1);
  const Answer answer = run_surrounded(world.make_call(verb, "net1", rail_config(1)), lines);
  INFO(lines << '\n' << verb << ' ' << answer);
  CHECK(answer.status == 1);
  CHECK(world.changes() == "");
  if (lines.find(">&-") == std::string::npos) {
    CHECK((answer.code() == 5 || answer.code() == 6));
  }
}

TEST_CASE("who should read the result is gone before it is written", "[surroundings]") {
  PodWorld world(1);
  // A pipe without readers.
  const Answer added =
      run_surrounded(world.make_call("ADD", "net1", rail_config(1)),
                     "mkfifo /run/test/pipe\nexec 3<>/run/test/pipe >/run/test/pipe 3>&-");
  CHECK(added.status == 1);
  expect_words(added.err, {"level=error", "msg=ADD", "Broken pipe"});
  CHECK(world.changes() == "");
}

TEST_CASE("a signal that its parent has blocked or ignored ends an ADD", "[surroundings]") {
  const std::string lines =
      GENERATE(as<std::string>{}, "trap '' TERM INT HUP PIPE CHLD",
               "exec env --block-signal \"$0\"", "exec env --ignore-signal --block-signal \"$0\"");
  PodWorld world(1);
  const FakeIpam ipam;
  ipam.script("ADD", "touch \"$0.started\"\nexec sleep 1000\n");
  Process add(surround(add_by(world, ipam), lines));
  REQUIRE(eventually([&] { return mvr::read_file(ipam.dir() + "/fake.started", 1).has_value(); }));
  add.signal(SIGTERM);
  const Answer added = make_answer(add.wait());
  INFO(added);
  CHECK(added.code() == 110);
  CHECK(ipam.calls() == Lines{"ADD", "DEL"});
  CHECK(world.changes() == "");
}

TEST_CASE("a file that may not grow is an error or a line less, and no death", "[surroundings]") {
  PodWorld world(1);
  SECTION("the journal") {
    const Answer added =
        run_surrounded(world.make_call("ADD", "net1", rail_config(1)), "ulimit -f 0");
    INFO(added);
    CHECK(added.code() == 5);
    expect_words(added.message(), {"journal", "File too large (EFBIG)"});
  }
  SECTION("the log") {
    const std::string file = std::string(kScratchDir) + "/log";
    put_file(file, std::string(1 << 20, '\n'));
    json config = rail_config(1);
    config["logFile"] = file;
    const Answer added = run_surrounded(world.make_call("ADD", "net1", config), "ulimit -f 1024");
    INFO(added);
    CHECK(added.ok());
    config["prevResult"] = added.body;
    CHECK(run_surrounded(world.make_call("DEL", "net1", config), "ulimit -f 1024").ok());
  }
  CHECK(world.changes() == "");
}

TEST_CASE("IPAM is started with the signals of a program's birth", "[surroundings]") {
  PodWorld world(1);
  const FakeIpam ipam;
  ipam.script("ADD",
              "grep ^Sig /proc/self/status > \"$0.signals\"\n"
              "echo '{\"cniVersion\":\"1.0.0\",\"ips\":[{\"address\":\"172.16.11.10/24\"}]}'\n");
  REQUIRE(failure(run_plugin(add_by(world, ipam))) == "");
  const std::string signals = mvr::read_file(ipam.dir() + "/fake.signals", 4096).value_or("");
  expect_words(signals, {"SigBlk:\t0000000000000000", "SigIgn:\t0000000000000000"});
}
