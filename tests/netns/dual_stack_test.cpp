// SPDX-License-Identifier: Apache-2.0
/// \file
/// IPv4 and IPv6 on one NIC, in pods whose overlay NIC has either or both.
#include <algorithm>

#include "support/catch.hpp"
#include "support/ipam_scripts.hpp"
#include "support/namespaces.hpp"
#include "support/routing_lines.hpp"
#include "support/routing_world.hpp"
#include "support/scenario_v6.hpp"
#include "support/shell.hpp"

using namespace mvr::test;

namespace {

Lines sorted(Lines lines) {
  std::sort(lines.begin(), lines.end());
  return lines;
}

Lines both_tables(unsigned table) {
  return sorted(routes("pod", table) + routes("pod", table, "-6"));
}

/// T of rail n, of both families; sorted.
Lines rail_table(int n) {
  const std::string dev = " dev net" + std::to_string(n);
  return sorted({"default via " + rail_gateway(n) + dev + " ours",
                 rail_subnet(n) + dev + " scope link src " + rail_address(n) + " ours",
                 "default via " + rail_gateway6(n) + dev + " metric 1024 ours",
                 rail_subnet6(n) + dev + " src " + rail_address6(n) + " metric 1024 ours",
                 "fe80::/64" + dev + " metric 1024 ours"});
}

Lines rail_main(int n) {
  const std::string dev = " dev net" + std::to_string(n);
  const std::string metric = " metric " + std::to_string(100 + n) + " kernel";
  return {rail_subnet(n) + dev + " scope link src " + rail_address(n) + metric,
          rail_subnet6(n) + dev + metric, "fe80::/64" + dev + " metric 256 kernel"};
}

Lines rules_of(const std::string& nic, const std::string& address, unsigned table) {
  const std::string number = std::to_string(table);
  const std::string priority = std::to_string(32000 + table);
  return {priority + ": from " + address + " lookup " + number + " ours",
          priority + ": from all oif " + nic + " lookup " + number + " ours"};
}

json dual_config(int n) {
  return rail_config_of(Families::dual, n);
}

/// DEL of all NICs, twice; the world is as it was.
void del_all(PodWorld& world, const std::vector<int>& rails) {
  for (int round = 0; round < 2; ++round) {
    for (const int n : rails) {
      CHECK(failure(world.del(n)) == "");
    }
    CHECK(world.changes() == "");
  }
}

}  // namespace

TEST_CASE("a dual-stack pod has both families in each table", "[dual]") {
  PodWorld world(2, Overlay::calico, Families::dual);
  const Answer answer = world.add("net1", dual_config(1));
  REQUIRE(failure(answer) == "");
  CHECK(
      answer.body["ips"] ==
      json{{{"address", "172.16.11.10/24"}, {"gateway", "172.16.11.254"}, {"interface", 0}},
           {{"address", "fd00:172:11::10/64"}, {"gateway", "fd00:172:11::fe"}, {"interface", 0}}});
  REQUIRE(failure(world.add("net2", dual_config(2))) == "");
  CHECK(both_tables(101) == rail_table(1));
  CHECK(both_tables(102) == rail_table(2));
  const std::string by_eth0 = std::string(" via ") + kCalicoNextHop6 + " dev eth0";
  CHECK(routes("pod", 100) ==
        Lines{"default via 169.254.1.1 dev eth0 ours", "169.254.1.1 dev eth0 scope link ours"});
  CHECK(sorted(routes("pod", 100, "-6")) ==
        sorted({"default" + by_eth0 + " metric 1024 ours",
                "fd00:10:233::a4 dev eth0 metric 256 ours", "fe80::/64 dev eth0 metric 256 ours"}));
  const std::string ours = by_eth0 + " src fd00:10:233::a4 metric 100 ours";
  CHECK(both_tables(kMainTable) ==
        sorted(calico_main() + rail_main(1) + rail_main(2) +
               Lines{"default" + by_eth0 + " metric 1024", std::string(kNodeAddress6) + ours,
                     "fd00:10:233::/64" + ours, "fd00:10:96::/108" + ours,
                     "fd00:10:233::a4 dev eth0 metric 256 kernel",
                     "fe80::/64 dev eth0 metric 256 kernel"}));
  CHECK(rules("pod") == rules_of("eth0", "10.233.119.164", 100) +
                            rules_of("net1", rail_address(1), 101) +
                            rules_of("net2", rail_address(2), 102));
  CHECK(rules("pod", "-6") == rules_of("eth0", "fd00:10:233::a4", 100) +
                                  rules_of("net1", rail_address6(1), 101) +
                                  rules_of("net2", rail_address6(2), 102));
  CHECK(failure(world.check(1)) == "");
  CHECK(failure(world.check(2)) == "");
  del_all(world, {2, 1});
}

TEST_CASE("a cluster of IPv4 alone takes nothing of IPv6 from a dual-stack rail", "[dual]") {
  PodWorld world(1, Overlay::calico, Families::v4);
  REQUIRE(failure(world.add("net1", dual_config(1))) == "");
  CHECK(both_tables(101) == rail_table(1));
  CHECK(routes("pod", 100, "-6").empty());
  CHECK(rules("pod", "-6") == rules_of("net1", rail_address6(1), 101));
  CHECK(routes_by("eth0", "pod", kMainTable, "-6") ==
        Lines{"fe80::/64 dev eth0 metric 256 kernel"});
  CHECK(failure(world.check(1)) == "");
  del_all(world, {1});
}

