// SPDX-License-Identifier: Apache-2.0
/// \file
/// A pod of the scenario whose cluster and rails have IPv6 alone.
#include <linux/rtnetlink.h>

#include <algorithm>
#include <cstring>
#include <sstream>

#include "mvr/ip/address.hpp"
#include "support/capture.hpp"
#include "support/catch.hpp"
#include "support/ipam_scripts.hpp"
#include "support/namespaces.hpp"
#include "support/netlink_trace.hpp"
#include "support/routing_lines.hpp"
#include "support/routing_world.hpp"
#include "support/scenario_v6.hpp"
#include "support/shell.hpp"
#include "support/traffic.hpp"

using namespace mvr::test;

namespace {

constexpr const char* kEth0 = "fd00:10:233::a4";
const std::string kByEth0 = std::string(" via ") + kCalicoNextHop6 + " dev eth0";

Lines sorted(Lines lines) {
  std::sort(lines.begin(), lines.end());
  return lines;
}

Lines table_of_pod(unsigned table) {
  return sorted(routes("pod", table, "-6"));
}

/// `ip -6 WORDS` in the pod.
void change(const std::string& words) {
  std::vector<std::string> arguments{"-n", "pod", "-6"};
  std::istringstream text(words);
  for (std::string word; text >> word;) {
    arguments.push_back(word);
  }
  ip(arguments);
}

Lines table_of_rail(int n, const std::string& gateway) {
  const std::string dev = " dev net" + std::to_string(n);
  return {"default via " + gateway + dev + " metric 1024 ours",
          rail_subnet6(n) + dev + " src " + rail_address6(n) + " metric 1024 ours",
          "fe80::/64" + dev + " metric 1024 ours"};
}

Lines overlay_table() {
  return {"default" + kByEth0 + " metric 1024 ours",
          std::string(kEth0) + " dev eth0 metric 256 ours", "fe80::/64 dev eth0 metric 256 ours"};
}

/// What main has by eth0: the pod's own routes and the cluster's.
Lines overlay_main() {
  const std::string ours = kByEth0 + " src " + kEth0 + " metric 100 ours";
  return {"default" + kByEth0 + " metric 1024",
          std::string(kNodeAddress6) + ours,
          "fd00:10:233::/64" + ours,
          std::string(kEth0) + " dev eth0 metric 256 kernel",
          "fd00:10:96::/108" + ours,
          "fe80::/64 dev eth0 metric 256 kernel"};
}

Lines main_of_rail(int n) {
  const std::string nic = "net" + std::to_string(n);
  return {rail_subnet6(n) + " dev " + nic + " metric " + std::to_string(100 + n) + " kernel",
          "fe80::/64 dev " + nic + " metric 256 kernel"};
}

Lines rules_of(const std::string& nic, const std::string& address, unsigned table) {
  const std::string number = std::to_string(table);
  const std::string priority = std::to_string(32000 + table);
  return {priority + ": from " + address + " lookup " + number + " ours",
          priority + ": from all oif " + nic + " lookup " + number + " ours"};
}

struct Drift {
  const char* spoil;
  const char* mend;
  Lines words;
};

}  // namespace

TEST_CASE("a pod of IPv6 alone has its addresses, tables and rules", "[ipv6]") {
  PodWorld world(2, Overlay::calico, Families::v6);
  RouteWatch watch("pod");
  const Answer answer = world.add(1, rail_config_of(Families::v6, 1));
  REQUIRE(failure(answer) == "");
  CHECK(answer.body == json{{"cniVersion", "1.0.0"},
                            {"interfaces",
                             {{{"name", "net1"},
                               {"mac", ip_json("pod", {"link", "show", "net1"})[0]["address"]},
                               {"sandbox", world.pod().netns}}}},
                            {"ips",
                             {{{"address", "fd00:172:11::10/64"},
                               {"gateway", "fd00:172:11::fe"},
                               {"interface", 0}}}}});
  CHECK(addresses6("pod", "net1") == Lines{"fd00:172:11::10/64 metric 101 nodad"});
  REQUIRE(failure(world.add(2, rail_config_of(Families::v6, 2))) == "");
  CHECK(table_of_pod(101) == sorted(table_of_rail(1, rail_gateway6(1))));
  CHECK(table_of_pod(102) == sorted(table_of_rail(2, rail_gateway6(2))));
  CHECK(table_of_pod(100) == sorted(overlay_table()));
  CHECK(table_of_pod(kMainTable) == sorted(overlay_main() + main_of_rail(1) + main_of_rail(2)));
  CHECK(rules("pod", "-6") == rules_of("eth0", kEth0, 100) +
                                  rules_of("net1", rail_address6(1), 101) +
                                  rules_of("net2", rail_address6(2), 102));
  CHECK(rules("pod").empty());
  CHECK(routes("pod", kMainTable).empty());
  CHECK(failure(world.check(1)) == "");
  CHECK(failure(world.check(2)) == "");
  REQUIRE(failure(world.del(1)) == "");
  CHECK(rules("pod", "-6") ==
        rules_of("eth0", kEth0, 100) + rules_of("net2", rail_address6(2), 102));
  CHECK(table_of_pod(kMainTable) == sorted(overlay_main() + main_of_rail(2)));
  CHECK(failure(world.check(2)) == "");
  REQUIRE(failure(world.del(2)) == "");
  CHECK(world.changes() == "");
  CHECK(failure(world.del(2)) == "");
  CHECK(world.changes() == "");
  const auto& events = watch.events();
  CHECK(std::any_of(events.begin(), events.end(),
                    [](const RouteEvent& e) { return e.dst == "::/0" && e.table == 101; }));
  CHECK(std::none_of(events.begin(), events.end(),
                     [](const RouteEvent& e) { return e.dst == "::/0" && e.table == kMainTable; }));
}

