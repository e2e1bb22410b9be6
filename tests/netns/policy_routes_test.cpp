// SPDX-License-Identifier: Apache-2.0
/// \file
/// `policyRoutes`: more routes for the NIC's own table.
#include <algorithm>

#include "support/capture.hpp"
#include "support/catch.hpp"
#include "support/namespaces.hpp"
#include "support/routing_lines.hpp"
#include "support/routing_world.hpp"
#include "support/scenario_v6.hpp"
#include "support/shell.hpp"
#include "support/traffic.hpp"

using namespace mvr::test;

namespace {

const std::string kDefault = "default via 172.16.11.254 dev net1 ours";
const std::string kConnected = "172.16.11.0/24 dev net1 scope link src 172.16.11.10 ours";
const std::string kInMain = "172.16.11.0/24 dev net1 scope link src 172.16.11.10 metric 101 kernel";

json policy(const std::vector<std::pair<std::string, std::string>>& routes) {
  json list = json::array();
  for (const auto& [dst, gateway] : routes) {
    list.push_back({{"dst", dst}, {"gw", gateway}});
  }
  return {{"policyRoutes", list}};
}

/// Whom a socket bound to the address asks for when it sends to a destination.
bool asks_for(const std::string& gateway, const std::string& from, const std::string& to) {
  Capture rail("pod", "net1");
  const UdpSocket socket("pod", {.address = from});
  CHECK(socket.send(to, 9, "?") == 0);
  return rail.wait_for([&](const Frame& frame) {
    return frame.outgoing && frame.is_arp_request() && frame.arp.target_ip == gateway;
  });
}

}  // namespace

TEST_CASE("policyRoutes are in the NIC's table and nowhere else", "[policy]") {
  PodWorld world(1);
  const Answer added = world.add(1, policy({{"10.9.0.0/16", "172.16.11.253"},
                                            {"10.8.0.0/16", "10.99.0.1"},
                                            {"10.233.7.0/24", "172.16.11.253"},
                                            {"10.7.7.7/32", "172.16.11.254"}}));
  REQUIRE(failure(added) == "");
  CHECK(added.err.find("level=warn") == std::string::npos);
  CHECK_FALSE(added.body.contains("routes"));
  CHECK(routes("pod", 101) == Lines{kDefault, "10.7.7.7 via 172.16.11.254 dev net1 ours",
                                    "10.8.0.0/16 via 10.99.0.1 dev net1 onlink ours",
                                    "10.9.0.0/16 via 172.16.11.253 dev net1 ours",
                                    "10.233.7.0/24 via 172.16.11.253 dev net1 ours", kConnected});
  CHECK(routes("pod", kMainTable) == calico_main() + Lines{kInMain});
  CHECK(failure(world.check(1)) == "");
  CHECK(asks_for("172.16.11.253", rail_address(1), "10.9.1.1"));
  CHECK(asks_for("10.99.0.1", rail_address(1), "10.8.1.1"));
  Capture rail("pod", "net1");
  Capture by_eth0("pod", "eth0");
  CHECK(UdpSocket("pod").send("10.9.1.2", 9, "?") == 0);
  CHECK(by_eth0.wait_for([](const Frame& frame) { return frame.ip.dst == "10.9.1.2"; }));
  CHECK(rail.count([](const Frame& frame) { return frame.ip.dst == "10.9.1.2"; }) == 0);

  ip({"-n", "pod", "route", "del", "10.9.0.0/16", "table", "101"});
  const Answer damaged = world.check(1);
  CHECK(damaged.code() == 109);
  CHECK(names(damaged.message(), {"10.9.0.0/16 via 172.16.11.253 dev net1 table 101"}));
  REQUIRE(failure(world.del(1)) == "");
  CHECK(world.changes() == "");
}

TEST_CASE("what policyRoutes leads through a gateway arrives, and the answer comes back",
          "[policy]") {
  // IPAM gives no gateway, so there is no other way.
  PodWorld world(1);
  ip_batch(kGateways,
           "addr add 172.16.11.253/24 dev gw1\n"
           "addr add 203.0.113.1/32 dev lo\n");
  put_sysctl(kGateways, "ipv4/ip_forward", "0");
  const FakeIpam ipam;
  ipam.answer_address("172.16.11.10/24", "");
  world.use(ipam);
  json patch = policy({{"203.0.113.0/24", "172.16.11.253"}});
  patch["ipam"] = ipam.section();
  REQUIRE(failure(world.add(1, patch)) == "");
  const UdpSocket client("pod", {.address = rail_address(1)});
  const UdpSocket server(kGateways, {.address = "203.0.113.1"});
  CHECK(exchange(client, server, "203.0.113.1"));
  CHECK(client.send("203.0.114.1", 9, "?") != 0);  // the wall
}

