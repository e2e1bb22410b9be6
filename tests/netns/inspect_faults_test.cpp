// SPDX-License-Identifier: Apache-2.0
/// \file
/// What `macvlan-rdma inspect` says of what others have done to a pod, its masters, the journals.
#include <sys/stat.h>

#include <chrono>
#include <filesystem>

#include "support/catch.hpp"
#include "support/inspecting.hpp"
#include "support/namespaces.hpp"
#include "support/refusal.hpp"
#include "support/routing_world.hpp"
#include "support/scenario_v6.hpp"

using namespace mvr::test;

namespace {

json only_pod(const json& document) {
  REQUIRE(document["pods"].size() == 1);
  return document["pods"][0];
}

/// Does what a remedy says.
void follow(const json& pod) {
  std::string remedy = pod["problems"].at(0)["remedy"].get<std::string>();
  const std::string before = "in the pod: ";
  REQUIRE(remedy.starts_with(before));
  remedy = remedy.substr(before.size(), remedy.find("; or ") - before.size());
  const Output output = run({.argv = {"sh", "-ec", remedy}, .netns = netns_path("pod")});
  INFO(remedy << '\n' << output.err);
  CHECK(output.status == 0);
}

}  // namespace

TEST_CASE("inspect tells that main's default route has left the cluster's NIC", "[inspect]") {
  const PodWithNic world;
  ip({"-n", "pod", "route", "replace", "default", "via", rail_gateway(1), "dev", "net1"});
  const json document = inspect_json();
  const json pod = only_pod(document);
  CHECK(pod["healthy"] == false);
  CHECK(only_nic(document)["healthy"] == true);
  expect_words(problems_of(pod),
               {"default route", "does not leave by eth0", "via " + rail_gateway(1) + " dev net1"});
  expect_words(inspect().out, {"does not leave by eth0", "1 pod, 1 NIC: 1 problem"});
  follow(pod);
  CHECK(inspect_json()["healthy"] == true);
}

TEST_CASE("inspect tells of a better default route beside the cluster's", "[inspect]") {
  OnePod world({.rails = 2});
  ip({"-n", "pod", "route", "delete", "default"});
  ip({"-n", "pod", "route", "add", "default", "via", world.pod.next_hop, "dev", "eth0", "metric",
      "200"});
  add_or_fail(world.runtime, 1);
  CHECK(inspect_json()["healthy"] == true);
  ip({"-n", "pod", "route", "add", "default", "via", rail_gateway(1), "dev", "net1", "metric",
      "100"});
  const json pod = only_pod(inspect_json());
  expect_words(problems_of(pod), {"does not leave by eth0", "dev net1 metric 100"});
  follow(pod);
  CHECK(inspect_json()["healthy"] == true);
}

TEST_CASE("inspect tells that main has no default route any more", "[inspect]") {
  const PodWithNic world;
  ip({"-n", "pod", "route", "delete", "default"});
  const json pod = only_pod(inspect_json());
  expect_words(problems_of(pod), {"is gone", "by eth0"});
  follow(pod);
  CHECK(inspect_json()["healthy"] == true);
}

TEST_CASE("inspect tells that main's default route leads nowhere", "[inspect]") {
  const PodWithNic world;
  const std::string type = GENERATE("blackhole", "unreachable");
  ip({"-n", "pod", "route", "replace", type, "default"});
  const json pod = only_pod(inspect_json());
  expect_words(problems_of(pod), {"default route leads nowhere", "by eth0"});
  follow(pod);
  CHECK(inspect_json()["healthy"] == true);
}

TEST_CASE("inspect has a remedy for a default route of several ways", "[inspect]") {
  OnePod world({.rails = 2});
  add_or_fail(world.runtime, 1);
  add_or_fail(world.runtime, 2);
  ip({"-n", "pod", "route", "replace", "default", "nexthop", "via", rail_gateway(1), "dev", "net1",
      "nexthop", "via", rail_gateway(2), "dev", "net2"});
  const json pod = only_pod(inspect_json());
  expect_words(problems_of(pod), {"does not leave by eth0", rail_gateway(1), rail_gateway(2)});
  follow(pod);
  CHECK(inspect_json()["healthy"] == true);
}

TEST_CASE("inspect tells that the cluster's NIC is gone", "[inspect]") {
  const PodWithNic world;
  ip({"-n", "pod", "link", "delete", "eth0"});
  const json document = inspect_json();
  CHECK(document["healthy"] == false);
  const json pod = only_pod(document);
  CHECK(pod["overlay"].is_null());
  expect_words(problems_of(pod), {"default route is gone", "by eth0"});
}

TEST_CASE("inspect looks at the default routes of both families", "[inspect]") {
  PodWorld world(1, Overlay::calico, Families::dual);
  REQUIRE(failure(world.add("net1", rail_config_of(Families::dual, 1))) == "");
  CHECK(inspect_json()["healthy"] == true);
  ip({"-n", "pod", "-6", "route", "delete", "default"});
  const json pod = only_pod(inspect_json());
  CHECK(pod["problems"].size() == 1);
  expect_words(problems_of(pod), {"IPv6 default route", "is gone"});
}