TEST_CASE("CHECK finds what is missing of IPv6", "[ipv6][check]") {
  PodWorld world(1, Overlay::calico, Families::v6);
  REQUIRE(failure(world.add(1, rail_config_of(Families::v6, 1))) == "");
  const std::vector<Drift> drifts{
      {"route del default table 101",
       "route add default via fd00:172:11::fe dev net1 table 101 proto 216",
       {"wanted default via fd00:172:11::fe dev net1 metric 1024 table 101, found nothing"}},
      {"route change default via fd00:172:11::77 dev net1 table 101 proto 216",
       "route change default via fd00:172:11::fe dev net1 table 101 proto 216",
       {"wanted default via fd00:172:11::fe", "found default via fd00:172:11::77"}},
      {"route del fe80::/64 table 101",
       "route add fe80::/64 dev net1 table 101 proto 216",
       {"wanted fe80::/64 dev net1 metric 1024 table 101, found nothing"}},
      {"route del fd00:172:11::/64 table 101",
       "route add fd00:172:11::/64 dev net1 src fd00:172:11::10 table 101 proto 216",
       {"wanted fd00:172:11::/64 dev net1 src fd00:172:11::10 metric 1024 table 101"}},
      {"route del default table 100",
       "route add default via fe80::ecee:eeff:feee:eeee dev eth0 table 100 proto 216",
       {"wanted default via fe80::ecee:eeff:feee:eeee dev eth0 metric 1024 table 100"}},
      {"route del fd00:10:96::/108",
       "route add fd00:10:96::/108 via fe80::ecee:eeff:feee:eeee dev eth0 metric 100 proto 216",
       {"wanted fd00:10:96::/108 via fe80::ecee:eeff:feee:eeee dev eth0", "table main"}},
      {"route del fd00:10:1::4",
       "route add fd00:10:1::4 via fe80::ecee:eeff:feee:eeee dev eth0 metric 100 proto 216",
       {"wanted fd00:10:1::4 via fe80::ecee:eeff:feee:eeee dev eth0"}},
      {"rule del from fd00:172:11::10",
       "rule add from fd00:172:11::10 lookup 101 priority 32101 protocol 216",
       {"wanted from fd00:172:11::10 lookup 101 priority 32101, found nothing"}},
      {"rule del oif net1",
       "rule add oif net1 lookup 101 priority 32101 protocol 216",
       {"wanted from all oif net1 lookup 101 priority 32101, found nothing"}},
      {"rule del from fd00:10:233::a4",
       "rule add from fd00:10:233::a4 lookup 100 priority 32100 protocol 216",
       {"wanted from fd00:10:233::a4 lookup 100 priority 32100"}},
      {"addr change fd00:172:11::10/64 dev net1 metric 7",
       "addr change fd00:172:11::10/64 dev net1 metric 101",
       {"address fd00:172:11::10/64 metric: wanted 101, found 7"}}};
  for (const Drift& drift : drifts) {
    INFO(drift.spoil);
    CHECK(failure(world.check(1)) == "");
    change(drift.spoil);
    const Answer answer = world.check(1);
    INFO(answer);
    CHECK(answer.code() == 109);
    CHECK(names(answer.message(), drift.words));
    CHECK_FALSE(names(answer.message(), {"; "}));
    change(drift.mend);
  }
  put_sysctl("pod", "ipv6/conf/net1/accept_ra", "1");
  CHECK(names(world.check(1).message(), {"ipv6/conf/net1/accept_ra: wanted 0, found 1"}));
  put_sysctl("pod", "ipv6/conf/net1/accept_ra", "0");
  // The kernel takes the address out of the routes that have it as their source.
  change("addr del fd00:172:11::10/64 dev net1");
  const Answer answer = world.check(1);
  INFO(answer);
  CHECK(names(answer.message(),
              {"address fd00:172:11::10/64: wanted it, found nothing",
               "wanted fd00:172:11::/64 dev net1 src fd00:172:11::10 metric 1024 table 101, found "
               "fd00:172:11::/64 dev net1 metric 1024 table 101"}));
  CHECK(failure(world.del(1)) == "");
  CHECK(world.changes() == "");
}

