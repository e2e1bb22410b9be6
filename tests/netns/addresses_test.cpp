// SPDX-License-Identifier: Apache-2.0
/// \file
/// NICs with several addresses, with several defaults, and with none.
#include <errno.h>

#include <algorithm>

#include "support/capture.hpp"
#include "support/catch.hpp"
#include "support/link_state.hpp"
#include "support/log_lines.hpp"
#include "support/namespaces.hpp"
#include "support/peer_rig.hpp"
#include "support/routing_world.hpp"
#include "support/scenario_v6.hpp"
#include "support/shell.hpp"
#include "support/traffic.hpp"

using namespace mvr::test;

namespace {

constexpr std::uint16_t kPort = 4711;
constexpr unsigned kTable = 101;
const json kFake{{"ipam", {{"type", "fake"}}}};
const json kUnprobed{{"gatewayProbe", false}, {"ipam", {{"type", "fake"}}}};
const json kStatic{{"ipam", {{"type", "static"}}},
                   {"capabilities", {{"ips", true}}},
                   {"runtimeConfig", {{"ips", {"172.16.11.10/24", "fd00:172:11::10/64"}}}}};

/// The messages of the warnings in a log.
Lines find_warnings(const Answer& answer) {
  Lines warnings;
  for (const LogLine& line : read_log(answer.err)) {
    if (line.at("level") == "warn") {
      warnings.push_back(line.at("msg"));
    }
  }
  return warnings;
}

/// The pod of a scenario with both families; IPAM answers with this.
struct Answered {
  explicit Answered(const json& result) {
    ipam.answer(result);
    world.use(ipam);
  }

  /// ADD and CHECK succeed.
  Answer add(const json& patch) {
    Answer added = world.add(1, patch);
    INFO(added);
    REQUIRE(failure(added) == "");
    CHECK(failure(world.check(1)) == "");
    return added;
  }

  /// DEL leaves nothing.
  void remove() const {
    CHECK(failure(world.del(1)) == "");
    CHECK(world.changes() == "");
  }

  PodWorld world{1, Overlay::calico, Families::dual};
  FakeIpam ipam;
};

json make_route(const std::string& dst, const std::string& gateway, unsigned priority) {
  return {{"dst", dst}, {"gw", gateway}, {"priority", priority}};
}

/// What is in `lines` and begins with one of the words.
Lines starting_with(const Lines& lines, const std::string& start) {
  Lines found;
  std::copy_if(lines.begin(), lines.end(), std::back_inserter(found),
               [&](const std::string& line) { return line.starts_with(start); });
  return found;
}

/// A host of the rail asks each of the NIC's addresses, and is answered by the one it has asked.
void expect_answers(const std::string& client_address, const Lines& addresses) {
  for (const std::string& address : addresses) {
    INFO(address);
    const UdpSocket server("pod", {.address = address, .port = kPort});
    const UdpSocket client(kGateways, {.address = client_address});
    CHECK(exchange(client, server, address));
  }
}

}  // namespace

