// SPDX-License-Identifier: Apache-2.0
/// \file
/// An overlay NIC whose default route has two next hops: so has everything that is made of it.
#include <algorithm>

#include "support/capture.hpp"
#include "support/catch.hpp"
#include "support/peer_rig.hpp"
#include "support/routing_world.hpp"
#include "support/scenario_v6.hpp"
#include "support/shell.hpp"
#include "support/traffic.hpp"

using namespace mvr::test;

namespace {

constexpr unsigned kOverlayTable = 100;
const std::string kFirst = "169.254.1.1 dev eth0 weight 1";
const std::string kSecond = "169.254.1.2 dev eth0 weight 3";
constexpr const char* kSecondHop6 = "fe80::ecee:eeff:feee:eeef";
const std::string kFirst6 = std::string(kCalicoNextHop6) + " dev eth0 weight 1";
const std::string kSecond6 = std::string(kSecondHop6) + " dev eth0 weight 3";

/// A pod of Calico with addresses of both families that is told of two ways out.
PodWorld make_world() {
  PodWorld world(2, Overlay::calico, Families::dual);
  ip_batch("",
           std::string("addr add ") + kSecondHop6 + "/64 dev " + world.pod().host_nic + " nodad\n");
  ip_batch("pod",
           "route add 169.254.1.2 dev eth0 scope link\n"
           "route replace default proto static mtu 1450 nexthop via 169.254.1.1 dev eth0 weight 1 "
           "nexthop via 169.254.1.2 dev eth0 weight 3\n");
  ip({"-n", "pod", "-6", "route", "del", "default"});
  ip({"-n",  "pod",           "-6",     "route", "add",    "default", "metric",  "512", "nexthop",
      "via", kCalicoNextHop6, "dev",    "eth0",  "weight", "1",       "nexthop", "via", kSecondHop6,
      "dev", "eth0",          "weight", "3"});
  world.look();
  return world;
}

/// The one route to `dst` in a table of the pod; null if there is none.
json find_route(const std::string& family, unsigned table, const std::string& dst) {
  json found;
  for (const json& route : ip_json("pod", {"-N", family, "route", "show", "table", "all"})) {
    const std::string of = route.value("table", std::to_string(kMainTable));
    if (of == std::to_string(table) && route.at("dst") == dst) {
      CHECK(found.is_null());
      found = route;
    }
  }
  return found;
}

/// "169.254.1.1 dev eth0 weight 1" for each way of a route.
Lines ways_of(const json& route) {
  Lines ways;
  for (const json& hop : route.value("nexthops", json::array())) {
    ways.push_back(hop.at("gateway").get<std::string>() + " dev " +
                   hop.at("dev").get<std::string>() + " weight " + hop.at("weight").dump());
  }
  return ways;
}

void expect_both_ways() {
  for (const auto& [table, dst] :
       {std::pair{kOverlayTable, "default"}, std::pair{kMainTable, "default"},
        std::pair{kMainTable, "10.233.0.0/18"}, std::pair{kMainTable, "10.1.20.4"}}) {
    const json route = find_route("-4", table, dst);
    INFO(dst << " in " << table << ": " << route);
    CHECK(ways_of(route) == Lines{kFirst, kSecond});
    CHECK(route.at(json::json_pointer("/metrics/0/mtu")) == 1450);
  }
  for (const auto& [table, dst] :
       {std::pair{kOverlayTable, "default"}, std::pair{kMainTable, "default"},
        std::pair{kMainTable, "fd00:10:96::/108"}, std::pair{kMainTable, "fd00:10:1::4"}}) {
    const json route = find_route("-6", table, dst);
    INFO(dst << " in " << table << ": " << route);
    CHECK(ways_of(route) == Lines{kFirst6, kSecond6});
  }
  CHECK(find_route("-6", kOverlayTable, "default").at("metric") == 512);
  CHECK(find_route("-4", kMainTable, "10.233.0.0/18").at("prefsrc") == "10.233.119.164");
  CHECK(has_line(routes("pod", kOverlayTable), "169.254.1.2 dev eth0 scope link ours"));
}

Answer add(PodWorld& world, int n, const json& patch = json::object()) {
  json config = rail_config_of(Families::dual, n);
  config.merge_patch(patch);
  return world.add("net" + std::to_string(n), config);
}

/// What was changed in T0 and in main since the watch began, but by the kernel itself: it makes the
/// NIC's own routes there.
int count_changes(RouteWatch& watch) {
  constexpr int kByKernel = 2;  // RTPROT_KERNEL
  const auto& events = watch.events();
  return static_cast<int>(std::count_if(events.begin(), events.end(), [](const RouteEvent& event) {
    const bool is_shared = event.table == kOverlayTable || event.table == kMainTable;
    return is_shared && event.protocol != kByKernel;
  }));
}

/// The node is reached by either of the ways.
void expect_node_answers() {
  for (const char* address : {kNodeAddress, kNodeAddress6}) {
    INFO(address);
    const UdpSocket server("", {.address = address});
    const bool is_v4 = address == std::string(kNodeAddress);
    const UdpSocket client("pod", {.address = is_v4 ? "0.0.0.0" : "::"});
    CHECK(exchange(client, server, address));
  }
}

}  // namespace