TEST_CASE("a link-local gateway of IPAM's is the rail's default", "[ipv6]") {
  PodWorld world(1, Overlay::calico, Families::v6);
  json config = rail_config_of(Families::v6, 1);
  config["ipam"] = {
      {"type", "static"},
      {"addresses", {{{"address", "fd00:172:11::10/64"}, {"gateway", kRailGatewayLinkLocal}}}}};
  const Answer answer = world.add("net1", config);
  REQUIRE(failure(answer) == "");
  CHECK(answer.body["ips"][0]["gateway"] == kRailGatewayLinkLocal);
  CHECK(table_of_pod(101) == sorted(table_of_rail(1, kRailGatewayLinkLocal)));
  CHECK(exchange(UdpSocket(kFar, {.address = kFarAddress6}),
                 UdpSocket("pod", {.address = rail_address6(1)}), rail_address6(1)));
  CHECK(failure(world.check(1)) == "");
  CHECK(failure(world.del(1)) == "");
  CHECK(world.changes() == "");
}

TEST_CASE("a silent gateway of IPv6 fails ADD, and nothing is left", "[ipv6]") {
  PodWorld world(1, Overlay::calico, Families::v6);
  json config = rail_config_of(Families::v6, 1);
  config["gatewayProbe"] = {{"attempts", 2}, {"interval", "20ms"}};
  config["ipam"]["ranges"][0][0]["gateway"] =
      GENERATE(std::string("fd00:172:11::77"), std::string("fe80::77"));
  const Answer answer = world.add("net1", config);
  INFO(answer);
  CHECK(answer.code() == 104);
  CHECK(names(answer.message(), {"net1", rail_master(1), "fd00:172:11::10",
                                 config["ipam"]["ranges"][0][0]["gateway"]}));
  CHECK(world.changes() == "");
}

TEST_CASE("an IPv6 rail without a gateway lets nothing out by the overlay NIC", "[ipv6]") {
  PodWorld world(1, Overlay::calico, Families::v6);
  const FakeIpam ipam;
  ipam.answer({{"cniVersion", "1.0.0"}, {"ips", {{{"address", "fd00:172:11::10/64"}}}}});
  world.use(ipam);
  json config = rail_config_of(Families::v6, 1);
  config["ipam"] = ipam.section();
  REQUIRE(failure(world.add("net1", config)) == "");
  const Lines table = table_of_pod(101);
  CHECK(table.size() == 3);
  CHECK(table.back() == "unreachable default dev lo metric 4294967295 ours");
  CHECK(failure(world.check(1)) == "");
  change("route del unreachable default table 101");
  CHECK(names(world.check(1).message(),
              {"wanted unreachable default metric 4294967295 table 101, found nothing"}));
  CHECK(failure(world.del(1)) == "");
  CHECK(world.changes() == "");
}

TEST_CASE("the next hop of a removed IPv6 default is the node's end of eth0", "[ipv6]") {
  PodWorld world(1, Overlay::calico, Families::v6);
  change("route del default");
  world.look();
  REQUIRE(failure(world.add(1, rail_config_of(Families::v6, 1))) == "");
  // Calico's address and the one that the kernel made: both lead to the node.
  const Lines by_eth0 = routes_by("eth0", "pod", kMainTable, "-6");
  CHECK(std::count_if(by_eth0.begin(), by_eth0.end(), [](const std::string& line) {
          return line.find(" via fe80::") != std::string::npos;
        }) == 3);
  CHECK(table_of_pod(100).front().starts_with("default via fe80::"));
  CHECK(failure(world.check(1)) == "");
  CHECK(failure(world.del(1)) == "");
  CHECK(world.changes() == "");
}

TEST_CASE("ADD asks the kernel whether its IPv6 address receives", "[ipv6]") {
  // The kernel opens the address by a worker, at leisure: the rare packet that comes too soon is
  // not to be had on purpose, but the question is.
  PodWorld world(1, Overlay::calico, Families::v6);
  const Traced traced = run_traced(world.make_call("ADD", "net1", rail_config_of(Families::v6, 1)));
  REQUIRE(failure(traced.answer) == "");
  const auto own = mvr::ip::Address::parse(rail_address6(1)).value();
  const auto bytes = own.bytes();
  const std::string address(bytes.begin(), bytes.end());
  const auto says = [&](const SentMessage& sent, std::uint16_t type) {
    nlmsghdr header{};
    std::memcpy(&header, sent.bytes.data(), sizeof(header));
    return header.nlmsg_type == type && sent.bytes.find(address) != std::string::npos;
  };
  const auto made = std::find_if(traced.sent.begin(), traced.sent.end(),
                                 [&](const auto& sent) { return says(sent, RTM_NEWADDR); });
  REQUIRE(made != traced.sent.end());
  CHECK(std::any_of(made, traced.sent.end(),
                    [&](const auto& sent) { return says(sent, RTM_GETROUTE); }));
}
