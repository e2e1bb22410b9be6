// SPDX-License-Identifier: Apache-2.0
/// \file
/// The overlay NIC as the cluster's networks make it: its own table and rules, and which of its
/// routes the cluster's destinations follow.
#include "support/catch.hpp"
#include "support/routing_lines.hpp"
#include "support/routing_world.hpp"
#include "support/shell.hpp"

using namespace mvr::test;

namespace {

const Lines kNet1InMain{"172.16.11.0/24 dev net1 scope link src 172.16.11.10 metric 101 kernel"};

const Lines kNet1Table{"default via 172.16.11.254 dev net1 ours",
                       "172.16.11.0/24 dev net1 scope link src 172.16.11.10 ours"};

const Lines kNet1Rules{"32101: from 172.16.11.10 lookup 101 ours",
                       "32101: from all oif net1 lookup 101 ours"};

/// Adds and checks net1, whose own part is the same whatever the overlay is.
void add_net1(PodWorld& world, const json& patch = json::object()) {
  const Answer added = world.add(1, patch);
  REQUIRE(failure(added) == "");
  CHECK(failure(world.check(1)) == "");
  CHECK(routes("pod", 101) == kNet1Table);
}

void remove_net1(const PodWorld& world) {
  CHECK(failure(world.del(1)) == "");
  CHECK(world.changes() == "");
}

}  // namespace

TEST_CASE("the overlay is Calico's", "[overlay]") {
  PodWorld world;
  add_net1(world);
  CHECK(routes("pod", 100) ==
        Lines{"default via 169.254.1.1 dev eth0 ours", "169.254.1.1 dev eth0 scope link ours"});
  CHECK(routes("pod", kMainTable) == calico_main() + kNet1InMain);
  CHECK(rules("pod") == Lines{"32100: from 10.233.119.164 lookup 100 ours",
                              "32100: from all oif eth0 lookup 100 ours"} +
                            kNet1Rules);
  remove_net1(world);
}

TEST_CASE("the overlay is Flannel's, which has a route to all pods of its own", "[overlay]") {
  PodWorld world(1, Overlay::flannel);
  add_net1(world, {{"overlayPodCIDR", {"10.244.0.0/16"}}, {"serviceCIDR", {"10.96.0.0/12"}}});
  CHECK(routes("pod", 100) == Lines{"default via 10.244.1.1 dev eth0 ours",
                                    "10.244.1.0/24 dev eth0 scope link src 10.244.1.5 ours"});
  CHECK(routes("pod", kMainTable) ==
        Lines{"default via 10.244.1.1 dev eth0",
              "10.1.20.4 via 10.244.1.1 dev eth0 src 10.244.1.5 ours",
              "10.96.0.0/12 via 10.244.1.1 dev eth0 src 10.244.1.5 ours",
              "10.244.0.0/16 via 10.244.1.1 dev eth0",
              "10.244.1.0/24 dev eth0 scope link src 10.244.1.5 kernel",
              "169.254.0.0/16 via 10.244.1.1 dev eth0 src 10.244.1.5 ours"} +
            kNet1InMain);
  remove_net1(world);
}

TEST_CASE("the overlay is Cilium's, whose default has an MTU for the tunnel", "[overlay]") {
  PodWorld world(1, Overlay::cilium);
  add_net1(world, {{"overlayPodCIDR", {"10.0.0.0/16"}}, {"serviceCIDR", {"10.96.0.0/12"}}});
  CHECK(routes("pod", 100) ==
        Lines{"default via 10.0.1.1 dev eth0 mtu 1450 ours", "10.0.1.1 dev eth0 scope link ours"});
  // What took the default before must not become too large for the tunnel now.
  CHECK(routes("pod", kMainTable) ==
        Lines{"default via 10.0.1.1 dev eth0 mtu 1450",
              "10.0.0.0/16 via 10.0.1.1 dev eth0 src 10.0.1.23 mtu 1450 ours",
              "10.0.1.1 dev eth0 scope link",
              "10.1.20.4 via 10.0.1.1 dev eth0 src 10.0.1.23 mtu 1450 ours",
              "10.96.0.0/12 via 10.0.1.1 dev eth0 src 10.0.1.23 mtu 1450 ours",
              "169.254.0.0/16 via 10.0.1.1 dev eth0 src 10.0.1.23 mtu 1450 ours"} +
            kNet1InMain);
  remove_net1(world);
}

