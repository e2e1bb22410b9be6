// SPDX-License-Identifier: Apache-2.0
/// \file
/// What a pod has once for all of its NICs: which destinations stay on the overlay NIC, who asks
/// for them, who repairs them, and under which numbers.
#include <algorithm>

#include "support/catch.hpp"
#include "support/routing_lines.hpp"
#include "support/routing_world.hpp"
#include "support/shell.hpp"

using namespace mvr::test;

namespace {

/// What the plugin has added to main by eth0, as destinations.
Lines kept_on_overlay() {
  Lines lines = routes_by("eth0", "pod", kMainTable);
  std::erase_if(lines, [](const std::string& line) { return !line.ends_with(" ours"); });
  for (std::string& line : lines) {
    CHECK(line.ends_with(" via 169.254.1.1 dev eth0 src 10.233.119.164 ours"));
    line.erase(line.find(' '));
  }
  return lines;
}

/// With nothing kept on the overlay NIC but what the patch asks for.
json only(json patch) {
  for (const char* key : {"overlayPodCIDR", "serviceCIDR", "hijackCIDR", "hostAddresses"}) {
    patch.emplace(key, json::array());
  }
  return patch;
}

}  // namespace

TEST_CASE("the node's own addresses stay on the overlay NIC", "[overlay]") {
  PodWorld world;
  ip({"addr", "add", "172.16.11.5/24", "dev", rail_master(1)});
  ip({"addr", "add", "10.1.20.5/16", "dev", kNodeNic});
  ip({"addr", "add", "10.9.9.9/32", "dev", "lo"});
  world.look();
  const auto [patch, kept] = GENERATE(table<json, Lines>(
      {{only({{"hostAddresses", "auto"}}), Lines{"10.1.20.4", "10.1.20.5", "172.16.11.5"}},
       {only({{"hostAddresses", {"10.1.20.4", "192.0.2.1"}}}), Lines{"10.1.20.4", "192.0.2.1"}},
       {only({{"hostAddresses", json::array()}}), Lines{}}}));
  REQUIRE(failure(world.add(1, patch)) == "");
  CHECK(kept_on_overlay() == kept);
  CHECK(failure(world.check(1)) == "");
  REQUIRE(failure(world.del(1)) == "");
  CHECK(world.changes() == "");
}

TEST_CASE("each list of destinations is kept on the overlay NIC", "[overlay]") {
  PodWorld world;
  const auto [patch, kept] = GENERATE(table<json, Lines>(
      {{{{"hijackCIDR", json::array()}}, {"10.1.20.4", "10.233.0.0/18", "10.233.64.0/18"}},
       {only({{"hijackCIDR", {"192.0.2.0/24", "198.51.100.7/32"}}}),
        {"192.0.2.0/24", "198.51.100.7"}},
       {only({{"serviceCIDR", {"10.96.0.0/12", "10.233.0.0/18"}}}),
        {"10.96.0.0/12", "10.233.0.0/18"}},
       {only({{"overlayPodCIDR", {"10.233.64.0/18", "10.244.0.0/16"}}}),
        {"10.233.64.0/18", "10.244.0.0/16"}},
       {only({{"serviceCIDR", {"10.96.0.0/12"}}, {"hijackCIDR", {"10.96.0.0/12"}}}),
        {"10.96.0.0/12"}}}));
  REQUIRE(failure(world.add(1, patch)) == "");
  CHECK(kept_on_overlay() == kept);
  CHECK(failure(world.check(1)) == "");
  REQUIRE(failure(world.del(1)) == "");
  CHECK(world.changes() == "");
}

TEST_CASE("the pod has what any of its NICs asks for", "[overlay]") {
  PodWorld world(2);
  REQUIRE(failure(world.add(1, only({{"serviceCIDR", {"10.233.0.0/18"}}}))) == "");
  REQUIRE(failure(world.add(2, only({{"serviceCIDR", {"10.96.0.0/12"}}}))) == "");
  const Lines both{"10.96.0.0/12", "10.233.0.0/18"};
  CHECK(kept_on_overlay() == both);
  CHECK(failure(world.check(1)) == "");
  CHECK(failure(world.check(2)) == "");
  REQUIRE(failure(world.del(1)) == "");
  CHECK(kept_on_overlay() == both);
  CHECK(failure(world.check(2)) == "");
  REQUIRE(failure(world.del(2)) == "");
  CHECK(world.changes() == "");
}

TEST_CASE("a NIC that fails takes back what it alone has asked for", "[overlay]") {
  PodWorld world(2);
  REQUIRE(failure(world.add(1)) == "");
  world.look();
  Scenario::silence_gateway(2);
  const Answer added =
      world.add(2, {{"serviceCIDR", {"10.96.0.0/12"}}, {"gatewayProbe", {{"interval", "10ms"}}}});
  CHECK(added.code() == 104);
  CHECK(world.changes() == "");
  CHECK(failure(world.check(1)) == "");
}

