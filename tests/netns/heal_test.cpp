// SPDX-License-Identifier: Apache-2.0
/// \file
/// Calls that were killed: what they leave, DEL cleans and the next ADD heals.
#include <sys/stat.h>

#include <csignal>
#include <filesystem>

#include "support/capture.hpp"
#include "support/catch.hpp"
#include "support/namespaces.hpp"
#include "support/routing_lines.hpp"
#include "support/routing_world.hpp"
#include "support/shell.hpp"
#include "support/world.hpp"

using namespace mvr::test;

namespace {

/// host-local behind a script that, the first time it is called with `verb`, kills who called it
/// as soon as host-local has done its part; "none" kills nobody.
FakeIpam make_killer(const std::string& verb) {
  FakeIpam ipam("host-local");
  put_file(ipam.dir() + "/host-local",
           "#!/bin/sh\n"
           "echo \"$CNI_COMMAND\" >> \"$0.calls\"\n"
           "cat > \"$0.input\"\n"
           "/usr/lib/cni/host-local < \"$0.input\" || exit\n"
           "if [ \"$CNI_COMMAND\" = " +
               verb +
               " ] && ! [ -e \"$0.done\" ]; then\n"
               "touch \"$0.done\"\n"
               "kill -9 $PPID\n"
               "fi\n",
           0755);
  return ipam;
}

/// Kills an ADD of net1 while it waits for its gateway.
void kill_in_probe(PodWorld& world, const json& config) {
  Scenario::silence_gateway(1);
  Capture rail(kGateways, rail_gateway_nic(1));
  Process add(make_command(world.make_call("ADD", "net1", config)));
  REQUIRE(rail.wait_for([](const Frame& frame) {
    return frame.is_arp_request() && frame.arp.sender_ip != "0.0.0.0";
  }));
  add.signal(SIGKILL);
  REQUIRE(add.wait().status == -SIGKILL);
  world.note("net1", config, {.status = -SIGKILL});
  Scenario::wake_gateway(1);
}

/// The number of a namespace, which the kernel gives to another one later.
std::string number_of(const std::string& path) {
  struct stat status {};
  REQUIRE(stat(path.c_str(), &status) == 0);
  return std::to_string(status.st_ino);
}

/// All journals speak of a namespace with this number.
void renumber_journals(const std::string& old_number, const std::string& number) {
  const json files = snapshot_files(std::string(kStateDir));
  for (const auto& [path, content] : files.items()) {
    std::string text = content;
    const auto at = text.find(old_number);
    REQUIRE(at != std::string::npos);
    put_file(path, text.replace(at, old_number.size(), number), 0600);
  }
}

json patient_config() {
  json config = rail_config(1);
  config["gatewayProbe"] = {{"attempts", 10}, {"interval", "2s"}};
  return config;
}

}  // namespace

TEST_CASE("DEL cleans up after an ADD that was killed with its lease", "[heal]") {
  PodWorld world(1);
  const FakeIpam ipam = make_killer("ADD");
  world.use(ipam);
  REQUIRE(world.add(1).status == -SIGKILL);
  REQUIRE(snapshot_leases().size() == 1);
  REQUIRE(ip_json("pod", {"link", "show", "net1"}).size() == 1);
  CHECK(failure(world.del(1)) == "");
  CHECK(world.changes() == "");
  CHECK(ipam.calls() == Lines{"ADD", "DEL"});
}

TEST_CASE("the next ADD heals what a killed one has left", "[heal]") {
  PodWorld world(1);
  const FakeIpam ipam = make_killer("ADD");
  world.use(ipam);
  REQUIRE(world.add(1).status == -SIGKILL);
  // Without its DEL host-local would refuse the container a second address.
  REQUIRE(failure(world.add(1)) == "");
  CHECK(ipam.calls() == Lines{"ADD", "DEL", "ADD"});
  CHECK(snapshot_leases().size() == 1);
  CHECK(failure(world.check(1)) == "");
  CHECK(failure(world.del(1)) == "");
  CHECK(world.changes() == "");
}

