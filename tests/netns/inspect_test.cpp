// SPDX-License-Identifier: Apache-2.0
/// \file
/// `macvlan-rdma inspect` beside real pods.
#include <algorithm>
#include <csignal>
#include <filesystem>

#include "support/catch.hpp"
#include "support/inspecting.hpp"
#include "support/namespaces.hpp"
#include "support/refusal.hpp"
#include "support/routing_world.hpp"
#include "support/scenario_v6.hpp"
#include "support/world.hpp"

using namespace mvr::test;

TEST_CASE("inspect shows a pod as ip sees it", "[inspect]") {
  const PodWithNic world;
  const json document = inspect_json({"--netns", world.pod.netns});
  CHECK(document["healthy"] == true);
  CHECK(document["problems"].empty());
  CHECK(document["lost"].empty());
  const json& pod = document["pods"][0];
  CHECK(pod["pod"] == "training/pod");
  CHECK(pod["netns"]["path"] == world.pod.netns);
  CHECK(pod["overlay"]["name"] == "eth0");
  CHECK(pod["overlay"]["table"] == 100);
  CHECK(pod["overlay"]["addresses"] == json{world.pod.address + "/32"});
  const json nic = only_nic(document);
  const json link = ip_json("pod", {"link", "show", "net1"})[0];
  const json master = ip_json("", {"link", "show", rail_master(1)})[0];
  CHECK(nic["name"] == "net1");
  CHECK(nic["network"] == "gpu1-macvlan");
  CHECK(nic["containerID"] == kContainerId);
  CHECK(nic["link"]["mac"] == link["address"]);
  CHECK(nic["link"]["index"] == link["ifindex"]);
  CHECK(nic["link"]["mtu"] == link["mtu"]);
  CHECK(nic["link"]["alias"] == link["ifalias"]);
  CHECK(nic["masterName"] == rail_master(1));
  CHECK(nic["master"]["mac"] == master["address"]);
  CHECK(nic["addresses"] == json{rail_address(1) + "/24"});
  CHECK(nic["table"] == 101);
  CHECK(nic["rules"].size() == 2);
  CHECK(nic["routes"].size() == 2);
  CHECK(nic["journal"] == journal_file());
  CHECK(nic["rdma"].is_null());
  const json& gateway = nic["gateways"][0];
  CHECK(gateway["address"] == rail_gateway(1));
  CHECK(gateway["state"] == "answers");
  CHECK(gateway["mac"] == ip_json(kGateways, {"link", "show", rail_gateway_nic(1)})[0]["address"]);
}

TEST_CASE("inspect changes nothing", "[inspect]") {
  PodWorld world(1);
  REQUIRE(failure(world.add(1)) == "");
  world.look();
  CHECK(inspect().status == 0);
  CHECK(inspect({"--json"}).status == 0);
  CHECK(world.changes() == "");
}

TEST_CASE("inspect finds a pod by its process", "[inspect]") {
  const PodWithNic world;
  const Process sleeper({.argv = {"sleep", "60"}, .netns = world.pod.netns});
  const json document = inspect_json({"--pid", std::to_string(sleeper.pid())});
  CHECK(document["pods"][0]["netns"]["path"] ==
        "/proc/" + std::to_string(sleeper.pid()) + "/ns/net");
  CHECK(only_nic(document)["healthy"] == true);
}

TEST_CASE("inspect asks the gateways of both families", "[inspect]") {
  PodWorld world(1, Overlay::calico, Families::dual);
  REQUIRE(failure(world.add("net1", rail_config_of(Families::dual, 1))) == "");
  const json nic = only_nic(inspect_json());
  REQUIRE(nic["gateways"].size() == 2);
  CHECK(nic["gateways"][0]["state"] == "answers");
  CHECK(nic["gateways"][1]["address"] == rail_gateway6(1));
  CHECK(nic["gateways"][1]["state"] == "answers");
  CHECK(nic["drift"].empty());
}

