// SPDX-License-Identifier: Apache-2.0
/// \file
/// IPAM by DHCP: a real server on the rail, the real plugin and its daemon on the node.
#include <algorithm>
#include <chrono>

#include "support/capture.hpp"
#include "support/catch.hpp"
#include "support/dhcp_server.hpp"
#include "support/link_state.hpp"
#include "support/link_wanted.hpp"
#include "support/namespaces.hpp"
#include "support/peer_rig.hpp"
#include "support/routing_world.hpp"

using namespace mvr::test;

namespace {

/// The definition of rail 1 with dhcp.
json make_config() {
  return rail_config_with(1, DhcpDaemon::section());
}

/// The first address that IPAM gave, without its length.
std::string address_of(const Answer& added) {
  const std::string prefix = added.body.at("ips").at(0).at("address");
  return prefix.substr(0, prefix.find('/'));
}

int count_rail_defaults(RouteWatch& watch) {
  const auto& events = watch.events();
  return static_cast<int>(std::count_if(events.begin(), events.end(), [](const RouteEvent& event) {
    return event.added && event.table == kMainTable && event.dst == "0.0.0.0/0";
  }));
}

}  // namespace

TEST_CASE("dhcp gives address, gateway and default, and gets the lease back over the NIC",
          "[dhcp]") {
  PodWorld world;
  const DhcpServer server(1);
  const DhcpDaemon daemon;
  RouteWatch watch("pod");
  const Answer added = world.add("net1", make_config());
  INFO(added << server.log());
  REQUIRE(failure(added) == "");
  const std::string address = address_of(added);
  CHECK(address >= rail_address(1, 50));
  CHECK(address <= rail_address(1, 60));
  CHECK(added.body.at("ips").at(0).at("gateway") == rail_gateway(1));
  CHECK_FALSE(added.body.contains("routes"));
  CHECK(sorted(routes("pod", 101)) ==
        Lines{"172.16.11.0/24 dev net1 scope link src " + address + " ours",
              "default via 172.16.11.254 dev net1 ours"});
  CHECK(count_rail_defaults(watch) == 0);
  const std::string lease =
      address + ' ' + read_link("pod", "net1").at("address").get<std::string>();
  CHECK(server.leases() == Lines{lease});
  CHECK(failure(world.check(1)) == "");
  CHECK(server.leases() == Lines{lease});

  CHECK(failure(world.del(1)) == "");
  CHECK(server.leases().empty());
  CHECK(names(server.log(), {"DHCPRELEASE(gw1) " + lease}));
  CHECK(world.changes() == "");
  CHECK(failure(world.del(1)) == "");
}

TEST_CASE("a lease goes back when ADD fails after it, and when DEL finds no pod", "[dhcp]") {
  PodWorld world;
  const DhcpServer server(1);
  const DhcpDaemon daemon;
  json config = make_config();
  SECTION("ADD fails") {
    for (int host = 50; host <= 60; ++host) {  // whichever is the NIC's own is refused
      config["policyRoutes"].push_back(
          {{"dst", "10.9." + std::to_string(host) + ".0/24"}, {"gw", rail_address(1, host)}});
    }
    const Answer added = world.add("net1", config);
    INFO(added);
    CHECK(added.code() == 7);
    CHECK(names(added.message(), {"policyRoutes", "own address"}));
    CHECK(world.changes() == "");
  }
  SECTION("the pod has ended") {
    REQUIRE(failure(world.add("net1", config)) == "");
    remove_netns("pod");
    CHECK(failure(world.del(1)) == "");
    CHECK(count_journals() == 0);
  }
  // The server takes the release in its own time.
  CHECK(eventually([&] { return names(server.log(), {"DHCPACK(gw1)", "DHCPRELEASE(gw1)"}); }));
  CHECK(eventually([&] { return server.leases().empty(); }));
}

TEST_CASE("a daemon that is not there fails ADD by its socket's name, and DEL until it is there",
          "[dhcp]") {
  PodWorld world;
  const DhcpServer server(1);
  const Lines words{"ipam dhcp: ", "DHCP daemon", DhcpDaemon::socket_path()};
  const Answer refused = world.add("net1", make_config());
  INFO(refused);
  CHECK_FALSE(refused.ok());
  CHECK(names(refused.message(), words));
  CHECK(read_links("pod") == Lines{"eth0", "lo"});
  CHECK(names(world.del(1).message(), words));
  {
    const DhcpDaemon daemon;
    CHECK(failure(world.del(1)) == "");
    CHECK(world.changes() == "");
    REQUIRE(failure(world.add("net1", make_config())) == "");
  }
  // IPAM cannot take the address back now; the NIC goes all the same.
  CHECK(names(world.del(1).message(), words));
  CHECK(read_links("pod") == Lines{"eth0", "lo"});
  CHECK(count_journals() == 1);
  const DhcpDaemon again;
  CHECK(failure(world.del(1)) == "");
  CHECK(world.changes() == "");
}

TEST_CASE("a rail without a DHCP server fails ADD and leaves nothing", "[dhcp]") {
  PodWorld world;
  const DhcpDaemon daemon;
  Call call = world.make_call("ADD", "net1", make_config());
  call.timeout = std::chrono::minutes(2);
  const Answer added = run_plugin(call);
  INFO(added);
  CHECK_FALSE(added.ok());
  CHECK(names(added.message(), {"net1", "ipam dhcp: ", "no more tries"}));
  CHECK(world.changes() == "");
}
