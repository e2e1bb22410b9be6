// SPDX-License-Identifier: Apache-2.0
/// \file
/// NICs that come and go while others work.
#include <algorithm>

#include "support/capture.hpp"
#include "support/catch.hpp"
#include "support/routing_lines.hpp"
#include "support/routing_world.hpp"
#include "support/shell.hpp"
#include "support/traffic.hpp"

using namespace mvr::test;

namespace {

unsigned index_of(const std::string& nic) {
  return ip_json("pod", {"link", "show", nic}).at(0).at("ifindex");
}

/// Routes by any of the interfaces that were taken away, if only for a moment.
int removals_by(RouteWatch& watch, const std::vector<unsigned>& nics) {
  const auto& events = watch.events();
  return static_cast<int>(std::count_if(events.begin(), events.end(), [&](const RouteEvent& event) {
    return !event.added && std::find(nics.begin(), nics.end(), event.nic) != nics.end();
  }));
}

/// host-local never gives the address that it took back last.
Lines table_of(int n) {
  const std::string nic = "net" + std::to_string(n);
  const std::string address = addresses("pod", nic).at(0);
  return {"default via " + rail_gateway(n) + " dev " + nic + " ours",
          rail_subnet(n) + " dev " + nic + " scope link src " +
              address.substr(0, address.find('/')) + " ours"};
}

}  // namespace

TEST_CASE("NICs come and go without a trace on the others", "[hotplug]") {
  PodWorld world(9);
  for (const int n : {1, 2, 4}) {
    REQUIRE(failure(world.add(n)) == "");
  }
  world.look();
  std::vector<unsigned> others{index_of("eth0")};
  for (const char* nic : {"net1", "net2", "net4"}) {
    others.push_back(index_of(nic));
  }
  RouteWatch watch("pod");

  REQUIRE(failure(world.add(3)) == "");
  REQUIRE(failure(world.del(3)) == "");
  CHECK(world.changes() == "");
  REQUIRE(failure(world.add(9)) == "");
  REQUIRE(failure(world.add(3)) == "");
  CHECK(routes("pod", 103) == table_of(3));
  CHECK(routes("pod", 109) == table_of(9));
  for (const int n : {1, 2, 3, 4, 9}) {
    CHECK(failure(world.check(n)) == "");
  }
  REQUIRE(failure(world.del(9)) == "");
  REQUIRE(failure(world.del(3)) == "");

  CHECK(world.changes() == "");
  CHECK(removals_by(watch, others) == 0);
}

TEST_CASE("the last NIC takes along what all have shared", "[hotplug]") {
  PodWorld world(2);
  REQUIRE(failure(world.add(1)) == "");
  REQUIRE(failure(world.add(2)) == "");
  REQUIRE(failure(world.del(1)) == "");
  CHECK(failure(world.check(2)) == "");
  REQUIRE(failure(world.add(1)) == "");
  CHECK(failure(world.check(1)) == "");
  REQUIRE(failure(world.del(2)) == "");
  CHECK(failure(world.check(1)) == "");
  REQUIRE(failure(world.del(1)) == "");
  CHECK(world.changes() == "");
}

TEST_CASE("another network takes over the name of a NIC that has gone", "[hotplug]") {
  PodWorld world(2);
  REQUIRE(failure(world.add(1)) == "");
  REQUIRE(failure(world.del(1)) == "");
  REQUIRE(failure(world.add("net1", rail_config(2))) == "");
  CHECK(routes("pod", 101) == Lines{"default via 172.16.12.254 dev net1 ours",
                                    "172.16.12.0/24 dev net1 scope link src 172.16.12.10 ours"});
  const Lines all = rules("pod");
  CHECK(Lines(all.begin() + 2, all.end()) == Lines{"32101: from 172.16.12.10 lookup 101 ours",
                                                   "32101: from all oif net1 lookup 101 ours"});
  CHECK(failure(world.check(1)) == "");
  const UdpSocket server("pod", {.address = rail_address(2)});
  CHECK(exchange(UdpSocket(kFar), server, rail_address(2)));
}

TEST_CASE("a DEL that comes late leaves the name's new owner alone", "[hotplug]") {
  PodWorld world(2);
  REQUIRE(failure(world.add(1)) == "");
  const Call late = world.make_call("DEL", "net1", rail_config(1));
  REQUIRE(failure(world.del(1)) == "");
  REQUIRE(failure(world.add("net1", rail_config(2))) == "");
  world.look();
  CHECK(failure(run_plugin(late)) == "");
  CHECK(world.changes() == "");
  CHECK(failure(world.check(1)) == "");
}

TEST_CASE("the overlay NIC has changed its address since the last ADD", "[hotplug]") {
  PodWorld world(2);
  REQUIRE(failure(world.add(1)) == "");
  ip_batch("pod",
           "addr add 10.233.119.170/32 dev eth0\n"
           "addr del 10.233.119.164/32 dev eth0\n");
  REQUIRE(failure(world.add(2)) == "");
  const Lines all = rules("pod");
  CHECK(std::count(all.begin(), all.end(), "32100: from 10.233.119.170 lookup 100 ours") == 1);
  CHECK(std::count_if(all.begin(), all.end(),
                      [](const std::string& line) { return line.starts_with("32100:"); }) == 2);
  CHECK(routes("pod", 100) ==
        Lines{"default via 169.254.1.1 dev eth0 ours", "169.254.1.1 dev eth0 scope link ours"});
  Lines main = calico_main();
  for (std::string& line : main) {
    const auto at = line.find("10.233.119.164");
    if (at != std::string::npos) {
      line.replace(at, 14, "10.233.119.170");
    }
  }
  CHECK(routes_by("eth0", "pod", kMainTable) == main);
  CHECK(failure(world.check(1)) == "");
  CHECK(failure(world.check(2)) == "");
}
