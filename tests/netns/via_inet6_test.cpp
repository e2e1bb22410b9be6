// SPDX-License-Identifier: Apache-2.0
/// \file
/// An overlay NIC whose IPv4 default route has a next hop of IPv6: so has everything that is made
/// of it.
#include "support/catch.hpp"
#include "support/peer_rig.hpp"
#include "support/routing_lines.hpp"
#include "support/routing_world.hpp"
#include "support/scenario_v6.hpp"
#include "support/shell.hpp"
#include "support/traffic.hpp"

using namespace mvr::test;

namespace {

constexpr unsigned kOverlayTable = 100;
const std::string kWay = std::string(" via inet6 ") + kCalicoNextHop6 + " dev eth0";

/// A pod of Calico that has no route of IPv4 but such a default.
PodWorld make_world() {
  PodWorld world(2, Overlay::calico, Families::dual);
  ip_batch("pod", "route flush dev eth0\n");
  ip({"-n", "pod", "-4", "route", "add", "default", "via", "inet6", kCalicoNextHop6, "dev",
      "eth0"});
  world.look();
  return world;
}

Lines overlay_main() {
  const std::string ours = kWay + " src 10.233.119.164 ours";
  return {"default" + kWay, "10.1.20.4" + ours, "10.233.0.0/18" + ours, "10.233.64.0/18" + ours,
          "169.254.0.0/16" + ours};
}

/// A request of the pod's to the node, or the other way, is answered.
void expect_answer(const std::string& from, const std::string& to, const std::string& address) {
  INFO(address);
  const UdpSocket server(to, {.address = address});
  const UdpSocket client(from, {.address = "0.0.0.0"});
  CHECK(exchange(client, server, address));
}

}  // namespace

TEST_CASE("T0 and the cluster's routes have the next hop of the other family", "[shared][via]") {
  PodWorld world = make_world();
  for (const int n : {1, 2}) {
    REQUIRE(failure(world.add(n)) == "");
    CHECK(routes("pod", kOverlayTable) == Lines{"default" + kWay + " ours"});
    CHECK(routes_by("eth0", "pod", kMainTable) == overlay_main());
    CHECK(failure(world.check(1)) == "");
  }
  expect_answer("pod", "", kNodeAddress);
  ip({"-n", "pod", "route", "del", "10.233.0.0/18"});
  const Answer checked = world.check(1);
  CHECK(checked.code() == 109);
  CHECK(names(checked.message(), {"10.233.0.0/18" + kWay}));
  for (const int n : {1, 2}) {
    REQUIRE(failure(world.del(n)) == "");
  }
  CHECK(world.changes() == "");
}

TEST_CASE("a default of the other family comes back when its NIC goes", "[shared][via]") {
  PodWorld world = make_world();
  REQUIRE(failure(world.add(1, {{"podDefaultRouteNic", "net1"}})) == "");
  CHECK(routes("pod", kOverlayTable) == Lines{"default" + kWay + " ours"});
  CHECK_FALSE(has_line(routes("pod", kMainTable), "default" + kWay));
  CHECK(failure(world.check(1)) == "");
  REQUIRE(failure(world.del(1)) == "");
  CHECK(world.changes() == "");
}

TEST_CASE("the way back to the node has the next hop of the other family", "[host-rule][via]") {
  PodWorld world = make_world();
  REQUIRE(failure(world.add(1, {{"hostRuleTable", 500}})) == "");
  CHECK(has_line(routes("pod", 101), "10.1.20.4" + kWay + " ours"));
  expect_answer("", "pod", rail_address(1));
  CHECK(failure(world.check(1)) == "");
  REQUIRE(failure(world.del(1)) == "");
  CHECK(world.changes() == "");
}
