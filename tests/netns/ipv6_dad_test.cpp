// SPDX-License-Identifier: Apache-2.0
/// \file
/// What IPv6 does of its own accord on a NIC: duplicate address detection, router advertisements;
/// and pods that have it turned off.
#include <algorithm>

#include "support/capture.hpp"
#include "support/catch.hpp"
#include "support/namespaces.hpp"
#include "support/router_advertisement.hpp"
#include "support/routing_lines.hpp"
#include "support/routing_world.hpp"
#include "support/scenario_v6.hpp"
#include "support/shell.hpp"
#include "support/traffic.hpp"

using namespace mvr::test;

namespace {

constexpr int kIcmp6 = 58;

/// Where solicitations for rail 1's first address go. \source RFC 4291, section 2.7.1
constexpr const char* kSolicitedNode = "ff02::1:ff00:10";

Lines sorted(Lines lines) {
  std::sort(lines.begin(), lines.end());
  return lines;
}

json config_with(Families families, const json& ipv6) {
  json config = rail_config_of(families, 1);
  config["ipv6"] = ipv6;
  return config;
}

/// Asks whether somebody has the address, from nobody's address.
bool is_question(const Frame& frame) {
  return frame.ip.protocol == kIcmp6 && frame.ip.src == "::" && frame.ip.dst == kSolicitedNode;
}

/// Two advertisements of rail 1's gateway: when the second is there, the first has been dealt with.
void advertise(Capture& by_net1) {
  const auto is_advertisement = [](const Frame& frame) {
    return !frame.outgoing && frame.ip.protocol == kIcmp6 &&
           frame.ip.src == kRailGatewayLinkLocal && frame.ip.dst == "ff02::1";
  };
  for (int i = 0; i < 2; ++i) {
    advertise_router(kGateways, rail_gateway_nic(1), kRailGatewayLinkLocal, "fd00:172:11::");
    advertise_router(kGateways, rail_gateway_nic(1), kRailGatewayLinkLocal, "fd00:99::");
  }
  REQUIRE(eventually([&] { return by_net1.count(is_advertisement) == 4; }));
}

/// What the pod's IPv6 routing is, but for link-local routes and how long they live.
Lines routing_of_pod(unsigned table) {
  return sorted(routes("pod", table, "-6"));
}

}  // namespace

TEST_CASE("IPv6 is turned on for the NIC alone where the pod has it off", "[ipv6][off]") {
  PodWorld world(2, Overlay::calico, Families::v4);
  put_sysctl("pod", "ipv6/conf/all/disable_ipv6", "1");
  world.look();
  const auto settings_of_others = [] {
    Lines all;
    for (const char* nic : {"all", "default", "lo", "eth0"}) {
      for (const char* key : {"disable_ipv6", "accept_ra", "autoconf", "forwarding"}) {
        all.push_back(read_sysctl("pod", std::string("ipv6/conf/") + nic + '/' + key));
      }
    }
    return all;
  };
  const Lines before = settings_of_others();
  REQUIRE(failure(world.add("net1", rail_config_of(Families::dual, 1))) == "");
  REQUIRE(failure(world.add("net2", rail_config_of(Families::v4, 2))) == "");
  CHECK(settings_of_others() == before);
  CHECK(before.front() == "1");
  CHECK(read_sysctl("pod", "ipv6/conf/net1/disable_ipv6") == "0");
  CHECK(read_sysctl("pod", "ipv6/conf/net2/disable_ipv6") == "1");
  CHECK(addresses6("pod", "net1") == Lines{"fd00:172:11::10/64 metric 101 nodad"});
  CHECK(routing_of_pod(101).size() == 3);
  CHECK(rules("pod", "-6").size() == 2);
  CHECK(exchange(UdpSocket(kFar, {.address = kFarAddress6}),
                 UdpSocket("pod", {.address = rail_address6(1)}), rail_address6(1)));
  CHECK(failure(world.check(1)) == "");
  CHECK(failure(world.check(2)) == "");
  put_sysctl("pod", "ipv6/conf/net1/disable_ipv6", "1");
  CHECK(world.check(1).code() == 109);
  CHECK(failure(world.del(1)) == "");
  CHECK(failure(world.del(2)) == "");
  CHECK(world.changes() == "");
}