TEST_CASE("inspect tells that a gateway is silent", "[inspect]") {
  const PodWithNic world;
  Scenario::silence_gateway(1);
  const json nic = only_nic(inspect_json());
  CHECK(nic["gateways"][0]["state"] == "silent");
  CHECK(nic["gateways"][0]["requests"] == 3);
  CHECK(nic["drift"].empty());
  expect_words(problems_of(nic), {"gateway " + rail_gateway(1), rail_address(1), "3 ARP requests"});
  SECTION("and does not ask if it is told so") {
    const json unasked = only_nic(inspect_json({"--no-probe"}));
    CHECK(unasked["gateways"][0]["state"] == "not-asked");
    CHECK(unasked["healthy"] == true);
  }
}

TEST_CASE("inspect lets a gateway be silent that ADD lets be", "[inspect]") {
  const PodWithNic world(json{{"gatewayProbe", false}});
  Scenario::silence_gateway(1);
  const json nic = only_nic(inspect_json());
  CHECK(nic["gateways"][0]["state"] == "silent");
  CHECK(nic["healthy"] == true);
  CHECK(nic["notes"].size() == 1);
}

TEST_CASE("inspect names what has changed since ADD", "[inspect]") {
  const PodWithNic world;
  ip({"-n", "pod", "route", "delete", "default", "table", "101"});
  ip({"-n", "pod", "link", "set", "net1", "mtu", "1400"});
  const json nic = only_nic(inspect_json());
  CHECK(nic["problems"].empty());
  CHECK(nic["drift"] ==
        json{{{"object", "link"}, {"field", "mtu"}, {"wanted", "1500"}, {"found", "1400"}},
             {{"object", "route"},
              {"field", ""},
              {"wanted", "default via " + rail_gateway(1) + " dev net1 table 101"},
              {"found", "nothing"}}});
  CHECK(nic["gateways"][0]["state"] == "answers");  // IPAM has named it
  const Output text = inspect();
  expect_words(text.out, {"changed", "wanted  default via " + rail_gateway(1), "found   nothing",
                          "1 pod, 1 NIC: 2 changes"});
}

TEST_CASE("inspect compares with the node's defaults, as CHECK does", "[inspect]") {
  const std::string file = std::string(kScratchDir) + "/defaults.json";
  OnePod world({.rails = 1});
  put_file(file, R"({"hijackCIDR": ["10.99.0.0/16"]})");
  add_or_fail(world.runtime, 1, {{"defaultsFile", file}});
  CHECK(only_nic(inspect_json())["healthy"] == true);
  ip({"-n", "pod", "route", "delete", "10.99.0.0/16"});
  const json nic = only_nic(inspect_json());
  REQUIRE(nic["drift"].size() == 1);
  expect_words(nic["drift"][0]["wanted"], {"10.99.0.0/16"});
}

TEST_CASE("inspect finds a NIC whose journal is lost", "[inspect]") {
  const PodWithNic world;
  std::filesystem::remove(journal_file());
  const json nic = only_nic(inspect_json());
  CHECK(nic["name"] == "net1");
  CHECK(nic["journal"].is_null());
  CHECK(nic["table"] == 101);
  CHECK(nic["gateways"][0]["state"] == "answers");
  expect_words(problems_of(nic), {"no journal"});
}

TEST_CASE("inspect finds a journal whose NIC is lost", "[inspect]") {
  const PodWithNic world;
  ip({"-n", "pod", "link", "delete", "net1"});
  const json nic = only_nic(inspect_json());
  CHECK(nic["name"] == "net1");
  CHECK(nic["link"].is_null());
  CHECK(nic["journal"] == journal_file());
  expect_words(problems_of(nic), {"not in the pod any more"});
}

TEST_CASE("inspect tells that the master is down", "[inspect]") {
  const PodWithNic world;
  ip({"link", "set", rail_master(1), "down"});
  const json nic = only_nic(inspect_json());
  CHECK(nic["gateways"][0]["state"] == "no-carrier");
  expect_words(problems_of(nic), {"master " + rail_master(1) + " is down"});
}