TEST_CASE("a NIC has several addresses of both families, in one subnet and in two", "[ipam]") {
  Answered pod(make_result(
      {make_ip("172.16.11.10/24", "172.16.11.254"), make_ip("172.16.11.11/24", "172.16.11.254"),
       make_ip("172.16.21.10/24"), make_ip("fd00:172:11::10/64"),
       make_ip("fd00:172:11::11/64", "fd00:172:11::fe"), make_ip("fd00:172:21::10/64")}));
  const Answer added = pod.add(kFake);
  CHECK(find_warnings(added).empty());
  CHECK(added.body.at("ips").size() == 6);
  CHECK(addresses("pod", "net1") == Lines{"172.16.11.10/24", "172.16.21.10/24", "172.16.11.11/24"});
  const Lines six = addresses6("pod", "net1");
  for (const char* address : {"fd00:172:11::10/64", "fd00:172:11::11/64", "fd00:172:21::10/64"}) {
    CHECK(has_line(six, std::string(address) + " metric 101 nodad"));
  }
  CHECK(sorted(routes("pod", kTable)) ==
        Lines{"172.16.11.0/24 dev net1 scope link src 172.16.11.10 ours",
              "172.16.21.0/24 dev net1 scope link src 172.16.21.10 ours",
              "default via 172.16.11.254 dev net1 ours"});
  CHECK(sorted(routes("pod", kTable, "-6")) ==
        Lines{"default via fd00:172:11::fe dev net1 metric 1024 ours",
              "fd00:172:11::/64 dev net1 src fd00:172:11::10 metric 1024 ours",
              "fd00:172:21::/64 dev net1 src fd00:172:21::10 metric 1024 ours",
              "fe80::/64 dev net1 metric 1024 ours"});
  CHECK(starting_with(rules("pod"), "32101") == Lines{"32101: from 172.16.11.10 lookup 101 ours",
                                                      "32101: from 172.16.11.11 lookup 101 ours",
                                                      "32101: from 172.16.21.10 lookup 101 ours",
                                                      "32101: from all oif net1 lookup 101 ours"});
  CHECK(starting_with(rules("pod", "-6"), "32101") ==
        Lines{"32101: from fd00:172:11::10 lookup 101 ours",
              "32101: from fd00:172:11::11 lookup 101 ours",
              "32101: from fd00:172:21::10 lookup 101 ours",
              "32101: from all oif net1 lookup 101 ours"});
  ip_batch(kGateways,
           "addr add 172.16.21.254/24 dev gw1\naddr add fd00:172:21::fe/64 dev gw1 nodad\n");
  expect_answers("172.16.11.254", {"172.16.11.10", "172.16.11.11"});
  expect_answers("172.16.21.254", {"172.16.21.10"});
  expect_answers("fd00:172:11::fe", {"fd00:172:11::10", "fd00:172:11::11"});
  expect_answers("fd00:172:21::fe", {"fd00:172:21::10"});
  pod.remove();
}

TEST_CASE("of two subnets' gateways the first is the default's, and both must answer", "[ipam]") {
  const json result = make_result({make_ip("172.16.11.10/24", "172.16.11.254"),
                                   make_ip("172.16.21.10/24", "172.16.21.254"),
                                   make_ip("fd00:172:11::10/64", "fd00:172:11::fe"),
                                   make_ip("fd00:172:21::10/64", "fd00:172:21::fe")});
  Answered pod(result);
  const Answer refused =
      pod.world.add(1, {{"gatewayProbe", {{"attempts", 2}}}, {"ipam", kFake.at("ipam")}});
  CHECK(refused.code() == 104);
  CHECK(names(refused.message(), {"172.16.21.254"}));
  CHECK(pod.world.changes() == "");

  ip_batch(kGateways,
           "addr add 172.16.21.254/24 dev gw1\naddr add fd00:172:21::fe/64 dev gw1 nodad\n");
  const Answer added = pod.add(kFake);
  const Lines warnings = find_warnings(added);
  REQUIRE(warnings.size() == 2);
  CHECK(names(warnings[0], {"172.16.21.254", "172.16.21.10/24", "172.16.11.254"}));
  CHECK(names(warnings[1], {"fd00:172:21::fe", "fd00:172:21::10/64", "fd00:172:11::fe"}));
  CHECK(starting_with(routes("pod", kTable), "default") ==
        Lines{"default via 172.16.11.254 dev net1 ours"});
  CHECK(starting_with(routes("pod", kTable, "-6"), "default") ==
        Lines{"default via fd00:172:11::fe dev net1 metric 1024 ours"});
  CHECK(added.body.at("ips").at(1).at("gateway") == "172.16.21.254");
  pod.remove();
}