TEST_CASE("who looks for duplicates of an IPv6 address", "[ipv6][dad]") {
  PodWorld world(1, Overlay::calico, Families::dual);
  const auto [dad, questions, address] = GENERATE(
      table<const char*, int, const char*>({{"probe", 3, "fd00:172:11::10/64 metric 101 nodad"},
                                            {"kernel", 1, "fd00:172:11::10/64 metric 101"},
                                            {"off", 0, "fd00:172:11::10/64 metric 101 nodad"}}));
  INFO(dad);
  Capture rail(kGateways, rail_gateway_nic(1));
  REQUIRE(failure(world.add("net1", config_with(Families::dual, {{"dad", dad}}))) == "");
  // Not "tentative" in any of the cases.
  CHECK(addresses6("pod", "net1") == Lines{address});
  CHECK(rail.count(is_question) == questions);
  CHECK(failure(world.check(1)) == "");
  CHECK(failure(world.del(1)) == "");
  CHECK(world.changes() == "");
}

TEST_CASE("an IPv6 address that somebody has is refused by whoever looks", "[ipv6][dad]") {
  PodWorld world(1, Overlay::calico, Families::dual);
  ip({"-n", kGateways, "addr", "add", "fd00:172:11::10/64", "dev", "gw1", "nodad"});
  const std::string dad = GENERATE("probe", "kernel", "off");
  INFO(dad);
  const Answer answer = world.add("net1", config_with(Families::dual, {{"dad", dad}}));
  INFO(answer);
  if (dad == "off") {
    CHECK(answer.ok());
    CHECK(failure(world.del(1)) == "");
  } else {
    CHECK(answer.code() == 103);
    CHECK(names(answer.message(), {"net1", "fd00:172:11::10"}));
  }
  CHECK(world.changes() == "");
}

TEST_CASE("router advertisements change nothing on a NIC that takes none", "[ipv6][ra]") {
  PodWorld world(1, Overlay::calico, Families::dual);
  REQUIRE(failure(world.add("net1", rail_config_of(Families::dual, 1))) == "");
  const auto look = [] {
    return addresses6("pod", "net1") + routing_of_pod(101) + routing_of_pod(100) +
           routing_of_pod(kMainTable) + rules("pod", "-6");
  };
  const Lines before = look();
  Capture by_net1("pod", "net1");
  advertise(by_net1);
  CHECK(look() == before);
  CHECK(read_sysctl("pod", "ipv6/conf/net1/accept_ra") == "0");
  CHECK(read_sysctl("pod", "ipv6/conf/net1/autoconf") == "0");
  CHECK(failure(world.check(1)) == "");
  CHECK(failure(world.del(1)) == "");
  CHECK(world.changes() == "");
}

TEST_CASE("a NIC that takes router advertisements keeps its routing", "[ipv6][ra]") {
  PodWorld world(1, Overlay::calico, Families::dual);
  // As on nodes that forward and take none themselves.
  if (GENERATE(false, true)) {
    put_sysctl("pod", "ipv6/conf/default/accept_ra", "0");
    put_sysctl("pod", "ipv6/conf/default/autoconf", "0");
    put_sysctl("pod", "ipv6/conf/default/forwarding", "1");
    put_sysctl("pod", "ipv6/conf/default/disable_ipv6", "1");
    world.look();
  }
  REQUIRE(failure(world.add("net1", config_with(Families::dual, {{"acceptRA", true}}))) == "");
  const Lines table = routing_of_pod(101);
  const Lines overlay = routing_of_pod(100);
  const Lines by_eth0 = routes_by("eth0", "pod", kMainTable, "-6");
  Capture by_net1("pod", "net1");
  advertise(by_net1);
  const auto has_address_of = [](const std::string& prefix) {
    const Lines addresses = addresses6("pod", "net1");
    return std::count_if(addresses.begin(), addresses.end(),
                         [&](const std::string& line) { return line.starts_with(prefix); }) > 0;
  };
  CHECK(has_address_of("fd00:99::"));
  CHECK(addresses6("pod", "net1").size() == 3);
  CHECK(routing_of_pod(101) == table);
  CHECK(routing_of_pod(100) == overlay);
  const Lines by_rail = routes_by("net1", "pod", kMainTable, "-6");
  CHECK(std::count_if(by_rail.begin(), by_rail.end(), [](const std::string& line) {
          return line.starts_with("fd00:99::/64 ");
        }) == 1);
  CHECK(std::none_of(by_rail.begin(), by_rail.end(),
                     [](const std::string& line) { return line.starts_with("default"); }));
  CHECK(routes_by("eth0", "pod", kMainTable, "-6") == by_eth0);
  CHECK(failure(world.check(1)) == "");
  CHECK(failure(world.del(1)) == "");
  CHECK(world.changes() == "");
}