TEST_CASE("inspect shows all pods of the node", "[inspect]") {
  OnePod world({.rails = 2});
  const Pod other = world.scenario.add_pod("other");
  Runtime other_runtime(other, "other-container");
  add_or_fail(world.runtime, 1);
  add_or_fail(world.runtime, 2);
  add_or_fail(other_runtime, 1);
  const json document = inspect_json({"--all"});
  CHECK(document["healthy"] == true);
  REQUIRE(document["pods"].size() == 2);
  const bool is_first = document["pods"][0]["pod"] == "training/pod";
  const json& pod = document["pods"][is_first ? 0 : 1];
  CHECK(pod["nics"].size() == 2);
  CHECK(pod["nics"][0]["name"] == "net1");
  CHECK(pod["nics"][1]["name"] == "net2");
  CHECK(document["pods"][is_first ? 1 : 0]["pod"] == "training/other");
  SECTION("and those that are no more") {
    remove_netns("other");
    const json now = inspect_json();
    CHECK(now["healthy"] == false);
    CHECK(now["pods"].size() == 1);
    REQUIRE(now["lost"].size() == 1);
    CHECK(now["lost"][0]["pod"] == "training/other");
    expect_words(now["lost"][0]["problem"]["what"], {"is gone"});
    expect_words(now["lost"][0]["problem"]["remedy"], {"macvlan-rdma gc"});
  }
  SECTION("and a journal that says nothing, by its name") {
    const std::string file = std::string(kStateDir) + "/" + std::string(32, 'a') + ".json";
    put_file(file, "{", 0600);
    const json now = inspect_json();
    CHECK(now["healthy"] == false);
    CHECK(now["pods"].size() == 2);
    REQUIRE(now["problems"].size() == 1);
    expect_words(now["problems"][0]["what"], {file});
  }
}

TEST_CASE("inspect leaves a call alone that is under way", "[inspect]") {
  PodWorld world(1);
  const FakeIpam ipam;
  ipam.hang();
  world.use(ipam);
  Process add(
      make_command(world.make_call("ADD", "net1", rail_config_with(1, {{"type", "fake"}}))));
  REQUIRE(eventually([&] { return !ipam.calls().empty(); }));
  const json nic = only_nic(inspect_json());
  CHECK(nic["busy"] == true);
  CHECK(nic["healthy"] == true);
  add.signal(SIGTERM);
  CHECK(make_answer(add.wait()).code() == 110);
}

TEST_CASE("inspect tells of an ADD that was killed", "[inspect]") {
  PodWorld world(1);
  const FakeIpam ipam;
  ipam.script("ADD", "kill -9 $PPID");
  world.use(ipam);
  REQUIRE(
      run_plugin(world.make_call("ADD", "net1", rail_config_with(1, {{"type", "fake"}}))).status ==
      -SIGKILL);
  const json nic = only_nic(inspect_json());
  expect_words(problems_of(nic), {"has not ended well"});
}

TEST_CASE("inspect draws a picture", "[inspect]") {
  const PodWithNic world;
  const Output output = inspect({"--dot"});
  CHECK(output.status == 0);
  expect_words(output.out, {"digraph", rail_master(1), rail_address(1), rail_gateway(1),
                            "training/pod", "\"master " + rail_master(1) + "\" -> \"pod0 net1\""});
}

TEST_CASE("inspect says what is wrong with what it was asked for", "[inspect]") {
  const PodWithNic world;
  const auto expect = [&](const std::vector<std::string>& options, int status,
                          const std::vector<std::string>& words) {
    const Output output = inspect(options);
    INFO(output.out << output.err);
    CHECK(output.status == status);
    CHECK(output.out.empty());
    expect_words(output.err, words);
  };
  expect({"--netns", "/etc/passwd"}, 1, {"/etc/passwd", "not a network namespace"});
  expect({"--netns", "/run/netns/none"}, 1, {"/run/netns/none", "No such file"});
  expect({"--netns", "/proc/self/ns/net"}, 1, {"the node's own"});
  expect({"--pid", "4194304"}, 1, {"no process 4194304"});
  expect({"--pid", "one"}, 2, {"\"one\""});
  expect({"--pid", "-1"}, 2, {"number of a process"});
  expect({"--pid", "1", "--all"}, 2, {"exclude each other"});
  expect({"--json", "--dot"}, 2, {"exclude each other"});
  expect({"--state-dir", "run"}, 2, {"\"run\"", "absolute"});
  expect({"--state-dir", "/none"}, 1, {"/none", "no such directory"});
}

TEST_CASE("inspect shows a pod that has no NIC of ours", "[inspect]") {
  const OnePod world;
  const Output output = inspect({"--netns", world.pod.netns, "--state-dir", "/run"});
  CHECK(output.status == 0);
  expect_words(output.out, {world.pod.netns, "no NIC of ours"});
}