TEST_CASE("the next NIC repairs what was removed", "[overlay]") {
  PodWorld world(2);
  REQUIRE(failure(world.add(1)) == "");
  const Lines main = routes("pod", kMainTable);
  const Lines table = routes("pod", 100);
  Lines all_rules = rules("pod");
  SECTION("a cluster route") {
    ip({"-n", "pod", "route", "del", "10.233.0.0/18"});
  }
  SECTION("a cluster route that was changed") {
    ip_batch("pod",
             "route del 10.233.0.0/18\n"
             "route add 10.233.0.0/18 via 169.254.1.1 dev eth0 protocol 216\n");
  }
  SECTION("a route of the overlay's table") {
    ip({"-n", "pod", "route", "del", "default", "table", "100"});
  }
  SECTION("the overlay's table") {
    ip({"-n", "pod", "route", "flush", "table", "100"});
  }
  SECTION("a rule") {
    ip({"-n", "pod", "rule", "del", "pref", "32100", "oif", "eth0"});
  }
  SECTION("a rule that was moved") {
    ip_batch("pod",
             "rule del pref 32100 oif eth0\n"
             "rule add pref 30000 oif eth0 table 100 protocol 216\n");
  }
  const Answer damaged = world.check(1);
  CHECK(damaged.code() == 109);
  REQUIRE(failure(world.add(2)) == "");
  CHECK(failure(world.check(1)) == "");
  CHECK(routes("pod", 100) == table);
  Lines main_again = routes("pod", kMainTable);
  std::erase_if(main_again,
                [](const std::string& line) { return line.find("net2") != std::string::npos; });
  CHECK(main_again == main);
  all_rules = all_rules + Lines{"32102: from 172.16.12.10 lookup 102 ours",
                                "32102: from all oif net2 lookup 102 ours"};
  CHECK(rules("pod") == all_rules);
}

TEST_CASE("tables and priorities start where the configuration says", "[overlay]") {
  PodWorld world;
  REQUIRE(failure(world.add(1, {{"routeTableBase", 5000}, {"rulePriorityBase", 1000}})) == "");
  CHECK(rules("pod") == Lines{"6000: from 10.233.119.164 lookup 5000 ours",
                              "6000: from all oif eth0 lookup 5000 ours",
                              "6001: from 172.16.11.10 lookup 5001 ours",
                              "6001: from all oif net1 lookup 5001 ours"});
  CHECK(routes("pod", 5000) ==
        Lines{"default via 169.254.1.1 dev eth0 ours", "169.254.1.1 dev eth0 scope link ours"});
  CHECK(routes("pod", 5001) == Lines{"default via 172.16.11.254 dev net1 ours",
                                     "172.16.11.0/24 dev net1 scope link src 172.16.11.10 ours"});
  CHECK(routes_by("net1", "pod", kMainTable) ==
        Lines{"172.16.11.0/24 dev net1 scope link src 172.16.11.10 metric 5001 kernel"});
  CHECK(routes("pod", 100).empty());
  CHECK(failure(world.check(1)) == "");
  REQUIRE(failure(world.del(1)) == "");
  CHECK(world.changes() == "");
}

TEST_CASE("a table of its own and names that count nothing", "[overlay]") {
  PodWorld world(3);
  REQUIRE(failure(world.add("rail-a", rail_config(1))) == "");
  REQUIRE(failure(world.add("net0", rail_config(2))) == "");
  json config = rail_config(3);
  config["routeTable"] = 600;
  REQUIRE(failure(world.add("net1", config)) == "");
  const Lines all = rules("pod");
  CHECK(Lines(all.begin() + 2, all.end()) == Lines{"32165: from 172.16.11.10 lookup 165 ours",
                                                   "32165: from all oif rail-a lookup 165 ours",
                                                   "32166: from 172.16.12.10 lookup 166 ours",
                                                   "32166: from all oif net0 lookup 166 ours",
                                                   "32600: from 172.16.13.10 lookup 600 ours",
                                                   "32600: from all oif net1 lookup 600 ours"});
}

TEST_CASE("two rails share a subnet", "[overlay]") {
  PodWorld world(2);
  ip({"-n", kGateways, "addr", "add", "172.16.11.253/32", "dev", rail_gateway_nic(2)});
  json second = rail_config(1);
  second["name"] = "gpu2-macvlan";
  second["master"] = rail_master(2);
  auto& range = second["ipam"]["ranges"][0][0];
  range["rangeStart"] = "172.16.11.20";
  range["gateway"] = "172.16.11.253";
  REQUIRE(failure(world.add(1)) == "");
  REQUIRE(failure(world.add("net2", second)) == "");
  CHECK(routes_by("net1", "pod", kMainTable) + routes_by("net2", "pod", kMainTable) ==
        Lines{"172.16.11.0/24 dev net1 scope link src 172.16.11.10 metric 101 kernel",
              "172.16.11.0/24 dev net2 scope link src 172.16.11.20 metric 102 kernel"});
  CHECK(routes("pod", 101) == Lines{"default via 172.16.11.254 dev net1 ours",
                                    "172.16.11.0/24 dev net1 scope link src 172.16.11.10 ours"});
  CHECK(routes("pod", 102) == Lines{"default via 172.16.11.253 dev net2 ours",
                                    "172.16.11.0/24 dev net2 scope link src 172.16.11.20 ours"});
  CHECK(failure(world.check(1)) == "");
  CHECK(failure(world.check(2)) == "");
  REQUIRE(failure(world.del(1)) == "");
  CHECK(failure(world.check(2)) == "");
  REQUIRE(failure(world.del(2)) == "");
  CHECK(world.changes() == "");
}