TEST_CASE("the only NIC of a pod may take its default from a router", "[ipv6][ra]") {
  PodWorld world(1, Overlay::none, Families::v4);
  json config = config_with(Families::v6, {{"acceptRA", true}});
  config["ipam"] = {{"type", "static"}, {"addresses", {{{"address", "fd00:172:11::10/64"}}}}};
  REQUIRE(failure(world.add("net1", config)) == "");
  Capture by_net1("pod", "net1");
  advertise(by_net1);
  const Lines main = routes("pod", kMainTable, "-6");
  CHECK(std::count_if(main.begin(), main.end(), [](const std::string& line) {
          return line.starts_with("default via fe80::fe dev net1");
        }) == 1);
  CHECK(failure(world.check(1)) == "");
  CHECK(failure(world.del(1)) == "");
  CHECK(world.changes() == "");
}

TEST_CASE("ADD does not wait for the kernel to have examined eth0's address", "[ipv6][dad]") {
  PodWorld world(1, Overlay::calico, Families::v6);
  // Ten seconds: ADD comes in between, however slow the machine is.
  put_sysctl("pod", "ipv6/conf/eth0/dad_transmits", "10");
  ip_batch("pod", "addr del fd00:10:233::a4/128 dev eth0\naddr add fd00:10:233::a4/128 dev eth0\n");
  const auto is_tentative = [] {
    return addresses6("pod", "eth0") == Lines{"fd00:10:233::a4/128 tentative"};
  };
  REQUIRE(is_tentative());
  world.look();
  REQUIRE(failure(world.add("net1", rail_config_of(Families::v6, 1))) == "");
  REQUIRE(is_tentative());
  const std::string route =
      std::string("fd00:10:96::/108 via ") + kCalicoNextHop6 + " dev eth0 metric 100 ours";
  const Lines by_eth0 = routes_by("eth0", "pod", kMainTable, "-6");
  CHECK(std::count(by_eth0.begin(), by_eth0.end(), route) == 1);
  CHECK(rules("pod", "-6").size() == 4);
  CHECK(failure(world.check(1)) == "");
  ip_batch("pod",
           "addr del fd00:10:233::a4/128 dev eth0\n"
           "addr add fd00:10:233::a4/128 dev eth0 nodad\n");
  CHECK(addresses6("pod", "eth0") == Lines{"fd00:10:233::a4/128 nodad"});
  CHECK(failure(world.check(1)) == "");
}

TEST_CASE("a NIC whose MTU is too small for IPv6 has IPv4 alone", "[ipv6][off]") {
  PodWorld world(1, Overlay::calico, Families::dual);
  json config = rail_config_of(Families::v4, 1);
  config["mtu"] = 1279;
  REQUIRE(failure(world.add("net1", config)) == "");
  CHECK(failure(world.check(1)) == "");
  CHECK(failure(world.del(1)) == "");
  CHECK(world.changes() == "");
  config = rail_config_of(Families::dual, 1);
  config["mtu"] = 1279;
  const Answer answer = world.add("net1", config);
  INFO(answer);
  CHECK(answer.code() == 7);
  CHECK(names(answer.message(), {"net1", "fd00:172:11::10", "mtu", "1279", "1280"}));
  CHECK(world.changes() == "");
}
