// SPDX-License-Identifier: Apache-2.0
/// \file
/// `podDefaultRouteNic` where the NIC cannot own the pod's default route.
#include "support/catch.hpp"
#include "support/routing_lines.hpp"
#include "support/routing_world.hpp"
#include "support/shell.hpp"

using namespace mvr::test;

namespace {

json owner_config(int n) {
  json config = rail_config(n);
  config["podDefaultRouteNic"] = "net" + std::to_string(n);
  return config;
}

Lines defaults() {
  Lines lines = routes("pod", kMainTable);
  std::erase_if(lines, [](const std::string& line) { return !line.starts_with("default "); });
  return lines;
}

}  // namespace

TEST_CASE("a NIC that cannot own the default is refused, and nothing is left", "[default-nic]") {
  PodWorld world(1);
  json config = owner_config(1);
  SECTION("layer 2 only") {
    config.erase("ipam");
    const Answer added = world.add("net1", config);
    CHECK(added.code() == 7);
    CHECK(names(added.message(), {"podDefaultRouteNic", "net1", "ipam"}));
  }
  SECTION("without routing") {
    config["tunePodRoutes"] = false;
    const Answer added = world.add("net1", config);
    CHECK(added.code() == 7);
    CHECK(names(added.message(), {"podDefaultRouteNic", "net1", "tunePodRoutes"}));
  }
  SECTION("without a gateway") {
    const FakeIpam ipam;
    ipam.answer_address("172.16.11.10/24", "");
    world.use(ipam);
    config["ipam"] = ipam.section();
    const Answer added = world.add("net1", config);
    CHECK(added.code() == 108);
    CHECK(names(added.message(), {"podDefaultRouteNic", "net1", "no gateway"}));
    CHECK(ipam.calls() == Lines{"ADD", "DEL"});
  }
  CHECK(world.changes() == "");
}

TEST_CASE("a default that comes before the NIC's is left where it is, with a warning",
          "[default-nic]") {
  const bool has_overlay = GENERATE(true, false);
  PodWorld world(2, has_overlay ? Overlay::calico : Overlay::none);
  std::string first = "default via 172.16.11.254 dev net1";
  if (has_overlay) {
    first = "default via 192.0.2.1 dev tun0 metric 3";
    ip_batch("pod",
             "link add tun0 type veth peer name tun1\n"
             "addr add 192.0.2.2/24 dev tun0\n"
             "link set tun0 up\n"
             "route del default\n"
             "route add default via 169.254.1.1 dev eth0 metric 5\n"
             "route add " +
                 first + '\n');
    world.look();
  } else {
    REQUIRE(failure(world.add(1)) == "");
  }
  const Answer added = world.add("net2", owner_config(2));
  REQUIRE(failure(added) == "");
  INFO(added.err);
  CHECK(names(added.err, {"level=warn", "podDefaultRouteNic", first}));
  CHECK(defaults() == Lines{first + (has_overlay ? "" : " ours"),
                            "default via 172.16.12.254 dev net2 metric 102 ours"});
  CHECK(failure(world.check(2)) == "");
  REQUIRE(failure(world.del(2)) == "");
  if (!has_overlay) {
    CHECK(failure(world.check(1)) == "");
    REQUIRE(failure(world.del(1)) == "");
  }
  CHECK(world.changes() == "");
}
