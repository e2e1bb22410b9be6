// SPDX-License-Identifier: Apache-2.0
/// \file
/// `hostRuleTable`: the node and the NIC's addresses reach each other by the overlay NIC.
#include <algorithm>

#include "netns/host_rule_fixture.hpp"
#include "support/capture.hpp"
#include "support/catch.hpp"
#include "support/namespaces.hpp"
#include "support/routing_lines.hpp"
#include "support/routing_world.hpp"
#include "support/scenario_v6.hpp"
#include "support/shell.hpp"
#include "support/traffic.hpp"
#include "support/world.hpp"

using namespace mvr::test;

namespace {

/// Without the rail's help: else its gateway carries what takes the wrong way.
void stop_forwarding() {
  put_sysctl(kGateways, "ipv4/ip_forward", "0");
}

auto goes(const std::string& from, const std::string& to) {
  return [=](const Frame& frame) { return frame.ip.src == from && frame.ip.dst == to; };
}

/// Requests both ways between the node and an address of the pod are answered, and go by the pod's
/// overlay NIC alone.
void talk(const Pod& pod, const std::string& nic, const std::string& node_address,
          const std::string& address) {
  INFO(address);
  const std::string any = address.find(':') != address.npos ? "::" : "0.0.0.0";
  Capture veth(kNode, pod.host_nic);
  Capture rail(pod.name, nic);
  {
    const UdpSocket client(kNode, {.address = any});
    const UdpSocket server(pod.name, {.address = address});
    CHECK(exchange(client, server, address));
  }
  {
    const UdpSocket client(pod.name, {.address = address});
    const UdpSocket server(kNode, {.address = node_address});
    CHECK(exchange(client, server, node_address));
  }
  CHECK(veth.count(goes(node_address, address)) == 2);
  CHECK(veth.count(goes(address, node_address)) == 2);
  CHECK(rail.count([&](const Frame& frame) {
    return frame.ip.src == node_address || frame.ip.dst == node_address;
  }) == 0);
}

}  // namespace

TEST_CASE("the node and a NIC talk by the overlay NIC", "[host-rule]") {
  const Overlay overlay = GENERATE(Overlay::calico, Overlay::flannel, Overlay::cilium);
  PodWorld world(1, overlay);
  ip({"addr", "add", "172.16.11.5/24", "dev", rail_master(1)});
  stop_forwarding();
  world.look();
  const Pod& pod = world.pod();
  REQUIRE(failure(world.add(1, kPatch)) == "");
  CHECK(rules(kNode) == kOurRule);
  const std::string nic = overlay == Overlay::flannel ? "cni0" : pod.host_nic;
  CHECK(routes(kNode, kTable) ==
        Lines{"172.16.11.10 via " + pod.address + " dev " + nic + " src 10.1.20.4 ours"});
  const std::string way =
      " via " + pod.next_hop + " dev eth0" + (overlay == Overlay::cilium ? " mtu 1450" : "");
  CHECK(routes("pod", 101) == Lines{"default via 172.16.11.254 dev net1 ours",
                                    "10.1.20.4" + way + " ours",
                                    "172.16.11.0/24 dev net1 scope link src 172.16.11.10 ours",
                                    "172.16.11.5" + way + " ours"});
  CHECK(ip_json(kNode, {"-6", "route", "show", "table", "all", "protocol", "216"}).empty());
  CHECK(ip_json(kNode, {"-6", "rule", "show", "pref", "1000"}).empty());
  CHECK(failure(world.check(1)) == "");
  talk(pod, "net1", kNodeAddress, rail_address(1));
  REQUIRE(failure(world.del(1)) == "");
  CHECK(world.changes() == "");
}