TEST_CASE("a NIC without gateway reaches its subnet, and nothing of it leaks to eth0", "[ipam]") {
  Answered pod(make_result({make_ip("172.16.11.10/24"), make_ip("fd00:172:11::10/64")}));
  // Of addresses from the runtime the static plugin knows no gateway.
  const json patch = GENERATE(kFake, kStatic);
  const Answer added = pod.add(patch);
  CHECK(find_warnings(added) ==
        Lines{"IPAM gives no gateway for IPv4: the NIC reaches its own subnet only",
              "IPAM gives no gateway for IPv6: the NIC reaches its own subnet only"});
  CHECK(sorted(routes("pod", kTable)) ==
        Lines{"172.16.11.0/24 dev net1 scope link src 172.16.11.10 ours",
              "unreachable default metric 4294967295 ours"});
  CHECK(sorted(routes("pod", kTable, "-6")) ==
        Lines{"fd00:172:11::/64 dev net1 src fd00:172:11::10 metric 1024 ours",
              "fe80::/64 dev net1 metric 1024 ours",
              "unreachable default dev lo metric 4294967295 ours"});
  expect_answers("172.16.11.254", {"172.16.11.10"});
  expect_answers("fd00:172:11::fe", {"fd00:172:11::10"});

  Capture overlay("", pod.world.pod().host_nic);
  for (const char* source : {"172.16.11.10", "fd00:172:11::10"}) {
    const char* outside = std::string(source).starts_with("fd") ? kFarAddress6 : kFarAddress;
    CHECK(UdpSocket("pod", {.address = source}).send(outside, kPort, "x") == EHOSTUNREACH);
  }
  // Of a socket bound to the device IPv4 takes everybody for a neighbour.
  CHECK(UdpSocket("pod", {.device = "net1"}).send(kFarAddress, kPort, "x") == 0);
  const auto leaks = [](const Frame& frame) { return frame.ip.dst_port == kPort; };
  CHECK(overlay.count(leaks) == 0);
  CHECK(UdpSocket("pod").send(kNodeAddress, kPort, "x") == 0);
  CHECK(overlay.wait_for(leaks));  // that one belongs there
  pod.remove();
}

TEST_CASE("IPAM's routes of several priorities are all in the NIC's table", "[ipam]") {
  const json gateway = GENERATE(json("172.16.11.254"), json());
  json ip = make_ip("172.16.11.10/24");
  if (gateway.is_string()) {
    ip["gateway"] = gateway;  // says nothing about a default that has one of its own
  }
  json result = make_result(
      {ip, make_ip("fd00:172:11::10/64")},
      {make_route("0.0.0.0/0", "172.16.11.253", 10), make_route("0.0.0.0/0", "172.16.11.254", 20),
       make_route("::/0", "fd00:172:11::fd", 10), make_route("::/0", "fd00:172:11::fe", 20),
       make_route("10.50.0.0/16", "172.16.11.253", 10),
       make_route("10.50.0.0/16", "172.16.11.254", 20)});
  result["cniVersion"] = "1.1.0";
  Answered pod(result);
  json patch = kUnprobed;
  patch["cniVersion"] = "1.1.0";
  const Answer added = pod.add(patch);
  CHECK(sorted(routes("pod", kTable)) ==
        Lines{"10.50.0.0/16 via 172.16.11.253 dev net1 metric 10 ours",
              "10.50.0.0/16 via 172.16.11.254 dev net1 metric 20 ours",
              "172.16.11.0/24 dev net1 scope link src 172.16.11.10 ours",
              "default via 172.16.11.253 dev net1 metric 10 ours",
              "default via 172.16.11.254 dev net1 metric 20 ours"});
  CHECK(starting_with(routes("pod", kTable, "-6"), "default") ==
        Lines{"default via fd00:172:11::fd dev net1 metric 10 ours",
              "default via fd00:172:11::fe dev net1 metric 20 ours"});
  CHECK(starting_with(routes("pod", kMainTable), "10.50.0.0/16") ==
        Lines{"10.50.0.0/16 via 172.16.11.253 dev net1 metric 10 ours",
              "10.50.0.0/16 via 172.16.11.254 dev net1 metric 20 ours"});
  CHECK(added.body.at("routes") == json{make_route("10.50.0.0/16", "172.16.11.253", 10),
                                        make_route("10.50.0.0/16", "172.16.11.254", 20)});
  pod.remove();
}

