// SPDX-License-Identifier: Apache-2.0
/// \file
/// STATUS and GC, which come without a container.
#include <filesystem>

#include "support/catch.hpp"
#include "support/link_wanted.hpp"
#include "support/namespaces.hpp"
#include "support/shell.hpp"

using namespace mvr::test;

namespace {

namespace fs = std::filesystem;

constexpr int kIncompatible = 1;
constexpr int kBadConfig = 7;
constexpr int kUnavailable = 50;
constexpr int kLimited = 51;

/// As libcni calls it: all variables are set, and empty but for two.
Call make_call(const std::string& verb, const json& patch = json::object()) {
  json config = rail_config(1);
  config["cniVersion"] = "1.1.0";
  config.merge_patch(patch);
  return {.verb = verb, .container_id = "", .netns = "", .ifname = "", .config = config};
}

Answer status(const json& patch = json::object()) {
  return run_plugin(make_call("STATUS", patch));
}

json valid(const json& attachments) {
  return {{"cni.dev/valid-attachments", attachments}};
}

void check_unavailable(const Answer& answer, const std::string& word) {
  INFO(answer);
  CHECK(answer.code() == kUnavailable);
  CHECK(answer.message().find(word) != std::string::npos);
}

const json kVersion{{"cniVersion", "1.1.0"}};

}  // namespace

TEST_CASE("STATUS is content when an ADD could succeed", "[status]") {
  const OnePod world;
  check_ok(status());
  check_ok(status({{"ipam", nullptr}}));
  check_ok(status({{"linkInContainer", true}, {"master", "only-in-pods"}}));
  CHECK(world.changes().empty());
}

TEST_CASE("STATUS says 50 when the master is missing, down or unfit", "[status]") {
  const OnePod world;
  check_unavailable(status({{"master", "gone0"}}), "gone0");
  check_unavailable(status({{"master", "lo"}}), "lo");
  check_unavailable(status({{"mtu", 9000}}), "9000");
  ip({"link", "set", rail_master(1), "down"});
  check_unavailable(status(), rail_master(1));
}

TEST_CASE("STATUS says 50 when the RDMA is not there that the network insists on", "[status]") {
  const OnePod world;
  check_unavailable(status({{"rdma", "exclusive"}}), "rdma \"exclusive\"");
  check_unavailable(status({{"rdma", {{"device", "mlx5_77"}}}}), "RDMA");
  CHECK(world.changes().empty());
}

TEST_CASE("STATUS says 50 when no journal could be written", "[status]") {
  const OnePod world;
  const std::string dir = "/run/test/other";
  const auto mount = [&](const std::string& options) {
    fs::create_directories(dir);
    REQUIRE(run({.argv = {"mount", "-t", "tmpfs", "-o", options, "none", dir}}).status == 0);
  };
  std::string named = dir;
  SECTION("the directory can be written by others") {
    mount("mode=777");
  }
  SECTION("the directory is read-only") {
    mount("mode=700,ro");
  }
  SECTION("the directory would have to be made where nothing can be") {
    mount("mode=700,ro");
    named += "/state";
  }
  SECTION("the directory would have to be made where nothing is") {
    named += "/state";
  }
  check_unavailable(status({{"stateDir", named}}), named);
  CHECK(world.changes().empty());
}

TEST_CASE("STATUS makes no state directory", "[status]") {
  const OnePod world;
  fs::create_directories("/run/test/other");
  check_ok(status({{"stateDir", "/run/test/other/state"}}));
  CHECK_FALSE(fs::exists("/run/test/other/state"));
}

TEST_CASE("STATUS and GC do not look at what they do not need", "[status][gc]") {
  const std::string verb = GENERATE("STATUS", "GC");
  const OnePod world;
  Call call = make_call(verb, valid(json::array()));
  call.container_id = "../no id";
  call.netns = "/nowhere";
  call.ifname = "much-too-long-a-name";
  call.args = "rubbish";
  call.config["ipam"] = nullptr;
  check_ok(run_plugin(call));
  CHECK(world.changes().empty());
}

TEST_CASE("STATUS and GC need the network's name", "[status][gc]") {
  const std::string verb = GENERATE("STATUS", "GC");
  const json name = GENERATE(json(), json(""), json("a/b"));
  const OnePod world;
  Call call = make_call(verb, valid(json::array()));
  call.config["name"] = name;
  const Answer answer = run_plugin(call);
  INFO(answer);
  CHECK(answer.code() == kBadConfig);
  CHECK(answer.message().find("name") != std::string::npos);
  CHECK(world.changes().empty());
}

TEST_CASE("STATUS says 50 when IPAM is missing or not ready, 51 when IPAM does", "[status]") {
  const OnePod world;
  check_unavailable(status({{"ipam", {{"type", "no-such-ipam"}}}}), "no-such-ipam");
  const FakeIpam ipam;
  Call call = make_call("STATUS");
  call.config["ipam"] = ipam.section();
  call.cni_path = ipam.dir();
  ipam.fail("STATUS", 11, "the store is away");
  check_unavailable(run_plugin(call), "ipam fake: the store is away");
  ipam.fail("STATUS", kLimited, "the store is away");
  CHECK(run_plugin(call).code() == kLimited);
  ipam.fail("STATUS", 4, "unknown CNI_COMMAND: STATUS");
  check_ok(run_plugin(call));
  CHECK(ipam.calls() == std::vector<std::string>{"STATUS", "STATUS", "STATUS"});
}