TEST_CASE("the rule stays until the last NIC of the node has gone", "[host-rule]") {
  PodWorld world(2);
  stop_forwarding();
  const Pod second = world.scenario().add_pod("second");
  Runtime runtime(second, "another-container");
  ip_batch("", "rule add pref 900 from 192.0.2.1 lookup 77\n");
  const json before = snapshot_world({"pod", "second"});
  for (const int n : {1, 2}) {
    REQUIRE(failure(world.add(n, kPatch)) == "");
  }
  REQUIRE(failure(runtime.add("net1", with_table(rail_config(1)))) == "");
  const Lines all_rules = Lines{"900: from 192.0.2.1 lookup 77"} + kOurRule;
  CHECK(rules(kNode) == all_rules);
  CHECK(routes(kNode, kTable) ==
        Lines{node_route(world.pod(), 1), node_route(second, 1, 11), node_route(world.pod(), 2)});
  CHECK(routes("pod", 102) == Lines{"default via 172.16.12.254 dev net2 ours",
                                    "10.1.20.4 via 169.254.1.1 dev eth0 ours",
                                    "172.16.12.0/24 dev net2 scope link src 172.16.12.10 ours"});
  talk(world.pod(), "net1", kNodeAddress, rail_address(1));
  talk(world.pod(), "net2", kNodeAddress, rail_address(2));
  talk(second, "net1", kNodeAddress, rail_address(1, 11));

  REQUIRE(failure(world.del(1)) == "");
  CHECK(rules(kNode) == all_rules);
  CHECK(failure(world.check(2)) == "");
  CHECK(failure(runtime.check("net1")) == "");
  REQUIRE(failure(world.del(2)) == "");
  REQUIRE(failure(world.del(2)) == "");
  CHECK(routes(kNode, kTable) == Lines{node_route(second, 1, 11)});
  talk(second, "net1", kNodeAddress, rail_address(1, 11));
  REQUIRE(failure(runtime.del("net1")) == "");
  CHECK(difference(before, snapshot_world({"pod", "second"})) == "");
}

TEST_CASE("a rule of somebody else for the table is used and stays", "[host-rule]") {
  PodWorld world(1);
  stop_forwarding();
  ip_batch("", "rule add pref 32765 lookup 500\nroute add 192.0.2.0/24 dev eno1 table 500\n");
  world.look();
  REQUIRE(failure(world.add(1, kPatch)) == "");
  CHECK(rules(kNode) == Lines{"32765: from all lookup 500"});
  CHECK(failure(world.check(1)) == "");
  talk(world.pod(), "net1", kNodeAddress, rail_address(1));
  REQUIRE(failure(world.del(1)) == "");
  CHECK(world.changes() == "");
}

TEST_CASE("a rule that does not do is not used, and stays", "[host-rule]") {
  const std::string rule = GENERATE(
      "pref 800 from 10.1.20.4 lookup 500", "pref 800 iif eno1 lookup 500",
      "pref 800 fwmark 1 lookup 500", "pref 800 tos 0x10 lookup 500",
      "pref 800 not from 10.1.0.0/16 lookup 500", "pref 800 lookup 501", "pref 32766 lookup 500");
  INFO(rule);
  PodWorld world(1);
  stop_forwarding();
  ip_batch("", "rule add " + rule + '\n');
  world.look();
  REQUIRE(failure(world.add(1, kPatch)) == "");
  const Lines all = rules(kNode);
  CHECK(std::count(all.begin(), all.end(), kOurRule.front()) == 1);
  talk(world.pod(), "net1", kNodeAddress, rail_address(1));
  REQUIRE(failure(world.del(1)) == "");
  CHECK(world.changes() == "");
}

TEST_CASE("an overlay NIC that the node does not reach directly is refused", "[host-rule]") {
  PodWorld world(1);
  const Pod& pod = world.pod();
  const std::string change =
      GENERATE_COPY("route del " + pod.address + "\n",
                    "route del " + pod.address + "\nroute add " + pod.address + " via 10.1.0.1\n",
                    "route del " + pod.address + "\nroute add unreachable " + pod.address + "\n");
  INFO(change);
  const Answer first = world.add(1, kPatch);
  REQUIRE(failure(first) == "");
  ip_batch("", change);
  const Answer checked = world.check(1);
  INFO(checked);
  CHECK(checked.code() != 0);
  CHECK(names(checked.message(), {pod.address}));
  REQUIRE(failure(world.del(1)) == "");
  world.look();
  const Answer added = world.add(1, kPatch);
  INFO(added);
  CHECK(added.code() == 108);
  CHECK(names(added.message(), {"hostRuleTable 500", pod.address}));
  CHECK(world.changes() == "");
}

TEST_CASE("a family without addresses of the NIC need not be reached", "[host-rule][v6]") {
  PodWorld world(1, Overlay::calico, Families::dual);
  ip({"-6", "route", "del", world.pod().address6});
  world.look();
  SECTION("the NIC is of the other family") {
    REQUIRE(failure(world.add("net1", with_table(rail_config_of(Families::v4, 1)))) == "");
    CHECK(routes(kNode, kTable) == Lines{node_route(world.pod(), 1)});
    CHECK(rules(kNode, "-6").empty());
    talk(world.pod(), "net1", kNodeAddress, rail_address(1));
    CHECK(failure(world.check(1)) == "");
    REQUIRE(failure(world.del(1)) == "");
  }
  SECTION("the NIC is of this family too") {
    const Answer added = world.add("net1", with_table(rail_config_of(Families::dual, 1)));
    CHECK(added.code() == 108);
    CHECK(names(added.message(), {"hostRuleTable 500", world.pod().address6}));
  }
  CHECK(world.changes() == "");
}