TEST_CASE("inspect lets the NIC own main's default route that is to", "[inspect]") {
  const PodWithNic world(json{{"podDefaultRouteNic", "net1"}});
  const json document = inspect_json();
  CHECK(document["healthy"] == true);
  CHECK(only_pod(document)["problems"].empty());
  ip({"-n", "pod", "route", "add", "default", "via", world.pod.next_hop, "dev", "eth0"});
  CHECK(inspect_json()["healthy"] == false);
}

TEST_CASE("inspect lets a default route be that was elsewhere before ADD", "[inspect]") {
  OnePod world({.rails = 2});
  ip({"-n", "pod", "route", "delete", "default"});  // as Multus does for "default-route"
  add_or_fail(world.runtime, 1);
  ip({"-n", "pod", "route", "add", "default", "via", rail_gateway(1), "dev", "net1"});
  CHECK(only_pod(inspect_json())["problems"].empty());
}

TEST_CASE("inspect tells of journals that nobody can believe", "[inspect]") {
  const PodWithNic world;
  const std::string directory(kStateDir);
  SECTION("others can write them") {
    REQUIRE(::chmod(directory.c_str(), 0777) == 0);
  }
  SECTION("their directory is a file") {
    std::filesystem::rename(directory, directory + ".old");
    put_file(directory, "");
  }
  // By the node's defaults: the option itself must name a directory. Not by those of the machine
  // that runs the test.
  const std::string lines = "mount -t tmpfs none /etc\nmkdir /etc/cni\necho '{\"stateDir\": \"" +
                            directory + "\"}' > /etc/cni/macvlan-rdma.json\n" +
                            "exec \"$0\" inspect \"$@\"\n";
  const auto inspect_by_defaults = [&](const std::vector<std::string>& options) {
    std::vector<std::string> argv{"unshare", "--mount", "sh", "-ec", lines, plugin_path()};
    argv.insert(argv.end(), options.begin(), options.end());
    return run({.argv = argv});
  };
  const Output output = inspect_by_defaults({"--json"});
  INFO(output.out << output.err);
  CHECK(output.status == 1);
  const json document = json::parse(output.out);
  REQUIRE(document["problems"].size() == 1);
  expect_words(problems_of(document), {"stateDir " + directory});
  expect_words(document["problems"][0]["remedy"], {"no ADD succeeds"});
  CHECK(document["lost"].empty());
  const json nic = only_nic(document);
  CHECK(nic["name"] == "net1");
  CHECK(nic["problems"].empty());
  CHECK(nic["notes"].size() == 1);
  CHECK(nic["gateways"][0]["state"] == "answers");
  expect_words(inspect_by_defaults({}).out, {"none     unknown"});
}

TEST_CASE("inspect shows the rules of a NIC that is gone", "[inspect]") {
  const PodWithNic world;
  ip({"-n", "pod", "link", "delete", "net1"});
  const json nic = only_nic(inspect_json());
  CHECK(nic["link"].is_null());
  CHECK(nic["master"]["mtu"] == 1500);
  CHECK(nic["rules"].size() == 2);
  CHECK(nic["routes"].empty());
  expect_words(problems_of(nic), {"somebody has removed it"});
}

TEST_CASE("inspect says what the NIC is called now", "[inspect]") {
  const PodWithNic world;
  ip({"-n", "pod", "link", "set", "net1", "down"});
  ip({"-n", "pod", "link", "set", "net1", "name", "rail0"});
  ip({"-n", "pod", "link", "set", "rail0", "up"});
  const json nic = only_nic(inspect_json());
  CHECK(nic["name"] == "net1");
  CHECK(nic["drift"].empty());
  expect_words(problems_of(nic), {"renamed to rail0"});
  CHECK(problems_of(nic).find("removed") == std::string::npos);
}

TEST_CASE("inspect says that a NIC is in another namespace", "[inspect]") {
  const PodWithNic world;
  add_netns("thief");
  ip({"-n", "pod", "link", "set", "net1", "netns", "thief"});
  ip({"-n", "thief", "link", "set", "net1", "up"});
  const json document = inspect_json({"--netns", world.pod.netns});
  expect_words(problems_of(only_nic(document)), {"moved it to another network namespace"});
}