TEST_CASE("a cluster of IPv6 alone takes nothing of IPv4 from a dual-stack rail", "[dual]") {
  PodWorld world(1, Overlay::calico, Families::v6);
  const Answer answer = world.add("net1", dual_config(1));
  REQUIRE(failure(answer) == "");
  CHECK(answer.err.find("level=warn") == std::string::npos);
  CHECK(both_tables(101) == rail_table(1));
  CHECK(routes("pod", 100).empty());
  CHECK(rules("pod") == rules_of("net1", rail_address(1), 101));
  CHECK(rules("pod", "-6") ==
        rules_of("eth0", "fd00:10:233::a4", 100) + rules_of("net1", rail_address6(1), 101));
  CHECK(failure(world.check(1)) == "");
  del_all(world, {1});
}

TEST_CASE("dual-stack pods may have rails of one family each", "[dual]") {
  PodWorld world(2, Overlay::calico, Families::dual);
  REQUIRE(failure(world.add("net1", rail_config_of(Families::v6, 1))) == "");
  REQUIRE(failure(world.add("net2", rail_config_of(Families::v4, 2))) == "");
  CHECK(routes("pod", 101).empty());
  CHECK(routes("pod", 102, "-6").empty());
  CHECK(rules("pod") ==
        rules_of("eth0", "10.233.119.164", 100) + rules_of("net2", rail_address(2), 102));
  CHECK(rules("pod", "-6") ==
        rules_of("eth0", "fd00:10:233::a4", 100) + rules_of("net1", rail_address6(1), 101));
  CHECK(failure(world.check(1)) == "");
  CHECK(failure(world.check(2)) == "");
  del_all(world, {1, 2});
}

TEST_CASE("static addresses of both families, IPAM's routes with them", "[dual]") {
  PodWorld world(1, Overlay::calico, Families::dual);
  json config = dual_config(1);
  config["cniVersion"] = GENERATE("0.4.0", "1.0.0");
  config["ipam"] = {
      {"type", "static"},
      {"addresses",
       {{{"address", "172.16.11.10/24"}, {"gateway", "172.16.11.254"}},
        {{"address", "fd00:172:11::10/64"}, {"gateway", "fd00:172:11::fe"}}}},
      {"routes",
       {{{"dst", "fd00:50::/32"}}, {{"dst", "fd00:10:233:0:8::/80"}}, {{"dst", "::/0"}}}}};
  const Answer answer = world.add("net1", config);
  REQUIRE(failure(answer) == "");
  const std::string by_gateway = " via fd00:172:11::fe dev net1 metric ";
  CHECK(both_tables(101) ==
        sorted(rail_table(1) + Lines{"fd00:50::/32" + by_gateway + "1024 ours",
                                     "fd00:10:233:0:8::/80" + by_gateway + "1024 ours"}));
  CHECK(sorted(routes_by("net1", "pod", kMainTable, "-6")) ==
        sorted({"fd00:50::/32" + by_gateway + "101 ours", rail_main(1)[1], rail_main(1)[2]}));
  CHECK(answer.body["routes"] == json{{{"dst", "fd00:50::/32"}}});
  CHECK(names(answer.err, {"fd00:10:233:0:8::/80", "warn"}));
  CHECK(failure(world.check(1)) == "");
  del_all(world, {1});
}

TEST_CASE("the only NIC of a pod has its defaults of both families in main", "[dual]") {
  PodWorld world(1, Overlay::none, Families::v4);
  json config = dual_config(1);
  REQUIRE(failure(world.add("net1", config)) == "");
  CHECK(sorted(routes("pod", kMainTable)) ==
        sorted({"default via 172.16.11.254 dev net1 ours",
                "172.16.11.0/24 dev net1 scope link src 172.16.11.10 kernel"}));
  CHECK(sorted(routes("pod", kMainTable, "-6")) ==
        sorted({"default via fd00:172:11::fe dev net1 metric 1024 ours",
                "fd00:172:11::/64 dev net1 metric 256 kernel",
                "fe80::/64 dev net1 metric 256 kernel"}));
  CHECK(rules("pod", "-6").empty());
  CHECK(failure(world.check(1)) == "");
  del_all(world, {1});
}

TEST_CASE("one family's failure takes back both", "[dual]") {
  PodWorld world(1, Overlay::calico, Families::dual);
  json config = dual_config(1);
  config["gatewayProbe"] = {{"attempts", 2}, {"interval", "20ms"}};
  config["ipam"]["ranges"][GENERATE(0U, 1U)][0].erase("gateway");
  // host-local then takes the first address of the subnet, where nobody is.
  const Answer answer = world.add("net1", config);
  INFO(answer);
  CHECK(answer.code() == 104);
  CHECK(world.changes() == "");
}

TEST_CASE("IPv6 may be off on a NIC that gets no address of it, and on no other", "[dual]") {
  PodWorld world(1, Overlay::calico, Families::dual);
  const json off{{"net.ipv6.conf.IFNAME.disable_ipv6", "1"}};
  SECTION("an address of it") {
    json config = dual_config(1);
    config["sysctls"] = off;
    const Answer answer = world.add("net1", config);
    INFO(answer);
    CHECK(answer.code() == 7);
    CHECK(names(answer.message(), {"sysctls.net.ipv6.conf.IFNAME.disable_ipv6 \"1\"", "\"0\"",
                                   rail_address6(1) + "/64"}));
  }
  SECTION("none") {
    REQUIRE(failure(world.add(1, {{"sysctls", off}})) == "");
    CHECK(failure(world.check(1)) == "");
    REQUIRE(failure(world.del(1)) == "");
  }
  CHECK(world.changes() == "");
}