TEST_CASE("CHECK sees what is missing on the node and in the pod", "[host-rule]") {
  PodWorld world(1);
  REQUIRE(failure(world.add(1, kPatch)) == "");
  const std::string route = "172.16.11.10 via 10.233.119.164";
  struct Drift {
    std::string netns;
    std::string change;
    Lines words;
  };
  const Drift drift = GENERATE_COPY(
      Drift{"", "rule del pref 1000", {"the node's rule", "from all lookup 500", "found nothing"}},
      Drift{"", "route flush table 500", {"the node's route", route, "found nothing"}},
      Drift{"",
            "route change " + route + " dev cali0 src 10.1.20.4 table 500 mtu 900",
            {"the node's route", route, "mtu 900"}},
      Drift{"",
            "route change " + route + " dev cali0 table 500",
            {"the node's route", route, "src 10.1.20.4"}},
      Drift{"",
            "route replace unreachable 172.16.11.10 table 500",
            {"the node's route", route, "unreachable"}},
      Drift{"pod",
            "route del 10.1.20.4 table 101",
            {"route", "10.1.20.4 via 169.254.1.1 dev eth0", "table 101"}});
  INFO(drift.change);
  ip_batch(drift.netns, drift.change + '\n');
  const Answer checked = world.check(1);
  INFO(checked);
  CHECK(checked.code() == 109);
  CHECK(names(checked.message(), drift.words));
  REQUIRE(failure(world.del(1)) == "");
}

TEST_CASE("both families have their rule, routes and ways back", "[host-rule][v6]") {
  PodWorld world(1, Overlay::calico, Families::dual);
  stop_forwarding();
  put_sysctl(kGateways, "ipv6/conf/all/forwarding", "0");
  const Pod& pod = world.pod();
  const auto families = GENERATE(Families::dual, Families::v6);
  REQUIRE(failure(world.add("net1", with_table(rail_config_of(families, 1)))) == "");
  const bool has_v4 = families == Families::dual;
  CHECK(rules(kNode) == (has_v4 ? kOurRule : Lines{}));
  CHECK(rules(kNode, "-6") == kOurRule);
  CHECK(routes(kNode, kTable) == (has_v4 ? Lines{node_route(pod, 1)} : Lines{}));
  CHECK(routes(kNode, kTable, "-6") ==
        Lines{rail_address6(1) + " via " + pod.address6 + " dev " + pod.host_nic + " src " +
              kNodeAddress6 + " metric 1024 ours"});
  const Lines back = routes_by("eth0", "pod", 101, "-6");
  CHECK(back == Lines{std::string(kNodeAddress6) + " via " + kCalicoNextHop6 +
                      " dev eth0 metric 1024 ours"});
  CHECK(routes_by("eth0", "pod", 101).size() == (has_v4 ? 1 : 0));
  CHECK(failure(world.check(1)) == "");
  talk(pod, "net1", kNodeAddress6, rail_address6(1));
  if (has_v4) {
    talk(pod, "net1", kNodeAddress, rail_address(1));
  }
  REQUIRE(failure(world.del(1)) == "");
  CHECK(world.changes() == "");
}

TEST_CASE("a pod without an overlay NIC has no routes on the node, and a warning", "[host-rule]") {
  PodWorld world(1, Overlay::none);
  const Answer added = world.add(1, kPatch);
  REQUIRE(failure(added) == "");
  CHECK(names(added.err, {"level=warn", "hostRuleTable", "no overlay NIC"}));
  CHECK(rules(kNode).empty());
  CHECK(routes(kNode, kTable).empty());
  CHECK(failure(world.check(1)) == "");
  REQUIRE(failure(world.del(1)) == "");
  CHECK(world.changes() == "");
}

TEST_CASE("the answers to the node go by the overlay NIC, whatever is kept there", "[host-rule]") {
  PodWorld world(1);
  stop_forwarding();
  const auto [addresses, is_routed] = GENERATE(table<json, bool>(
      {{json::array(), true}, {json::array({"192.0.2.1"}), true}, {"auto", false}}));
  INFO(addresses << is_routed);
  json patch = kPatch;
  patch["hostAddresses"] = addresses;
  patch["tunePodRoutes"] = is_routed;
  REQUIRE(failure(world.add(1, patch)) == "");
  talk(world.pod(), "net1", kNodeAddress, rail_address(1));
  CHECK(failure(world.check(1)) == "");
  REQUIRE(failure(world.del(1)) == "");
  CHECK(world.changes() == "");
}