TEST_CASE("inspect says what has become of the master", "[inspect]") {
  const PodWithNic world;
  const std::string master = rail_master(1);
  SECTION("it is gone, and the NIC with it") {
    ip({"link", "delete", master});
    const json nic = only_nic(inspect_json());
    CHECK(nic["master"].is_null());
    expect_words(problems_of(nic), {"went with its master", master + " is not on the node"});
  }
  SECTION("it has come back since") {
    ip({"link", "delete", master});
    ip({"link", "add", master, "type", "veth", "peer", "name", "other"});
    expect_words(problems_of(only_nic(inspect_json())), {master, "made anew"});
  }
  SECTION("it has another name") {
    ip({"link", "set", master, "down"});
    ip({"link", "set", master, "name", "other0"});
    ip({"link", "set", "other0", "up"});
    ip({"-n", kGateways, "link", "set", rail_gateway_nic(1), "up"});
    REQUIRE(eventually([] {
      return ip_json("", {"link", "show", "other0"})[0]["operstate"] == "UP";
    }));
    const json nic = only_nic(inspect_json({"--no-probe"}));
    CHECK(nic["masterName"] == "other0");
    expect_words(problems_of(nic), {"master " + master + " has been renamed to other0"});
    CHECK(nic["problems"].size() == 1);
    CHECK(nic["drift"].empty());
  }
  SECTION("it has left the node") {
    add_netns("thief");
    ip({"link", "set", master, "netns", "thief"});
    const json nic = only_nic(inspect_json({"--netns", world.pod.netns}));
    expect_words(problems_of(nic), {"master " + master, "not in the node's network namespace"});
    CHECK(nic["problems"].size() >= 1);
  }
}

TEST_CASE("inspect does not take another NIC's route for the one that is missing", "[inspect]") {
  OnePod world({.rails = 2});
  add_or_fail(world.runtime, 1);
  add_or_fail(world.runtime, 2);
  ip({"-n", "pod", "route", "add", rail_subnet(1), "dev", "net2", "metric", "102"});
  ip({"-n", "pod", "route", "delete", rail_subnet(1), "dev", "net1", "table", "main"});
  const json pod = only_pod(inspect_json());
  const json& net1 = pod["nics"][0];
  REQUIRE(net1["drift"].size() == 1);
  CHECK(net1["drift"][0]["found"] == "nothing");
}

TEST_CASE("inspect tells once of what a pod's NICs share", "[inspect]") {
  OnePod world({.rails = 3});
  for (int n = 1; n <= 3; ++n) {
    add_or_fail(world.runtime, n);
  }
  ip({"-n", "pod", "route", "delete", "10.233.0.0/18"});
  const json pod = only_pod(inspect_json());
  REQUIRE(pod["drift"].size() == 1);
  expect_words(pod["drift"][0]["wanted"], {"10.233.0.0/18", "dev eth0"});
  CHECK(pod["healthy"] == false);
  for (const json& nic : pod["nics"]) {
    CHECK(nic["drift"].empty());
  }
  expect_words(inspect().out, {"pod  route has changed since ADD", "1 pod, 3 NICs: 1 change"});
}

TEST_CASE("inspect asks all gateways of a pod at once", "[inspect]") {
  OnePod world({.rails = 8});
  for (int n = 1; n <= 8; ++n) {
    add_or_fail(world.runtime, n, n == 1 ? json{{"gatewayProbe", false}} : json::object());
  }
  for (int n = 1; n <= 7; ++n) {
    Scenario::silence_gateway(n);
  }
  const auto start = std::chrono::steady_clock::now();
  const json pod = only_pod(inspect_json());
  const auto elapsed = std::chrono::steady_clock::now() - start;
  for (int n = 1; n <= 8; ++n) {
    const json& nic = pod["nics"][static_cast<std::size_t>(n - 1)];
    CHECK(nic["gateways"][0]["state"] == (n == 8 ? "answers" : "silent"));
    CHECK(nic["healthy"] == (n == 1 || n == 8));
  }
  // One after the other they would have taken seven times 300 ms.
  CHECK(elapsed < std::chrono::milliseconds(1500) * slowness());
}

TEST_CASE("inspect asks a gateway from the address that is near it", "[inspect]") {
  OnePod world({.rails = 1});
  const json ipam{{"type", "static"},
                  {"addresses",
                   {{{"address", "10.99.0.7/24"}},
                    {{"address", rail_address(1) + "/24"}, {"gateway", rail_gateway(1)}}}},
                  {"routes", {{{"dst", "0.0.0.0/0"}}}}};
  REQUIRE(failure(world.runtime.add("net1", rail_config_with(1, ipam))) == "");
  std::filesystem::remove(journal_file());
  const json nic = only_nic(inspect_json());
  REQUIRE(nic["gateways"].size() == 1);
  CHECK(nic["gateways"][0]["source"] == rail_address(1));
  const Output text = inspect();
  const std::size_t line = text.out.find(rail_address(1) + "/24");
  REQUIRE(line != std::string::npos);
  CHECK(text.out.substr(line, text.out.find('\n', line) - line).find(rail_gateway(1)) !=
        std::string::npos);
}

TEST_CASE("inspect puts pods in the order of their names", "[inspect]") {
  Scenario scenario({.rails = 1});
  for (const char* name : {"pod-c", "pod-a", "pod-d", "pod-b"}) {
    const Pod pod = scenario.add_pod(name);
    Runtime runtime(pod, std::string("container-of-") + name);
    add_or_fail(runtime, 1, {{"gatewayProbe", false}});
  }
  const json document = inspect_json({"--no-probe"});
  std::vector<std::string> names;
  for (const json& pod : document["pods"]) {
    names.push_back(pod["pod"]);
  }
  CHECK(names == std::vector<std::string>{"training/pod-a", "training/pod-b", "training/pod-c",
                                          "training/pod-d"});
}
