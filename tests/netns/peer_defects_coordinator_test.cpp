// SPDX-License-Identifier: Apache-2.0
// Defects that Spiderpool's coordinator, its probes and device plugins are known for, and that we
// do not share.
#include <algorithm>
#include <map>
#include <set>

#include "support/capture.hpp"
#include "support/catch.hpp"
#include "support/ipam_scripts.hpp"
#include "support/link_state.hpp"
#include "support/namespaces.hpp"
#include "support/peer_rig.hpp"
#include "support/refusal.hpp"
#include "support/routing_lines.hpp"
#include "support/traffic.hpp"
#include "support/world.hpp"

using namespace mvr::test;

namespace {

/// The tables of a pod's NICs, by the interface that leads to each.
std::map<std::string, std::string> tables_of(const std::string& netns) {
  std::map<std::string, std::string> result;
  for (const json& rule : ip_json(netns, {"-4", "rule", "show"})) {
    if (rule.contains("oif")) {
      CHECK(result.emplace(rule.at("oif"), rule.at("table")).second);
    }
  }
  return result;
}

/// Neighbour entries that would outlive whom they are about.
std::size_t count_permanent(const std::string& netns) {
  return ip_json(netns, {"neigh", "show", "nud", "permanent"}).size();
}

}  // namespace

TEST_CASE("coordinator's defect: tables do not collide after NICs come and go", "[peer][defects]") {
  Scenario scenario({.rails = 4});
  Runtime runtime(scenario.add_pod("pod"));
  for (int n = 1; n <= 3; ++n) {
    REQUIRE(runtime.add(n).ok());
  }
  REQUIRE(runtime.del(2).ok());
  CHECK(tables_of("pod") ==
        std::map<std::string, std::string>{{"eth0", "100"}, {"net1", "101"}, {"net3", "103"}});
  CHECK(routes("pod", 102).empty());
  // Three NICs are left with eth0; a table by their number would be net3's.
  REQUIRE(runtime.add("net9", rail_config(4)).ok());
  REQUIRE(runtime.add(2).ok());
  CHECK(tables_of("pod") ==
        std::map<std::string, std::string>{
            {"eth0", "100"}, {"net1", "101"}, {"net2", "102"}, {"net3", "103"}, {"net9", "109"}});
  for (const char* nic : {"net1", "net2", "net3", "net9"}) {
    const Answer checked = runtime.check(nic);
    INFO(checked);
    CHECK(checked.ok());
  }
  for (int n = 1; n <= 3; ++n) {
    const std::string nic = "net" + std::to_string(n);
    const std::string address = addresses("pod", nic).at(0);
    CHECK(routes("pod", 100U + static_cast<unsigned>(n)) ==
          Lines{"default via " + rail_gateway(n) + " dev " + nic + " ours",
                rail_subnet(n) + " dev " + nic + " scope link src " +
                    address.substr(0, address.find('/')) + " ours"});
  }
}

TEST_CASE("coordinator's defect: rules do not multiply when a pod is tried again",
          "[peer][defects]") {
  Scenario scenario({.rails = 2});
  Runtime runtime(scenario.add_pod("pod"));
  REQUIRE(runtime.add(1).ok());
  const json before = snapshot("pod");
  Scenario::silence_gateway(2);
  const json quick{{"gatewayProbe", {{"attempts", 2}, {"interval", "10ms"}}}};
  for (int i = 0; i < 3; ++i) {
    CHECK(runtime.add(2, quick).code() == 104);
    CHECK(difference(before, snapshot("pod")) == "");
  }
  Scenario::wake_gateway(2);
  REQUIRE(runtime.add(2, quick).ok());
  const Lines all = rules("pod");
  CHECK(std::set<std::string>(all.begin(), all.end()).size() == all.size());
  CHECK(all.size() == 6);
}

