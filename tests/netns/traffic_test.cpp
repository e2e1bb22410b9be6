// SPDX-License-Identifier: Apache-2.0
/// \file
/// Which way packets really go: requests, their answers, and the cluster's own traffic.
#include "support/traffic.hpp"

#include <cerrno>

#include "support/capture.hpp"
#include "support/catch.hpp"
#include "support/namespaces.hpp"
#include "support/routing_lines.hpp"
#include "support/routing_world.hpp"
#include "support/shell.hpp"

using namespace mvr::test;

namespace {

constexpr const char* kEth0 = "10.233.119.164";

/// Frames that have to do with an address: IP to or from it, and ARP for it.
auto concerns(const std::string& address) {
  return [address](const Frame& frame) {
    return frame.ip.src == address || frame.ip.dst == address || frame.arp.target_ip == address;
  };
}

auto leaves_for(const std::string& address) {
  return [address](const Frame& frame) { return frame.outgoing && concerns(address)(frame); };
}

/// The kernel sends IPv6 frames of its own whenever a link comes up.
bool is_ipv4(const Frame& frame) {
  return frame.ethertype == 0x0800 || frame.ethertype == 0x0806;
}

/// Sends to the address from an unbound socket and tells by which of the two NICs it left.
std::string way_to(const std::string& address, const std::string& other = "net1") {
  Capture by_eth0("pod", "eth0");
  Capture by_other("pod", other);
  const UdpSocket socket("pod");
  CHECK(socket.send(address, 9, "?") == 0);
  std::string way;
  eventually([&] {
    way = by_eth0.count(leaves_for(address)) > 0 ? "eth0" : "";
    way += by_other.count(leaves_for(address)) > 0 ? other : "";
    return !way.empty();
  });
  return way;
}

/// Adds net1 with more routes of IPAM than its default.
void add_with_routes(PodWorld& world, const Lines& destinations) {
  json config = rail_config(1);
  for (const std::string& dst : destinations) {
    config["ipam"]["routes"].push_back({{"dst", dst}});
  }
  REQUIRE(failure(world.add("net1", config)) == "");
}

}  // namespace

TEST_CASE("a request from behind a gateway is answered by the NIC that was asked", "[traffic]") {
  PodWorld world(8);
  if (GENERATE(false, true)) {
    put_sysctl("pod", "ipv4/conf/all/rp_filter", "1");
  }
  for (int n = 1; n <= 8; ++n) {
    REQUIRE(failure(world.add(n)) == "");
  }
  Capture by_eth0("pod", "eth0");
  const UdpSocket client(kFar);
  for (int n = 1; n <= 8; ++n) {
    INFO("net" << n);
    const UdpSocket server("pod", {.address = rail_address(n)});
    Capture rail(kGateways, rail_gateway_nic(n));
    CHECK(exchange(client, server, rail_address(n)));
    CHECK(rail.count([&](const Frame& frame) {
      return !frame.outgoing && frame.ip.src == rail_address(n) && frame.ip.dst == kFarAddress;
    }) == 1);
  }
  CHECK(by_eth0.count(concerns(kFarAddress)) == 0);
}

TEST_CASE("the kernel's own answers go the way of the request", "[traffic]") {
  PodWorld world(2);
  REQUIRE(failure(world.add(1)) == "");
  REQUIRE(failure(world.add(2)) == "");
  Capture by_eth0("pod", "eth0");
  Capture rail(kGateways, rail_gateway_nic(2));
  // Nobody listens there: the answer is ICMP's, port unreachable.
  constexpr int kIcmp = 1;
  const UdpSocket client(kFar);
  CHECK(client.send(rail_address(2), 9, "?") == 0);
  CHECK(rail.wait_for([](const Frame& frame) {
    return frame.ip.protocol == kIcmp && frame.ip.src == rail_address(2) &&
           frame.ip.dst == kFarAddress;
  }));
  CHECK(by_eth0.count(concerns(kFarAddress)) == 0);
}

TEST_CASE("the overlay NIC answers a client in a rail's subnet itself", "[traffic]") {
  PodWorld world(1);
  const std::string client_address = rail_address(1, 77);
  ip({"-n", kOutside, "addr", "add", client_address + "/32", "dev", "lo"});
  ip({"route", "add", client_address, "via", "10.1.0.1"});
  if (GENERATE(false, true)) {
    put_sysctl("pod", "ipv4/conf/all/rp_filter", "1");
  }
  REQUIRE(failure(world.add(1)) == "");
  Capture by_net1("pod", "net1");
  const UdpSocket client(kOutside, {.address = client_address});
  const UdpSocket server("pod", {.address = kEth0});
  CHECK(exchange(client, server, kEth0));
  CHECK(by_net1.count(concerns(client_address)) == 0);
}

TEST_CASE("cluster traffic leaves by the overlay NIC, whatever a rail brings", "[traffic]") {
  PodWorld world(1);
  add_with_routes(world, {"10.0.0.0/8", "169.0.0.0/8", "10.233.0.0/16", "10.233.5.0/24"});
  CHECK(way_to("10.233.0.10") == "eth0");
  CHECK(way_to("10.233.5.10") == "eth0");
  CHECK(way_to("10.233.70.3") == "eth0");
  CHECK(way_to("169.254.20.10") == "eth0");
  CHECK(way_to(kNodeAddress) == "eth0");
  CHECK(way_to("8.8.8.8") == "eth0");
  CHECK(way_to("10.50.1.1") == "net1");
  CHECK(way_to("10.233.200.1") == "net1");
}