TEST_CASE("what 1.1.0 says of a route is in the kernel and in the result", "[ipam]") {
  const json v4{{"dst", "10.50.0.0/16"},
                {"gw", "172.16.11.253"},
                {"mtu", 1400},
                {"advmss", 1360},
                {"priority", 50}};
  const json v6{{"dst", "fd00:50::/48"},
                {"gw", "fd00:172:11::fd"},
                {"mtu", 1400},
                {"advmss", 1340},
                {"priority", 50}};
  const json on_link{{"dst", "10.51.0.0/16"}, {"scope", 253}};
  const json elsewhere{{"dst", "10.52.0.0/16"}, {"table", 500}, {"priority", 7}};
  const json elsewhere6{{"dst", "fd00:52::/48"}, {"table", 500}, {"priority", 7}};
  json result = make_result({make_ip("172.16.11.10/24", "172.16.11.254"),
                             make_ip("fd00:172:11::10/64", "fd00:172:11::fe")},
                            {v4, v6, on_link, elsewhere, elsewhere6});
  result["cniVersion"] = "1.1.0";
  Answered pod(result);
  json patch = kUnprobed;
  patch["cniVersion"] = "1.1.0";
  const Answer added = pod.add(patch);
  json shown_on_link = on_link;
  shown_on_link["priority"] = kTable;
  CHECK(added.body.at("routes") == json{v4, v6, shown_on_link});
  for (const unsigned table : {kTable, kMainTable}) {
    CHECK(starting_with(routes("pod", table), "10.50.0.0/16") ==
          Lines{"10.50.0.0/16 via 172.16.11.253 dev net1 metric 50 mtu 1400 advmss 1360 ours"});
    CHECK(starting_with(routes("pod", table, "-6"), "fd00:50::/48") ==
          Lines{"fd00:50::/48 via fd00:172:11::fd dev net1 metric 50 mtu 1400 advmss 1340 ours"});
  }
  CHECK(starting_with(routes("pod", kMainTable), "10.51.0.0/16") ==
        Lines{"10.51.0.0/16 dev net1 scope link metric 101 ours"});
  CHECK(routes("pod", 500) == Lines{"10.52.0.0/16 via 172.16.11.254 dev net1 metric 7 ours"});
  CHECK(routes("pod", 500, "-6") ==
        Lines{"fd00:52::/48 via fd00:172:11::fe dev net1 metric 7 ours"});
  for (const char* gone : {"10.50.0.0/16", "10.52.0.0/16"}) {
    const std::string table = gone == std::string("10.50.0.0/16") ? "101" : "500";
    ip({"-n", "pod", "route", "del", gone, "table", table});
    const Answer drifted = pod.world.check(1);
    CHECK(drifted.code() == 109);
    CHECK(names(drifted.message(), {gone}));
  }
  pod.remove();
}

TEST_CASE("sysctls of IPv6 are the NIC's as well, and an address needs no link-local one",
          "[ipam]") {
  Answered pod(make_result(json::array({make_ip("fd00:172:11::10/64", "fd00:172:11::fe")})));
  json patch = kFake;
  patch["sysctls"] = {{"net.ipv6.conf.IFNAME.addr_gen_mode", "1"},
                      {"net.ipv6.conf.IFNAME.hop_limit", "17"}};
  pod.add(patch);
  CHECK(read_sysctl("pod", "ipv6/conf/net1/hop_limit") == "17");
  CHECK(ip_json("pod", {"-6", "address", "show", "dev", "net1"}).at(0).at("addr_info").size() == 1);
  expect_answers("fd00:172:11::fe", {"fd00:172:11::10"});
  put_sysctl("pod", "ipv6/conf/net1/hop_limit", "18");
  const Answer drifted = pod.world.check(1);
  CHECK(drifted.code() == 109);
  CHECK(names(drifted.message(), {"hop_limit", "wanted 17", "found 18"}));
  pod.remove();
}
