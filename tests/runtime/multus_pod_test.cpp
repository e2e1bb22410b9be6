// SPDX-License-Identifier: Apache-2.0
/// \file
/// The pod that Multus has made: nine networks and more, what its users are told of them, and the
/// default route that its annotation asks for.
#include <algorithm>

#include "support/catch.hpp"
#include "support/link_wanted.hpp"
#include "support/multus.hpp"
#include "support/routing_world.hpp"
#include "support/scenario_v6.hpp"

using namespace mvr::test;

namespace {

/// Nine rails, and a pod that has nothing yet.
struct EmptyPod {
  Scenario scenario = Scenario({.rails = 9});
  Pod pod = scenario.add_pod("pod", Overlay::none);
  json before = snapshot_world({"pod"});
};

/// Turned around.
Lines backwards(Lines lines) {
  std::reverse(lines.begin(), lines.end());
  return lines;
}

}  // namespace

TEST_CASE("a cluster network of the distribution's plugins and nine rails", "[multus]") {
  EmptyPod world;
  Multus multus("pod", world.pod.netns);
  json cluster = ptp_network();
  cluster["cniVersion"] = "0.4.0";
  multus.set_cluster_network(cluster);
  std::vector<Network> networks;
  Lines adds{"ADD eth0 ptp"};
  Lines dels{"DEL eth0 ptp"};
  for (int n = 1; n <= 9; ++n) {
    const std::string nic = "net" + std::to_string(n);
    networks.push_back(rail_network(n));
    adds.push_back("ADD " + nic + " macvlan-rdma");
    dels.push_back("DEL " + nic + " macvlan-rdma");
  }
  const Answer added = multus.add(networks);
  INFO(added);
  REQUIRE(added.ok());
  CHECK(multus.calls() == adds);
  for (unsigned n = 1; n <= 9; ++n) {
    const std::string nic = "net" + std::to_string(n);
    INFO(nic);
    CHECK(table_of("pod", nic) == 100 + n);
    CHECK(read_table("pod", 100 + n).size() == 2);
  }
  CHECK(rules("pod").size() == 20);
  const std::string overlay = addresses("pod", "eth0").at(0);
  CHECK(rules("pod").at(0) ==
        "32100: from " + overlay.substr(0, overlay.find('/')) + " lookup 100 ours");
  CHECK(routes("pod", kMainTable).at(0) == "default via 10.233.119.1 dev eth0");
  CHECK(multus.check() == "");
  CHECK(multus.del() == "");
  Lines tail(multus.calls().end() - 10, multus.calls().end());
  CHECK(tail == backwards(dels));
  CHECK(difference(world.before, snapshot_world({"pod"})) == "");
}

TEST_CASE("the ninth rail fails: the cluster network goes as well, last of all", "[multus]") {
  EmptyPod world;
  Scenario::silence_gateway(9);
  world.before = snapshot_world({"pod"});
  Multus multus("pod", world.pod.netns);
  multus.set_cluster_network(ptp_network());
  std::vector<Network> networks;
  for (int n = 1; n <= 9; ++n) {
    networks.push_back(
        rail_network(n, {{"gatewayProbe", {{"attempts", 2}, {"interval", "10ms"}}}}));
  }
  CHECK(multus.add(networks).code() == 104);
  CHECK(multus.calls().size() == 20);
  CHECK(multus.calls().at(10) == "DEL net9 macvlan-rdma");
  CHECK(multus.calls().back() == "DEL eth0 ptp");
  CHECK(difference(world.before, snapshot_world({"pod"})) == "");
}

TEST_CASE("network-status has one NIC, its addresses, and a gateway only if it is the pod's",
          "[multus]") {
  OnePod world({.rails = 2});
  Multus multus("pod", world.pod.netns);
  const std::string version = GENERATE("0.3.1", "0.4.0", "1.0.0", "1.1.0");
  const bool is_default = GENERATE(false, true);
  json patch{{"cniVersion", version}};
  patch["podDefaultRouteNic"] = is_default ? "net1" : "";
  REQUIRE(multus.add({rail_network(1, patch), rail_network(2, patch)}).ok());
  for (const std::size_t n : {1U, 2U}) {
    const int rail = static_cast<int>(n);
    const json& result = multus.network(n).result();
    INFO(result.dump());
    REQUIRE(result.at("interfaces").size() == 1);
    CHECK(result.at("interfaces").at(0).at("sandbox") == world.pod.netns);
    const std::string nic = "net" + std::to_string(n);
    // Before 1.1.0 a result has no MTU.
    json wanted{{"interface", nic},
                {"mac", read_link("pod", nic).at("address")},
                {"mtu", version == "1.1.0" ? 1500 : 0},
                {"ips", {rail_address(rail)}}};
    if (is_default && n == 1) {
      wanted["gateway"] = {rail_gateway(rail)};
    }
    CHECK(multus.status(n) == wanted);
  }
}

TEST_CASE("Multus gives the pod's default route to a rail after its ADD", "[multus]") {
  const std::string version = GENERATE("0.3.1", "0.4.0", "1.0.0", "1.1.0");
  const bool is_overlay_default_gone = GENERATE(false, true);
  OnePod world({.rails = 3});
  if (is_overlay_default_gone) {
    ip({"-n", "pod", "route", "del", "default"});
    world.before = snapshot_world({"pod"});
  }
  Multus multus("pod", world.pod.netns);
  const json patch{{"cniVersion", version}};
  Network chosen = rail_network(2, patch);
  chosen.gateway = rail_gateway(2);
  const Answer added = multus.add({rail_network(1, patch), chosen, rail_network(3, patch)});
  INFO(added);
  REQUIRE(added.ok());
  const Lines main = routes("pod", kMainTable);
  CHECK(main.at(0) == (is_overlay_default_gone ? "default via 172.16.12.254 dev net2"
                                               : "default via 169.254.1.1 dev eth0"));
  CHECK(multus.status(2).at("gateway") == json{rail_gateway(2)});
  if (version != "0.3.1") {
    CHECK(multus.check() == "");
  }
  CHECK(multus.del() == "");
  CHECK(world.changes() == "");
}

TEST_CASE("Multus gives the pod's default route of IPv6 to a rail", "[multus]") {
  Scenario scenario({.rails = 2, .has_ipv6 = true});
  const Pod pod = scenario.add_pod("pod", Overlay::calico, Families::dual);
  ip({"-n", "pod", "-6", "route", "del", "default"});
  const json before = snapshot_world({"pod"});
  Multus multus("pod", pod.netns);
  Network chosen{.config = rail_config_of(Families::dual, 2)};
  chosen.gateway = rail_gateway6(2);
  const Answer added = multus.add({{.config = rail_config_of(Families::dual, 1)}, chosen});
  INFO(added);
  REQUIRE(added.ok());
  CHECK(ip_json("pod", {"-6", "route", "show", "default"}).at(0).at("dev") == "net2");
  CHECK(multus.check() == "");
  CHECK(multus.del() == "");
  CHECK(difference(before, snapshot_world({"pod"})) == "");
}