TEST_CASE("the node and what it serves are reached by the overlay NIC", "[traffic]") {
  PodWorld world(1);
  ip({"addr", "add", "169.254.20.10/32", "dev", "lo"});
  ip({"addr", "add", "172.16.11.5/24", "dev", rail_master(1)});
  add_with_routes(world, {"10.1.0.0/16", "169.254.0.0/16"});
  for (const char* address : {"169.254.20.10", kNodeAddress, "172.16.11.5"}) {
    INFO(address);
    Capture by_eth0("pod", "eth0");
    const UdpSocket server("", {.address = address});
    CHECK(exchange(UdpSocket("pod"), server, address));
    CHECK(by_eth0.count(leaves_for(address)) == 1);
  }
}

TEST_CASE("a socket bound to a NIC reaches what lies behind its gateway", "[traffic]") {
  PodWorld world(3);
  for (int n = 1; n <= 3; ++n) {
    REQUIRE(failure(world.add(n)) == "");
  }
  const int n = GENERATE(1, 2, 3);
  const bool by_device = GENERATE(true, false);
  const UdpSocket client("pod", by_device ? UdpSocket::Options{.device = "net" + std::to_string(n)}
                                          : UdpSocket::Options{.address = rail_address(n)});
  Capture rail("pod", "net" + std::to_string(n));
  Capture by_eth0("pod", "eth0");
  const UdpSocket server(kFar, {.address = kFarAddress});
  CHECK(exchange(client, server, kFarAddress));
  CHECK(rail.count([&](const Frame& frame) {
    return frame.outgoing && frame.ip.src == rail_address(n) && frame.ip.dst == kFarAddress;
  }) == 1);
  CHECK(by_eth0.count(concerns(kFarAddress)) == 0);
}

TEST_CASE("a NIC without gateway lets nothing out by the overlay NIC", "[traffic]") {
  PodWorld world(1);
  const FakeIpam ipam;
  ipam.answer_address("172.16.11.10/24", "");
  world.use(ipam);
  REQUIRE(failure(world.add(1, {{"ipam", ipam.section()}})) == "");
  Capture by_eth0("pod", "eth0");
  Capture by_net1("pod", "net1");
  const UdpSocket by_address("pod", {.address = rail_address(1)});
  const UdpSocket by_device("pod", {.device = "net1"});
  for (const char* destination : {"8.8.8.8", kFarAddress, "10.233.0.10", kNodeAddress}) {
    INFO(destination);
    CHECK(by_address.send(destination, 9, "?") == EHOSTUNREACH);
    // Where no route leads, the kernel takes the device's link for the way.
    CHECK(by_device.send(destination, 9, "?") == 0);
    CHECK(by_net1.wait_for(leaves_for(destination)));
    CHECK(by_eth0.count(concerns(destination)) == 0);
  }
  const UdpSocket neighbour(kGateways, {.address = rail_gateway(1)});
  CHECK(exchange(by_address, neighbour, rail_gateway(1)));
  CHECK(exchange(by_device, neighbour, rail_gateway(1)));
  CHECK(by_eth0.count(is_ipv4) == 0);
  CHECK(way_to("8.8.8.8") == "eth0");
}

TEST_CASE("of two rails in one subnet unbound sockets take the lower number", "[traffic]") {
  PodWorld world(2);
  json second = rail_config(1);
  second["name"] = "gpu2-macvlan";
  second["master"] = rail_master(2);
  second["gatewayProbe"] = false;
  second["ipam"]["ranges"][0][0]["rangeStart"] = "172.16.11.20";
  SECTION("that came first") {
    REQUIRE(failure(world.add(1)) == "");
    REQUIRE(failure(world.add("net2", second)) == "");
  }
  SECTION("that came last") {
    REQUIRE(failure(world.add("net2", second)) == "");
    REQUIRE(failure(world.add(1)) == "");
  }
  Capture by_net2("pod", "net2");
  for (int host = 101; host < 106; ++host) {
    CHECK(way_to(rail_address(1, host)) == "net1");
  }
  CHECK(by_net2.count([](const Frame& frame) { return frame.outgoing && is_ipv4(frame); }) == 0);
}

TEST_CASE("no rail's default is in main at any moment", "[traffic]") {
  PodWorld world(3);
  RouteWatch watch("pod");
  REQUIRE(failure(world.add(1)) == "");
  REQUIRE(failure(world.add(2)) == "");
  Scenario::silence_gateway(3);
  CHECK(world.add(3, {{"gatewayProbe", {{"interval", "10ms"}}}}).code() == 104);
  REQUIRE(failure(world.del(2)) == "");
  REQUIRE(failure(world.del(1)) == "");
  int defaults = 0;
  for (const RouteEvent& event : watch.events()) {
    const bool is_default = event.dst == "0.0.0.0/0";
    defaults += is_default && event.added ? 1 : 0;
    CHECK_FALSE((is_default && event.table == kMainTable));
  }
  CHECK(defaults == 3);  // of the overlay's table and of the two NICs'
  CHECK(world.changes() == "");
}