TEST_CASE("an ADD that was killed when all but the routes was made", "[heal]") {
  PodWorld world(1);
  kill_in_probe(world, patient_config());
  REQUIRE(addresses("pod", "net1").size() == 1);
  SECTION("DEL cleans up") {
    CHECK(failure(world.del(1)) == "");
  }
  SECTION("DEL cleans up without the journal") {
    std::filesystem::remove_all(kStateDir);
    CHECK(failure(world.del(1)) == "");
  }
  SECTION("the next ADD heals") {
    REQUIRE(failure(world.add(1)) == "");
    CHECK(failure(world.check(1)) == "");
    CHECK(failure(world.del(1)) == "");
  }
  CHECK(world.changes() == "");
}

TEST_CASE("a killed ADD does not hurt the pod's other NICs", "[heal]") {
  PodWorld world(2);
  REQUIRE(failure(world.add(2)) == "");
  world.look();
  kill_in_probe(world, patient_config());
  CHECK(failure(world.check(2)) == "");
  REQUIRE(failure(world.add(1)) == "");
  CHECK(failure(world.check(1)) == "");
  CHECK(failure(world.check(2)) == "");
  CHECK(failure(world.del(1)) == "");
  CHECK(world.changes() == "");
}

TEST_CASE("DEL finishes what a killed DEL has begun", "[heal]") {
  PodWorld world(1);
  const FakeIpam ipam = make_killer("DEL");
  world.use(ipam);
  REQUIRE(failure(world.add(1)) == "");
  REQUIRE(world.del(1).status == -SIGKILL);
  CHECK(failure(world.del(1)) == "");
  CHECK(world.changes() == "");
}

TEST_CASE("a second ADD of a living attachment is refused, and the NIC is unharmed", "[heal]") {
  PodWorld world(1);
  REQUIRE(failure(world.add(1)) == "");
  world.look();
  const Answer again = run_plugin(world.make_call("ADD", "net1", rail_config(1)));
  CHECK(again.code() == 101);
  CHECK(again.message().find("exists already") != std::string::npos);
  CHECK(world.changes() == "");
  CHECK(failure(world.check(1)) == "");
}

TEST_CASE("the attachment of a pod that is gone is made anew", "[heal]") {
  PodWorld world(1);
  const FakeIpam ipam = make_killer("none");
  world.use(ipam);
  REQUIRE(failure(world.add(1)) == "");
  const std::string old_number = number_of(world.pod().netns);
  remove_netns("pod");
  world.scenario().add_pod("pod");
  if (GENERATE(false, true)) {
    renumber_journals(old_number, number_of(world.pod().netns));
  }
  world.look();
  REQUIRE(failure(world.add(1)) == "");
  CHECK(ipam.calls() == Lines{"ADD", "DEL", "ADD"});
  CHECK(failure(world.check(1)) == "");
  CHECK(failure(world.del(1)) == "");
  CHECK(snapshot_leases().empty());
  CHECK(snapshot_files(std::string(kStateDir)).empty());
}

TEST_CASE("the table of a pod that is gone is free, though its journal is there", "[heal]") {
  PodWorld world(1);
  REQUIRE(failure(world.add(1, {{"routeTable", 500}})) == "");
  const std::string old_number = number_of(world.pod().netns);
  remove_netns("pod");
  const Pod next = world.scenario().add_pod("next");
  renumber_journals(old_number, number_of(next.netns));
  json config = rail_config(1);
  config["routeTable"] = 500;
  Runtime runtime(next, "another-container");
  CHECK(failure(runtime.add("net1", config)) == "");
}

TEST_CASE("nobody who could read the answer: everything is undone", "[heal]") {
  PodWorld world(1);
  Command command = make_command(world.make_call("ADD", "net1", rail_config(1)));
  const std::string redirection = GENERATE(">&-", "> /dev/full");
  command.argv = {"sh", "-c", "exec \"$0\" " + redirection, command.argv.at(0)};
  const Output output = run(command);
  CHECK(output.status == 1);
  CHECK(output.err.find("level=error") != std::string::npos);
  CHECK(world.changes() == "");
}