TEST_CASE("coordinator's defect: the first NIC's table is like the second's", "[peer][defects]") {
  Scenario scenario({.rails = 2});
  Runtime runtime(scenario.add_pod("pod"));
  REQUIRE(runtime.add(1).ok());
  REQUIRE(runtime.add(2).ok());
  CHECK(routes("pod", 101) == Lines{"default via 172.16.11.254 dev net1 ours",
                                    "172.16.11.0/24 dev net1 scope link src 172.16.11.10 ours"});
  CHECK(routes("pod", 102) == Lines{"default via 172.16.12.254 dev net2 ours",
                                    "172.16.12.0/24 dev net2 scope link src 172.16.12.10 ours"});
  const auto attributes = [](int table) {
    json routes = ip_json("pod", {"-4", "route", "show", "table", std::to_string(table)});
    for (json& route : routes) {
      for (const char* key : {"dst", "gateway", "dev", "prefsrc", "table"}) {
        route.erase(key);
      }
    }
    return routes;
  };
  CHECK(attributes(101) == attributes(102));
}

TEST_CASE("coordinator's defect: neither ADD nor DEL needs anybody else", "[peer][defects]") {
  Scenario scenario({.rails = 1});
  const Pod pod = scenario.add_pod("pod");
  const FakeIpam ipam;
  ipam.answer_address(rail_address(1) + "/24", rail_gateway(1));
  const json before = snapshot_world({"pod"});
  // In this world nothing listens anywhere: no agent, no API server.
  Call call = Runtime(pod).call("ADD", "net1", rail_config(1));
  call.config["ipam"] = ipam.section();
  call.cni_path = ipam.dir();
  call.env = {{"KUBERNETES_SERVICE_HOST", "10.233.0.1"}, {"KUBECONFIG", "/nowhere"}};
  CHECK(run_plugin(call).ok());
  call.verb = "DEL";
  CHECK(run_plugin(call).ok());
  CHECK(difference(before, snapshot_world({"pod"})) == "");
}

TEST_CASE("coordinator's defect: the queue length is the NIC's, not that of a link in the node",
          "[peer][defects]") {
  Scenario scenario({.rails = 1});
  Runtime runtime(scenario.add_pod("pod"));
  ip_batch("", "link add net1 type veth peer name innocent\n");
  REQUIRE(runtime.add(1, {{"txQueueLen", 4321}}).ok());
  CHECK(read_link("pod", "net1").at("txqlen") == 4321);
  CHECK(read_link("", "net1").at("txqlen") == 1000);
  CHECK(read_link("", rail_master(1)).at("txqlen") == 1000);
}

TEST_CASE("coordinator's defect: no permanent neighbours and no rules of the node",
          "[peer][defects]") {
  Scenario scenario({.rails = 2});
  Runtime runtime(scenario.add_pod("pod"));
  const json node = ip_json("", {"rule", "show"});
  const json routes = snapshot("").at("routes");
  REQUIRE(runtime.add(1).ok());
  REQUIRE(runtime.add(2).ok());
  CHECK(count_permanent("pod") == 0);
  CHECK(count_permanent("") == 0);
  CHECK(ip_json("", {"rule", "show"}) == node);
  CHECK(snapshot("").at("routes") == routes);
  CHECK(runtime.del(2).ok());
  CHECK(runtime.del(1).ok());
  CHECK(ip_json("", {"rule", "show"}) == node);
  CHECK(count_permanent("") == 0);
}

TEST_CASE("coordinator's defect: the result has the MAC address that the NIC really has",
          "[peer][defects]") {
  Scenario scenario({.rails = 1});
  Runtime runtime(scenario.add_pod("pod"));
  const auto mode = GENERATE("bridge", "passthru");
  const Answer added = runtime.add(1, {{"mode", mode}});
  INFO(added);
  REQUIRE(added.ok());
  CHECK(added.body.at("interfaces").at(0).at("mac") == read_link("pod", "net1").at("address"));
}

TEST_CASE("Spiderpool's probes: every attempt is really sent, at its time", "[peer][defects]") {
  Scenario scenario({.rails = 1});
  Runtime runtime(scenario.add_pod("pod"));
  Scenario::silence_gateway(1);
  Capture capture(kGateways, rail_gateway_nic(1));
  const auto start = std::chrono::steady_clock::now();
  const Answer answer = runtime.add(1, {{"gatewayProbe", {{"attempts", 4}, {"interval", "50ms"}}}});
  CHECK(std::chrono::steady_clock::now() - start >= std::chrono::milliseconds(200));
  expect_words(answer.message(), {"4 ARP requests in"});
  CHECK(capture.count([](const Frame& frame) {
    return frame.is_arp_request() && frame.arp.sender_ip == rail_address(1) &&
           frame.arp.target_ip == rail_gateway(1);
  }) == 4);
}