TEST_CASE("STATUS refuses a configuration that ADD would refuse", "[status]") {
  const OnePod world;
  const Answer answer = status({{"mode", "nope"}});
  INFO(answer);
  CHECK(answer.code() == kBadConfig);
}

TEST_CASE("STATUS and GC came with 1.1.0", "[status][gc]") {
  const std::string verb = GENERATE("STATUS", "GC");
  const std::string version = GENERATE("0.3.1", "0.4.0", "1.0.0");
  INFO(verb << ' ' << version);
  OnePod world;
  add_or_fail(world.runtime, 1);
  const json before = snapshot_world({"pod"});
  json patch = valid(json::array());
  patch["cniVersion"] = version;
  const Answer answer = run_plugin(make_call(verb, patch));
  INFO(answer);
  CHECK(answer.code() == kIncompatible);
  CHECK(answer.message().find(verb) != std::string::npos);
  CHECK(difference(before, snapshot_world({"pod"})).empty());
}

TEST_CASE("GC without a list that it understands removes nothing", "[gc]") {
  OnePod world;
  add_or_fail(world.runtime, 1, kVersion);
  const json before = snapshot_world({"pod"});
  const json patch = GENERATE(json::object(), valid(nullptr), valid("all"), valid(json{"net1"}),
                              valid(json{{{"containerID", "x"}}}));
  INFO(patch);
  Call call = make_call("GC");
  call.config.update(patch);
  const Answer answer = run_plugin(call);
  INFO(answer);
  CHECK(answer.code() == kBadConfig);
  CHECK(answer.message().find("valid-attachments") != std::string::npos);
  CHECK(difference(before, snapshot_world({"pod"})).empty());
}

TEST_CASE("GC with an empty list removes this network's attachments and no others", "[gc]") {
  const std::string key = GENERATE("cni.dev/valid-attachments", "cni.dev/attachments");
  INFO(key);
  OnePod world({.rails = 2});
  const Pod other = world.scenario.add_pod("other");
  Runtime other_runtime(other, "other-container");
  const json before = snapshot_world({"pod", "other"});
  add_or_fail(world.runtime, 1, kVersion);
  add_or_fail(world.runtime, 2, kVersion);
  add_or_fail(other_runtime, 1, kVersion);
  check_ok(run_plugin(make_call("GC", {{key, json::array()}})));
  check_routing(world.pod, wanted_nics({2}));
  check_ok(world.runtime.check(2));
  CHECK(count_journals() == 1);
  CHECK(read_links("pod") == Lines{"eth0", "lo", "net2"});
  CHECK(difference(before.at("other"), snapshot("other")).empty());
  CHECK(snapshot_leases().size() == 1);
  CHECK(snapshot_leases().contains("gpu2-macvlan/172.16.12.10"));
  check_ok(world.runtime.del(2));
  CHECK(difference(before, snapshot_world({"pod", "other"})).empty());
}

TEST_CASE("GC keeps the attachments that are listed", "[gc]") {
  OnePod world;
  const Pod other = world.scenario.add_pod("other");
  Runtime other_runtime(other, "other-container");
  const json bare = snapshot("other");
  add_or_fail(world.runtime, 1, kVersion);
  const json before = snapshot_world({"pod"});
  add_or_fail(other_runtime, 1, kVersion);
  const json attachment{{"containerID", kContainerId}, {"ifname", "net1"}};
  check_ok(run_plugin(make_call("GC", valid(json::array({attachment})))));
  CHECK(difference(before, snapshot_world({"pod"})).empty());
  CHECK(difference(bare, snapshot("other")).empty());
  check_ok(world.runtime.check(1));
}

TEST_CASE("GC gives back what pods left whose namespaces are gone", "[gc]") {
  OnePod world;
  add_or_fail(world.runtime, 1, kVersion);
  remove_netns("pod");
  check_ok(run_plugin(make_call("GC", valid(json::array()))));
  CHECK(count_journals() == 0);
  CHECK(snapshot_leases().empty());
  CHECK_FALSE(fs::exists(world.pod.netns));
}

TEST_CASE("GC goes on after a failure, reports it and asks IPAM as well", "[gc]") {
  OnePod world;
  const FakeIpam ipam;
  ipam.answer_address("172.16.11.10/24", rail_gateway(1));
  REQUIRE(run_plugin(add_call(world.runtime, ipam)).ok());
  ipam.fail("DEL", 11, "the store is away");
  Call gc = make_call("GC", valid(json::array()));
  gc.config["ipam"] = ipam.section();
  gc.cni_path = ipam.dir();
  const Answer answer = run_plugin(gc);
  INFO(answer);
  CHECK_FALSE(answer.ok());
  CHECK(answer.message().find("the store is away") != std::string::npos);
  CHECK(difference(world.before.at("pod"), snapshot("pod")).empty());
  CHECK(ipam.calls() == std::vector<std::string>{"ADD", "DEL", "GC"});
}