TEST_CASE("T0 and the cluster's routes have both ways of the overlay NIC's default", "[shared]") {
  PodWorld world = make_world();
  REQUIRE(failure(add(world, 1)) == "");
  expect_both_ways();
  CHECK(failure(world.check(1)) == "");
  expect_node_answers();

  RouteWatch watch("pod");
  REQUIRE(failure(add(world, 2)) == "");
  CHECK_FALSE(watch.events().empty());
  CHECK(count_changes(watch) == 0);
  CHECK(failure(world.check(1)) == "");
  CHECK(failure(world.check(2)) == "");
  REQUIRE(failure(world.del(1)) == "");
  expect_both_ways();
  CHECK(failure(world.check(2)) == "");
  CHECK(failure(world.del(2)) == "");
  CHECK(world.changes() == "");
}

TEST_CASE("a way that is lost is missed by CHECK and mended by the next NIC", "[shared][check]") {
  PodWorld world = make_world();
  REQUIRE(failure(add(world, 1)) == "");
  ip_batch("pod",
           "route replace default table 100 proto 216 mtu 1450 via 169.254.1.1 dev eth0\n"
           "route del fd00:10:96::/108 metric 100 via fe80::ecee:eeff:feee:eeef dev eth0\n");
  const Answer drifted = world.check(1);
  INFO(drifted);
  CHECK(drifted.code() == 109);
  CHECK(names(drifted.message(), {"169.254.1.2", "fd00:10:96::/108", "fe80::ecee:eeff:feee:eeef"}));
  REQUIRE(failure(add(world, 2)) == "");
  expect_both_ways();
  CHECK(failure(world.check(1)) == "");
  CHECK(failure(world.del(2)) == "");
  CHECK(failure(world.del(1)) == "");
  CHECK(world.changes() == "");
}

TEST_CASE("a default of two ways comes back when the NIC that had taken it goes", "[shared]") {
  PodWorld world = make_world();
  REQUIRE(failure(add(world, 1, {{"podDefaultRouteNic", "net1"}})) == "");
  CHECK(ways_of(find_route("-4", kOverlayTable, "default")) == Lines{kFirst, kSecond});
  CHECK(ways_of(find_route("-6", kOverlayTable, "default")) == Lines{kFirst6, kSecond6});
  CHECK(find_route("-4", kMainTable, "default").at("gateway") == rail_gateway(1));
  CHECK(find_route("-6", kMainTable, "default").at("gateway") == rail_gateway6(1));
  CHECK(ways_of(find_route("-4", kMainTable, "10.233.0.0/18")) == Lines{kFirst, kSecond});
  CHECK(failure(world.check(1)) == "");
  CHECK(failure(world.del(1)) == "");
  CHECK(world.changes() == "");
}