TEST_CASE("Multus has removed the overlay's default before ADD", "[overlay]") {
  PodWorld world;
  ip({"-n", "pod", "route", "del", "default"});
  world.look();
  add_net1(world);
  CHECK(routes("pod", 100) ==
        Lines{"default via 169.254.1.1 dev eth0 ours", "169.254.1.1 dev eth0 scope link ours"});
  Lines without_default = calico_main();
  without_default.erase(without_default.begin());
  CHECK(routes("pod", kMainTable) == without_default + kNet1InMain);
  remove_net1(world);
}

TEST_CASE("Multus removes the overlay's default after ADD", "[overlay]") {
  PodWorld world(2, Overlay::cilium);
  ip_batch("pod",
           "route del default\n"
           "route add default via 10.0.1.1 dev eth0 metric 50 mtu 1450\n");
  const Lines table{"default via 10.0.1.1 dev eth0 metric 50 mtu 1450 ours",
                    "10.0.1.1 dev eth0 scope link ours"};
  add_net1(world);
  CHECK(routes("pod", 100) == table);
  ip({"-n", "pod", "route", "del", "default"});
  CHECK(failure(world.check(1)) == "");
  REQUIRE(failure(world.add(2)) == "");
  CHECK(routes("pod", 100) == table);
  CHECK(failure(world.check(1)) == "");
  CHECK(failure(world.check(2)) == "");
}

TEST_CASE("a default that Multus gives to a NIC of ours is no difference", "[overlay]") {
  PodWorld world;
  add_net1(world);
  ip_batch("pod",
           "route del default\n"
           "route add default via 172.16.11.254 dev net1\n");
  CHECK(failure(world.check(1)) == "");
}

TEST_CASE("the overlay NIC has another name", "[overlay]") {
  PodWorld world;
  ip_batch("pod",
           "link set eth0 down\n"
           "link set eth0 name k8s0\n"
           "link set k8s0 up\n"
           "route add 169.254.1.1 dev k8s0 scope link\n"
           "route add default via 169.254.1.1 dev k8s0\n");
  world.look();
  SECTION("it is configured") {
    add_net1(world, {{"podDefaultCniNic", "k8s0"}});
  }
  SECTION("it is found as the owner of main's default") {
    add_net1(world);
  }
  SECTION("what is configured is not there") {
    add_net1(world, {{"podDefaultCniNic", "ens3"}});
  }
  CHECK(routes("pod", 100) ==
        Lines{"default via 169.254.1.1 dev k8s0 ours", "169.254.1.1 dev k8s0 scope link ours"});
  CHECK(rules("pod") == Lines{"32100: from 10.233.119.164 lookup 100 ours",
                              "32100: from all oif k8s0 lookup 100 ours"} +
                            kNet1Rules);
  CHECK(routes_by("k8s0", "pod", kMainTable).size() == calico_main().size());
  remove_net1(world);
}

TEST_CASE("the overlay NIC has two addresses", "[overlay]") {
  PodWorld world;
  ip({"-n", "pod", "addr", "add", "10.233.119.200/32", "dev", "eth0"});
  world.look();
  add_net1(world);
  CHECK(rules("pod") == Lines{"32100: from 10.233.119.164 lookup 100 ours",
                              "32100: from 10.233.119.200 lookup 100 ours",
                              "32100: from all oif eth0 lookup 100 ours"} +
                            kNet1Rules);
  CHECK(routes("pod", kMainTable) == calico_main() + kNet1InMain);
  remove_net1(world);
}

TEST_CASE("an overlay NIC that leads nowhere gets no cluster routes, and a warning", "[overlay]") {
  PodWorld world(1, Overlay::flannel);
  ip_batch("pod",
           "route del default\n"
           "route del 10.244.0.0/16\n");
  world.look();
  const Answer added = world.add(1);
  REQUIRE(failure(added) == "");
  CHECK(names(added.err, {"level=warn", "eth0", "no cluster routes"}));
  CHECK(routes("pod", 100) == Lines{"10.244.1.0/24 dev eth0 scope link src 10.244.1.5 ours"});
  CHECK(routes("pod", kMainTable) ==
        Lines{"10.244.1.0/24 dev eth0 scope link src 10.244.1.5 kernel"} + kNet1InMain);
  CHECK(failure(world.check(1)) == "");
  remove_net1(world);
}