TEST_CASE("policyRoutes come before what IPAM says, with a warning", "[policy]") {
  PodWorld world(1);
  json config = rail_config(1);
  config.update(policy({{"10.50.0.0/16", "172.16.11.253"}, {"10.60.0.0/16", "172.16.11.254"}}));
  config["ipam"]["routes"] = {{{"dst", "10.50.0.0/16"}}, {{"dst", "10.60.0.0/16"}}};
  const Answer added = world.add("net1", config);
  REQUIRE(failure(added) == "");
  CHECK(names(added.err, {"level=warn", "10.50.0.0/16", "table 101", "left out"}));
  CHECK(added.err.find("10.60.0.0/16") == std::string::npos);
  CHECK(routes("pod", 101) == Lines{kDefault, "10.50.0.0/16 via 172.16.11.253 dev net1 ours",
                                    "10.60.0.0/16 via 172.16.11.254 dev net1 ours", kConnected});
  CHECK(routes_by("net1", "pod", kMainTable) ==
        Lines{"10.50.0.0/16 via 172.16.11.254 dev net1 metric 101 ours",
              "10.60.0.0/16 via 172.16.11.254 dev net1 metric 101 ours", kInMain});
  CHECK(failure(world.check(1)) == "");
  REQUIRE(failure(world.del(1)) == "");
  CHECK(world.changes() == "");
}

TEST_CASE("policyRoutes that cannot be are left out, with a warning", "[policy]") {
  PodWorld world(1);
  const auto [patch, words] = GENERATE(table<json, Lines>({
      {policy({{"fd00:9::/32", "fe80::1"}}), {"policyRoutes", "fd00:9::/32", "family"}},
      {policy({{"172.16.11.0/24", "172.16.11.253"}}), {"172.16.11.0/24", "left out"}},
  }));
  const Answer added = world.add(1, patch);
  REQUIRE(failure(added) == "");
  CHECK(names(added.err, Lines{"level=warn"} + words));
  CHECK(routes("pod", 101) == Lines{kDefault, kConnected});
  CHECK(ip_json("pod", {"-6", "route", "show", "table", "all", "dev", "net1", "protocol", "216"})
            .empty());
  CHECK(failure(world.check(1)) == "");
  REQUIRE(failure(world.del(1)) == "");
  CHECK(world.changes() == "");
}

TEST_CASE("a gateway of policyRoutes that is the NIC itself is refused", "[policy]") {
  PodWorld world(1);
  const FakeIpam ipam;
  ipam.answer_address("172.16.11.10/24", "172.16.11.254");
  world.use(ipam);
  json patch = policy({{"10.9.0.0/16", "172.16.11.10"}});
  patch["ipam"] = ipam.section();
  const Answer added = world.add(1, patch);
  CHECK(added.code() == 7);
  CHECK(names(added.message(), {"policyRoutes", "172.16.11.10", "10.9.0.0/16"}));
  CHECK(ipam.calls() == Lines{"ADD", "DEL"});
  CHECK(world.changes() == "");
}

TEST_CASE("in a pod without overlay NIC only the second NIC has a table for them", "[policy]") {
  PodWorld world(2, Overlay::none);
  const Answer first = world.add(1, policy({{"10.9.0.0/16", "172.16.11.253"}}));
  REQUIRE(failure(first) == "");
  CHECK(names(first.err, {"level=warn", "policyRoutes", "no table of its own"}));
  CHECK(routes_by("net1", "pod", kMainTable) ==
        Lines{kDefault, "172.16.11.0/24 dev net1 scope link src 172.16.11.10 kernel"});
  const Answer second = world.add(2, policy({{"10.9.0.0/16", "172.16.12.253"}}));
  REQUIRE(failure(second) == "");
  CHECK(second.err.find("level=warn") == std::string::npos);
  CHECK(routes("pod", 102) == Lines{"default via 172.16.12.254 dev net2 ours",
                                    "10.9.0.0/16 via 172.16.12.253 dev net2 ours",
                                    "172.16.12.0/24 dev net2 scope link src 172.16.12.10 ours"});
  for (const int n : {1, 2}) {
    CHECK(failure(world.check(n)) == "");
  }
  for (const int n : {1, 2}) {
    REQUIRE(failure(world.del(n)) == "");
  }
  CHECK(world.changes() == "");
}

TEST_CASE("policyRoutes of both families", "[policy][v6]") {
  PodWorld world(1, Overlay::calico, Families::dual);
  json config = rail_config_of(Families::dual, 1);
  config.update(policy({{"10.9.0.0/16", "172.16.11.253"},
                        {"fd00:9::/32", kRailGatewayLinkLocal},
                        {"fd00:192::/64", rail_gateway6(1)},
                        {"fd00:8::/32", "fd00:99::1"}}));
  REQUIRE(failure(world.add("net1", config)) == "");
  CHECK(routes("pod", 101) ==
        Lines{kDefault, "10.9.0.0/16 via 172.16.11.253 dev net1 ours", kConnected});
  Lines added;
  for (const std::string& line : routes("pod", 101, "-6")) {
    if (line.starts_with("fd00:9::") || line.starts_with("fd00:192") ||
        line.starts_with("fd00:8::")) {
      added.push_back(line);
    }
  }
  std::sort(added.begin(), added.end());
  CHECK(added == Lines{"fd00:192::/64 via fd00:172:11::fe dev net1 metric 1024 ours",
                       "fd00:8::/32 via fd00:99::1 dev net1 metric 1024 onlink ours",
                       "fd00:9::/32 via fe80::fe dev net1 metric 1024 ours"});
  CHECK(failure(world.check(1)) == "");
  const UdpSocket client("pod", {.address = rail_address6(1)});
  const UdpSocket server(kFar, {.address = kFarAddress6});
  CHECK(exchange(client, server, kFarAddress6));
  REQUIRE(failure(world.del(1)) == "");
  CHECK(world.changes() == "");
}
