// SPDX-License-Identifier: Apache-2.0
/// \file
/// Calls that are told to stop, or run out of time: undone, promptly.
#include <sys/stat.h>

#include <csignal>

#include "mvr/base/fd.hpp"
#include "support/capture.hpp"
#include "support/catch.hpp"
#include "support/fake_ipam.hpp"
#include "support/namespaces.hpp"
#include "support/routing_lines.hpp"
#include "support/routing_world.hpp"
#include "support/shell.hpp"

using namespace mvr::test;
using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

namespace {

/// A machine under load needs its time; what we exclude is waiting for somebody who does not
/// answer.
constexpr milliseconds kPromptly{3000};

/// Scripts that note their pids and those of their children, and never end.
FakeIpam make_sleeper() {
  FakeIpam ipam;
  ipam.script("ADD",
              "sleep 1000 &\n"
              "echo $$ > \"$0.parent\"\n"
              "echo $! > \"$0.child\"\n"
              "wait\n");
  return ipam;
}

/// A pid that the script noted; 0 while it has not.
pid_t noted(const FakeIpam& ipam, const std::string& whose) {
  const std::string text = mvr::read_file(ipam.dir() + "/fake." + whose, 64).value_or("");
  return text.ends_with('\n') ? std::stoi(text) : 0;
}

json fake_config() {
  return rail_config_with(1, {{"type", "fake"}});
}

}  // namespace

TEST_CASE("a signal before the configuration has come gets an answer", "[interrupt]") {
  const int signal = GENERATE(SIGTERM, SIGINT, SIGHUP);
  PodWorld world(1);
  const std::string fifo = std::string(kScratchDir) + "/fifo";
  REQUIRE(mkfifo(fifo.c_str(), 0600) == 0);
  // Opened for reading and writing, a fifo never ends.
  Command command = make_command(world.make_call("ADD", "net1", rail_config(1)));
  command.argv = {"sh", "-c", "exec \"$0\" <> \"$1\"", plugin_path(), fifo};
  Process add(command);
  const auto blocks_it = [&] {
    const std::string status =
        mvr::read_file("/proc/" + std::to_string(add.pid()) + "/status", 65536).value_or("");
    return status.find("SigBlk:\t0000000000004003") != std::string::npos;
  };
  REQUIRE(eventually(blocks_it));
  add.signal(signal);
  const Answer added = make_answer(add.wait());
  INFO(added);
  CHECK(added.code() == 110);
  CHECK(added.message().find("read standard input: interrupted by SIG") != std::string::npos);
  CHECK(world.changes() == "");
}

TEST_CASE("a signal while IPAM is at work undoes everything, and IPAM ends", "[interrupt]") {
  const auto [signal, name] = GENERATE(
      table<int, std::string>({{SIGTERM, "SIGTERM"}, {SIGINT, "SIGINT"}, {SIGHUP, "SIGHUP"}}));
  PodWorld world(1);
  const FakeIpam ipam = make_sleeper();
  world.use(ipam);
  Process add(make_command(world.make_call("ADD", "net1", fake_config())));
  REQUIRE(eventually([&] { return noted(ipam, "child") != 0; }));
  const auto start = Clock::now();
  add.signal(signal);
  const Answer added = make_answer(add.wait());
  CHECK(Clock::now() - start < kPromptly);
  CHECK(added.code() == 110);
  CHECK(added.message() == "net1: ipam fake: interrupted by " + name);
  CHECK(added.status == 1);
  CHECK(ipam.calls() == Lines{"ADD", "DEL"});
  CHECK(dies(noted(ipam, "parent")));
  CHECK(dies(noted(ipam, "child")));
  CHECK(world.changes() == "");
}

TEST_CASE("a signal while a gateway is waited for undoes everything", "[interrupt]") {
  const auto [signal, name] = GENERATE(
      table<int, std::string>({{SIGTERM, "SIGTERM"}, {SIGINT, "SIGINT"}, {SIGHUP, "SIGHUP"}}));
  PodWorld world(1);
  Scenario::silence_gateway(1);
  Capture rail(kGateways, rail_gateway_nic(1));
  json config = rail_config(1);
  config["conflictProbe"] = false;
  config["gatewayProbe"] = {{"attempts", 10}, {"interval", "10s"}};
  Process add(make_command(world.make_call("ADD", "net1", config)));
  REQUIRE(rail.wait_for([](const Frame& frame) { return frame.is_arp_request(); }));
  const auto start = Clock::now();
  add.signal(signal);
  const Answer added = make_answer(add.wait());
  CHECK(Clock::now() - start < kPromptly);
  CHECK(added.code() == 110);
  CHECK(added.message() == "net1: gateway probe: interrupted by " + name);
  CHECK(world.changes() == "");
}

TEST_CASE("a signal while the carrier is waited for undoes everything", "[interrupt]") {
  PodWorld world(1);
  ip({"-n", kGateways, "link", "set", rail_gateway_nic(1), "down"});
  world.look();
  json config = rail_config(1);
  config["gatewayProbe"] = {{"attempts", 10}, {"interval", "10s"}};
  Process add(make_command(world.make_call("ADD", "net1", config)));
  const auto is_waiting = [] {
    const json links = ip_json("pod", {"-4", "address", "show"});
    return links.dump().find("172.16.11.10") != std::string::npos;
  };
  REQUIRE(eventually(is_waiting));
  const auto start = Clock::now();
  add.signal(SIGTERM);
  CHECK(make_answer(add.wait()).code() == 110);
  CHECK(Clock::now() - start < kPromptly);
  CHECK(world.changes() == "");
}

TEST_CASE("the time of a call is limited, IPAM included", "[interrupt]") {
  PodWorld world(1);
  const FakeIpam ipam = make_sleeper();
  world.use(ipam);
  json config = fake_config();
  config["timeout"] = "1s";
  const auto start = Clock::now();
  const Answer added = world.add("net1", config);
  const auto took = Clock::now() - start;
  CHECK(added.code() == 110);
  CHECK(added.message() == "net1: ipam fake: timeout 1000ms is used up");
  CHECK(took >= milliseconds(1000));
  CHECK(took < milliseconds(1000) + kPromptly);
  CHECK(ipam.calls() == Lines{"ADD", "DEL"});
  CHECK(dies(noted(ipam, "child")));
  CHECK(world.changes() == "");
}

TEST_CASE("undoing has a limit too, and DEL finishes it", "[interrupt]") {
  PodWorld world(1);
  const FakeIpam ipam;
  world.use(ipam);
  put_file(ipam.dir() + "/fake", "#!/bin/sh\nexec sleep 1000\n", 0755);
  json config = fake_config();
  config["timeout"] = "1s";
  const auto start = Clock::now();
  const Answer added = world.add("net1", config);
  const auto took = Clock::now() - start;
  CHECK(added.code() == 110);
  CHECK(took >= milliseconds(6000));
  CHECK(took < milliseconds(6000) + kPromptly);
  CHECK(rules("pod").empty());
  CHECK(ip_json("pod", {"link", "show"}).size() == 2);
  CHECK(world.changes() != "");  // the journal, since the lease may be there
  ipam.script("ADD", ":");
  CHECK(failure(world.del(1)) == "");
  CHECK(ipam.calls() == Lines{"DEL"});
  CHECK(world.changes() == "");
}