TEST_CASE("Spiderpool's probes: nothing is said for other NICs' addresses", "[peer][defects]") {
  Scenario scenario({.rails = 2});
  const Pod pod = scenario.add_pod("pod");
  Runtime runtime(pod);
  Capture first(kGateways, rail_gateway_nic(1));
  Capture second(kGateways, rail_gateway_nic(2));
  REQUIRE(runtime.add(1).ok());
  REQUIRE(runtime.add(2).ok());
  for (int n = 1; n <= 2; ++n) {
    Capture& capture = n == 1 ? first : second;
    CHECK(capture.count([n](const Frame& frame) {
      const bool is_probe =
          frame.arp.sender_ip == "0.0.0.0" && frame.arp.target_ip == rail_address(n);
      return frame.ethertype == 0x0806 && !frame.outgoing && !is_probe &&
             frame.arp.sender_ip != rail_address(n);
    }) == 0);
  }
}

TEST_CASE("Spiderpool's probes: one failure gives back this NIC's address alone",
          "[peer][defects]") {
  Scenario scenario({.rails = 3});
  Runtime runtime(scenario.add_pod("pod"));
  REQUIRE(runtime.add(1).ok());
  REQUIRE(runtime.add(2).ok());
  const json leases = snapshot_leases();
  CHECK(leases.size() == 2);
  Scenario::silence_gateway(3);
  CHECK(runtime.add(3, {{"gatewayProbe", {{"attempts", 1}, {"interval", "10ms"}}}}).code() == 104);
  CHECK(snapshot_leases() == leases);
  CHECK(read_links("pod") == Lines{"eth0", "lo", "net1", "net2"});
  CHECK(runtime.check(1).ok());
  CHECK(runtime.check(2).ok());
}

TEST_CASE(
    "upstream's newest layout: eth0's address keeps its rule, so its replies do not leave "
    "by a rail",
    "[peer][defects]") {
  Scenario scenario({.rails = 1});
  const Pod pod = scenario.add_pod("pod");
  Runtime runtime(pod);
  REQUIRE(runtime.add(1).ok());
  // A client with an address of the rail's subnet that asks eth0's address by way of the node.
  ip_batch(kOutside, "addr add 172.16.11.99/32 dev lo\n");
  ip_batch("", "route add 172.16.11.99/32 via 10.1.0.1\n");
  Capture rail("pod", "net1");
  const UdpSocket server("pod", {.address = pod.address});
  const UdpSocket client(kOutside, {.address = "172.16.11.99"});
  const auto is_astray = [&](const Frame& frame) {
    return frame.outgoing && (frame.ip.src == pod.address || frame.arp.target_ip == "172.16.11.99");
  };
  CHECK(exchange(client, server, pod.address));
  CHECK(rail.count(is_astray) == 0);
  // Without the rule the rail would get the reply.
  ip({"-n", "pod", "rule", "del", "from", pod.address, "lookup", "100"});
  CHECK(server.send("172.16.11.99", client.port(), "astray") == 0);
  CHECK(rail.wait_for(is_astray));
}

TEST_CASE("shared device plugin: ids that are plain numbers say nothing, and are ignored",
          "[peer][defects]") {
  Scenario scenario({.rails = 1});
  Runtime runtime(scenario.add_pod("pod"));
  const auto id = GENERATE("0", "7", "999");
  SECTION("beside a master") {
    const Answer added = runtime.add(1, {{"deviceID", id}, {"pciBusID", id}});
    INFO(added);
    REQUIRE(added.ok());
    CHECK(lies_on(read_link("pod", "net1"), rail_master(1)));
    CHECK(added.err.find("level=warn") == std::string::npos);
    CHECK(runtime.del(1).ok());
  }
  SECTION("without one, the default route's interface is taken") {
    const Answer added = runtime.add(1, {{"deviceID", id}, {"master", nullptr}, {"ipam", nullptr}});
    INFO(added);
    REQUIRE(added.ok());
    CHECK(lies_on(read_link("pod", "net1"), kNodeNic));
  }
}
