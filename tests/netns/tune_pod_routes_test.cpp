// SPDX-License-Identifier: Apache-2.0
/// \file
/// `tunePodRoutes` false: routing as with the standard macvlan plugin.
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

const std::string kEth0Default = "default via 169.254.1.1 dev eth0";
const std::string kConnected = "172.16.11.0/24 dev net1 scope link src 172.16.11.10 kernel";

/// Rail n's configuration, with these destinations as IPAM's routes.
json plain_config(int n, const Lines& destinations) {
  json config = rail_config(n);
  config["tunePodRoutes"] = false;
  config["ipam"]["routes"] = json::array();
  for (const std::string& dst : destinations) {
    config["ipam"]["routes"].push_back({{"dst", dst}});
  }
  return config;
}

/// Main as text, without the mark that tells whose a route is.
Lines unmarked_main() {
  Lines lines = routes("pod", kMainTable);
  for (std::string& line : lines) {
    line = line.ends_with(" ours") ? line.substr(0, line.size() - 5) : line;
  }
  return lines;
}

/// What the standard macvlan plugin makes of the same configuration in the same pod.
Lines made_by_macvlan(const PodWorld& world, json config) {
  config["type"] = "macvlan";
  config["name"] = "peer";
  Lines main;
  for (const char* verb : {"ADD", "DEL"}) {
    Command command = make_command(world.make_call(verb, "net1", config));
    command.argv = {std::string(kCniPath) + "/macvlan"};
    const Output output = run(command);
    INFO(output.out << output.err);
    REQUIRE(output.status == 0);
    main = main.empty() ? unmarked_main() : main;
  }
  return main;
}

bool has_tables() {
  for (const json& route : ip_json("pod", {"-N", "route", "show", "table", "all"})) {
    const std::string table = route.value("table", "254");
    if (table != "254" && table != "255") {
      return true;
    }
  }
  return false;
}

}  // namespace

TEST_CASE("IPAM's routes are the pod's, and there is no table and no rule", "[plain]") {
  PodWorld world(2);
  ip_batch("pod", "rule add pref 500 from 192.0.2.1 lookup main\n");
  world.look();
  const Lines overlay = routes_by("eth0", "pod", kMainTable);
  const json config = plain_config(1, {"10.50.0.0/16", "10.233.7.0/24"});
  const Lines peer = made_by_macvlan(world, config);
  const Answer added = world.add("net1", config);
  REQUIRE(failure(added) == "");
  CHECK(unmarked_main() == peer);
  CHECK(added.err.find("level=warn") == std::string::npos);
  CHECK(rules("pod") == Lines{"500: from 192.0.2.1 lookup 254"});
  CHECK_FALSE(has_tables());
  CHECK(routes_by("eth0", "pod", kMainTable) == overlay);
  CHECK(routes_by("net1", "pod", kMainTable) ==
        Lines{"10.50.0.0/16 via 172.16.11.254 dev net1 ours",
              "10.233.7.0/24 via 172.16.11.254 dev net1 ours", kConnected});
  CHECK(added.body.at("routes") == json{{{"dst", "10.50.0.0/16"}}, {{"dst", "10.233.7.0/24"}}});
  CHECK(failure(world.check(1)) == "");
  REQUIRE(failure(world.add("net2", plain_config(2, {"10.51.0.0/16"}))) == "");
  CHECK(rules("pod").size() == 1);
  CHECK(failure(world.check(1)) == "");
  CHECK(failure(world.check(2)) == "");
  {
    Capture rail("pod", "net1");
    CHECK(UdpSocket("pod").send("10.50.1.1", 9, "?") == 0);
    CHECK(rail.wait_for([](const Frame& frame) { return frame.ip.dst == "10.50.1.1"; }));
  }
  ip({"-n", "pod", "route", "del", "10.50.0.0/16"});
  const Answer damaged = world.check(1);
  CHECK(damaged.code() == 109);
  CHECK(names(damaged.message(), {"10.50.0.0/16 via 172.16.11.254 dev net1 table main"}));
  REQUIRE(failure(world.del(1)) == "");
  CHECK(failure(world.check(2)) == "");
  REQUIRE(failure(world.del(2)) == "");
  CHECK(world.changes() == "");
}

