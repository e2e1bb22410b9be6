// SPDX-License-Identifier: Apache-2.0
/// \file
/// Every command in a pipe whose reader has gone, as in `macvlan-rdma inspect | head -1`: it does
/// its work and ends as all programs do there, by SIGPIPE and without a word of it.
#include <filesystem>

#include "support/catch.hpp"
#include "support/golden.hpp"
#include "support/inspecting.hpp"
#include "support/namespaces.hpp"

using namespace mvr::test;

namespace {

constexpr const char* kBySignal = "141\n";  // 128 + SIGPIPE, as a shell has it

/// Into a pipe that nobody reads; the shell's answer is the exit status.
Output run_unread(std::vector<std::string> options, const std::string& setup = "") {
  const std::string fifo = std::string(kScratchDir) + "/fifo";
  std::filesystem::create_directories(kScratchDir);
  std::vector<std::string> argv{"bash", "-c",
                                setup +
                                    "mkfifo \"$0\" && exec 4<>\"$0\" 3>\"$0\" 4<&- && "
                                    "{ \"$@\" >&3; echo $?; rm \"$0\"; }",
                                fifo, plugin_path()};
  argv.insert(argv.end(), options.begin(), options.end());
  return run({.argv = std::move(argv)});
}

void expect_quiet_end(const Output& output) {
  INFO(output.err);
  CHECK(output.out == kBySignal);
  CHECK(output.err.empty());
}

}  // namespace

TEST_CASE("a reader that has gone ends every command without a word", "[pipe]") {
  const PodWithNic world;
  const std::string golden = MVR_SOURCE_DIR "/tests/golden/";
  const std::string config = std::string(kScratchDir) + "/rail.json";
  put_file(config, rail_config(2).dump());
  const std::vector<std::string> words = GENERATE_COPY(values<std::vector<std::string>>(
      {{"help"},
       {"--version"},
       {"gc", "--help"},
       {"inspect", "--state-dir", std::string(kStateDir)},
       {"inspect", "--json"},
       {"inspect", "--dot"},
       {"doctor"},
       {"validate", golden + "validate/good.yaml"},
       {"plan", "-c", config, "-i", "net2", "-n", world.pod.netns, "--ip", rail_address(2) + "/24"},
       {"plan", "-c", config, "-n", "/nowhere", "--ip", rail_address(2) + "/24", "--json"},
       {"generate", "--inventory"},
       {"gc", "--state-dir", std::string(kStateDir)},
       {"completion", "bash"}}));
  INFO(words.front());
  expect_quiet_end(run_unread(words));
}

TEST_CASE("a reader that has gone is told of where a parent ignores the signal", "[pipe]") {
  isolate();
  const Output output = run_unread({"--version"}, "trap '' PIPE; ");
  CHECK(output.out == "1\n");
  CHECK(output.err.empty());
}

TEST_CASE("a reader that has gone does not keep a command from its work", "[pipe]") {
  OnePod world({.rails = 1});
  const std::string golden = MVR_SOURCE_DIR "/tests/golden/";
  const std::string scratch(kScratchDir);
  SECTION("gc") {
    add_or_fail(world.runtime, 1);
    remove_netns("pod");
    expect_quiet_end(run_unread({"gc", "--state-dir", std::string(kStateDir)}));
    CHECK(count_journals() == 0);
  }
  SECTION("install") {
    std::filesystem::create_directories(scratch + "/bin");
    expect_quiet_end(run_unread({"install", "--to", scratch + "/bin"}));
    CHECK(std::filesystem::exists(scratch + "/bin/macvlan-rdma"));
  }
  SECTION("migrate, whose notes go to standard error") {
    const Output output = run_unread({"migrate", golden + "migrate/chain.yaml"});
    CHECK(output.out == kBySignal);
    CHECK(output.err.find("not carried: ") != std::string::npos);
    CHECK(output.err.find("ipe") == std::string::npos);
  }
}

TEST_CASE("output that cannot be written for another reason is an error", "[pipe]") {
  isolate();
  const Output output =
      run({.argv = {"sh", "-c", "\"$0\" completion bash > /dev/full", plugin_path()}});
  CHECK(output.status == 1);
  CHECK(output.err.find("ENOSPC") != std::string::npos);
}