TEST_CASE("IPAM's default does not take the place of another one", "[plain]") {
  PodWorld world(2);
  const json config = plain_config(1, {"0.0.0.0/0", "10.50.0.0/16"});
  SECTION("the overlay NIC's") {
    const Answer added = world.add("net1", config);
    REQUIRE(failure(added) == "");
    CHECK(names(added.err, {"level=warn", "0.0.0.0/0", kEth0Default}));
    CHECK(routes("pod", kMainTable).front() == kEth0Default);
    CHECK(routes_by("net1", "pod", kMainTable) ==
          Lines{"10.50.0.0/16 via 172.16.11.254 dev net1 ours", kConnected});
    CHECK(added.body.at("routes") == json{{{"dst", "10.50.0.0/16"}}});
    CHECK(failure(world.check(1)) == "");
  }
  SECTION("another rail's") {
    ip({"-n", "pod", "route", "del", "default"});
    world.look();
    REQUIRE(failure(world.add("net1", config)) == "");
    CHECK(routes("pod", kMainTable).front() == "default via 172.16.11.254 dev net1 ours");
    const Answer second = world.add("net2", plain_config(2, {"0.0.0.0/0"}));
    REQUIRE(failure(second) == "");
    CHECK(names(second.err, {"level=warn", "0.0.0.0/0", "dev net1"}));
    CHECK(routes("pod", kMainTable).front() == "default via 172.16.11.254 dev net1 ours");
    CHECK(failure(world.check(1)) == "");
    CHECK(failure(world.check(2)) == "");
    REQUIRE(failure(world.del(2)) == "");
  }
  REQUIRE(failure(world.del(1)) == "");
  CHECK(world.changes() == "");
}

TEST_CASE("a NIC of each kind in one pod", "[plain]") {
  PodWorld world(2);
  REQUIRE(failure(world.add("net1", plain_config(1, {"10.50.0.0/16"}))) == "");
  REQUIRE(failure(world.add(2)) == "");
  CHECK(rules("pod") == Lines{"32100: from 10.233.119.164 lookup 100 ours",
                              "32100: from all oif eth0 lookup 100 ours",
                              "32102: from 172.16.12.10 lookup 102 ours",
                              "32102: from all oif net2 lookup 102 ours"});
  CHECK(failure(world.check(1)) == "");
  CHECK(failure(world.check(2)) == "");
  const int first = GENERATE(1, 2);
  REQUIRE(failure(world.del(first)) == "");
  CHECK(failure(world.check(3 - first)) == "");
  REQUIRE(failure(world.del(3 - first)) == "");
  CHECK(world.changes() == "");
}

TEST_CASE("without tables there can be no policyRoutes", "[plain]") {
  PodWorld world(1);
  json config = plain_config(1, {});
  config["policyRoutes"] = {{{"dst", "10.9.0.0/16"}, {"gw", "172.16.11.253"}}};
  const Answer added = world.add("net1", config);
  CHECK(added.code() == 7);
  CHECK(names(added.message(), {"policyRoutes", "tunePodRoutes"}));
  CHECK(world.changes() == "");
}

TEST_CASE("both families without tables", "[plain][v6]") {
  PodWorld world(1, Overlay::calico, Families::dual);
  json config = rail_config_of(Families::dual, 1);
  config["tunePodRoutes"] = false;
  config["ipam"]["routes"] = {
      {{"dst", "10.50.0.0/16"}}, {{"dst", "fd00:50::/32"}}, {{"dst", "::/0"}}};
  const Lines overlay = routes_by("eth0", "pod", kMainTable, "-6");
  const Answer added = world.add("net1", config);
  REQUIRE(failure(added) == "");
  CHECK(names(added.err, {"level=warn", "::/0", "dev eth0"}));
  CHECK(rules("pod", "-6").empty());
  CHECK(routes_by("eth0", "pod", kMainTable, "-6") == overlay);
  const Lines main = routes_by("net1", "pod", kMainTable, "-6");
  CHECK(std::count(main.begin(), main.end(),
                   "fd00:50::/32 via fd00:172:11::fe dev net1 metric 1024 ours") == 1);
  CHECK(std::count(main.begin(), main.end(), "fd00:172:11::/64 dev net1 metric 256 kernel") == 1);
  CHECK(failure(world.check(1)) == "");
  REQUIRE(failure(world.del(1)) == "");
  CHECK(world.changes() == "");
}
