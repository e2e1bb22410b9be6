// SPDX-License-Identifier: Apache-2.0
/// \file
/// Which way IPv6 packets really go: requests, their answers, and the cluster's own traffic.
#include <cerrno>

#include "support/capture.hpp"
#include "support/catch.hpp"
#include "support/namespaces.hpp"
#include "support/routing_lines.hpp"
#include "support/routing_world.hpp"
#include "support/scenario_v6.hpp"
#include "support/shell.hpp"
#include "support/traffic.hpp"

using namespace mvr::test;

namespace {

constexpr const char* kEth0 = "fd00:10:233::a4";
constexpr const char* kAny = "::";

/// From or to an address; how the neighbours find each other is none of it.
auto concerns(const std::string& address) {
  constexpr int kIcmp6 = 58;
  return [address](const Frame& frame) {
    return (frame.ip.src == address || frame.ip.dst == address) && frame.ip.protocol != kIcmp6;
  };
}

auto goes(const std::string& from, const std::string& to) {
  return [from, to](const Frame& frame) {
    return frame.outgoing && frame.ip.src == from && frame.ip.dst == to;
  };
}

std::string nic(int n) {
  return "net" + std::to_string(n);
}

}  // namespace

TEST_CASE("an IPv6 request is answered by the rail that it came by", "[ipv6][traffic]") {
  PodWorld world(3, Overlay::calico, Families::dual);
  for (int n = 1; n <= 3; ++n) {
    REQUIRE(failure(world.add(nic(n), rail_config_of(Families::dual, n))) == "");
  }
  Capture by_eth0("pod", "eth0");
  const UdpSocket behind(kFar, {.address = kFarAddress6});
  for (int n = 1; n <= 3; ++n) {
    INFO(nic(n));
    const std::string address = rail_address6(n);
    const UdpSocket neighbour(kGateways, {.address = rail_gateway6(n)});
    const UdpSocket server("pod", {.address = address});
    Capture rail("pod", nic(n));
    CHECK(exchange(behind, server, address));
    CHECK(rail.count(goes(address, kFarAddress6)) == 1);
    CHECK(exchange(neighbour, server, address));
    CHECK(rail.count(goes(address, rail_gateway6(n))) == 1);
    CHECK(by_eth0.count(concerns(address)) == 0);
  }
}

TEST_CASE("the kernel's own IPv6 answers go the way of the request", "[ipv6][traffic]") {
  PodWorld world(2, Overlay::calico, Families::v6);
  REQUIRE(failure(world.add(nic(1), rail_config_of(Families::v6, 1))) == "");
  REQUIRE(failure(world.add(nic(2), rail_config_of(Families::v6, 2))) == "");
  Capture by_eth0("pod", "eth0");
  Capture by_net2("pod", "net2");
  // Nobody listens there: the answer is ICMPv6's, port unreachable.
  const UdpSocket client(kFar, {.address = kFarAddress6});
  CHECK(client.send(rail_address6(2), 9, "?") == 0);
  CHECK(by_net2.wait_for(goes(rail_address6(2), kFarAddress6)));
  CHECK(by_eth0.count(goes(rail_address6(2), kFarAddress6)) == 0);
}

TEST_CASE("eth0 answers a client in a rail's IPv6 subnet itself", "[ipv6][traffic]") {
  PodWorld world(1, Overlay::calico, Families::dual);
  const std::string client_address = rail_address6(1, "77");
  ip({"-n", kOutside, "addr", "add", client_address + "/128", "dev", "lo", "nodad"});
  ip({"-6", "route", "add", client_address, "via", "fd00:10:1::1"});
  REQUIRE(failure(world.add(nic(1), rail_config_of(Families::dual, 1))) == "");
  Capture by_net1("pod", "net1");
  Capture by_eth0("pod", "eth0");
  const UdpSocket client(kOutside, {.address = client_address});
  const UdpSocket server("pod", {.address = kEth0});
  CHECK(exchange(client, server, kEth0));
  CHECK(by_eth0.count(goes(kEth0, client_address)) == 1);
  CHECK(by_net1.count(concerns(client_address)) == 0);
}

TEST_CASE("IPv6 traffic of the cluster stays on eth0, whatever a rail brings", "[ipv6][traffic]") {
  PodWorld world(1, Overlay::calico, Families::v6);
  json config = rail_config_of(Families::v6, 1);
  for (const char* dst : {"fd00:10::/32", "fd00:10:96::/108", "fd00:10:233::/64", "fd00:50::/32"}) {
    config["ipam"]["routes"].push_back({{"dst", dst}});
  }
  REQUIRE(failure(world.add(nic(1), config)) == "");
  Capture by_eth0("pod", "eth0");
  Capture by_net1("pod", "net1");
  const UdpSocket socket("pod", {.address = kAny});
  for (const char* address : {"fd00:10:96::a", "fd00:10:233::b5", kNodeAddress6, "2001:db8::1"}) {
    INFO(address);
    CHECK(socket.send(address, 9, "?") == 0);
    CHECK(by_eth0.wait_for(goes(kEth0, address)));
    CHECK(by_net1.count(concerns(address)) == 0);
  }
  for (const char* address : {"fd00:50::1", "fd00:10:7::1"}) {
    INFO(address);
    CHECK(socket.send(address, 9, "?") == 0);
    CHECK(by_net1.wait_for(goes(rail_address6(1), address)));
    CHECK(by_eth0.count(concerns(address)) == 0);
  }
}

TEST_CASE("the node's IPv6 addresses are reached by eth0, the master's too", "[ipv6][traffic]") {
  PodWorld world(1, Overlay::calico, Families::dual);
  const std::string of_master = rail_address6(1, "5");
  ip({"addr", "add", of_master + "/64", "dev", rail_master(1), "nodad"});
  REQUIRE(failure(world.add(nic(1), rail_config_of(Families::dual, 1))) == "");
  for (const std::string& address : {std::string(kNodeAddress6), of_master}) {
    INFO(address);
    Capture by_eth0("pod", "eth0");
    const UdpSocket server("", {.address = address});
    CHECK(exchange(UdpSocket("pod", {.address = kAny}), server, address));
    CHECK(by_eth0.count(goes(kEth0, address)) == 1);
  }
}

TEST_CASE("a socket bound to a NIC or its IPv6 address leaves by it", "[ipv6][traffic]") {
  PodWorld world(2, Overlay::calico, Families::dual);
  for (int n = 1; n <= 2; ++n) {
    REQUIRE(failure(world.add(nic(n), rail_config_of(Families::dual, n))) == "");
  }
  Capture by_eth0("pod", "eth0");
  const UdpSocket server(kFar, {.address = kFarAddress6});
  for (int n = 1; n <= 2; ++n) {
    INFO(nic(n));
    Capture rail("pod", nic(n));
    CHECK(exchange(UdpSocket("pod", {.address = kAny, .device = nic(n)}), server, kFarAddress6));
    CHECK(rail.count(goes(rail_address6(n), kFarAddress6)) == 1);
    CHECK(exchange(UdpSocket("pod", {.address = rail_address6(n)}), server, kFarAddress6));
    CHECK(rail.count(goes(rail_address6(n), kFarAddress6)) == 2);
  }
  CHECK(by_eth0.count(concerns(kFarAddress6)) == 0);
  CHECK(exchange(UdpSocket("pod", {.address = kAny, .device = "eth0"}),
                 UdpSocket("", {.address = kNodeAddress6}), kNodeAddress6));
  CHECK(by_eth0.count(goes(kEth0, kNodeAddress6)) == 1);
}

TEST_CASE("an IPv6 NIC without gateway lets nothing out by eth0", "[ipv6][traffic]") {
  PodWorld world(1, Overlay::calico, Families::v6);
  json config = rail_config_of(Families::v6, 1);
  config["ipam"] = {{"type", "static"}, {"addresses", {{{"address", "fd00:172:11::10/64"}}}}};
  REQUIRE(failure(world.add(nic(1), config)) == "");
  Capture by_eth0("pod", "eth0");
  const UdpSocket by_address("pod", {.address = rail_address6(1)});
  const UdpSocket by_device("pod", {.address = kAny, .device = "net1"});
  for (const char* destination : {"2001:db8::1", kFarAddress6, "fd00:10:96::a", kNodeAddress6}) {
    INFO(destination);
    CHECK(by_address.send(destination, 9, "?") == EHOSTUNREACH);
    // The wall is on no device: to a socket that is bound to one there is simply no route.
    CHECK(by_device.send(destination, 9, "?") == ENETUNREACH);
    CHECK(by_eth0.count(concerns(destination)) == 0);
  }
  const UdpSocket neighbour(kGateways, {.address = rail_gateway6(1)});
  CHECK(exchange(by_address, neighbour, rail_gateway6(1)));
  CHECK(exchange(by_device, neighbour, rail_gateway6(1)));
}

TEST_CASE("of two rails in one IPv6 subnet each answers for itself", "[ipv6][traffic]") {
  PodWorld world(2, Overlay::calico, Families::v6);
  // Both rails' masters and gateways are on one wire: the second gateway leads to the first rail.
  ip_batch(kGateways,
           "link add wire type bridge\nlink set wire up\n"
           "addr flush dev gw1\naddr flush dev gw2\n"
           "link set gw1 master wire\nlink set gw2 master wire\n"
           "addr add fd00:172:11::fe/64 dev wire nodad\n");
  json second = rail_config_of(Families::v6, 1);
  second["name"] = "gpu2-macvlan";
  second["master"] = rail_master(2);
  second["ipam"]["ranges"][0][0]["rangeStart"] = rail_address6(1, "20");
  const bool is_first_first = GENERATE(true, false);
  for (const int n : is_first_first ? std::vector{1, 2} : std::vector{2, 1}) {
    const Answer answer =
        n == 1 ? world.add("net1", rail_config_of(Families::v6, 1)) : world.add("net2", second);
    REQUIRE(failure(answer) == "");
  }
  Capture by_net1("pod", "net1");
  Capture by_net2("pod", "net2");
  const UdpSocket client(kGateways, {.address = rail_gateway6(1)});
  const UdpSocket behind(kFar, {.address = kFarAddress6});
  for (const UdpSocket* asking : {&client, &behind}) {
    for (const char* host : {"10", "20"}) {
      const UdpSocket server("pod", {.address = rail_address6(1, host)});
      CHECK(exchange(*asking, server, rail_address6(1, host)));
    }
  }
  for (const std::string& to : {rail_gateway6(1), std::string(kFarAddress6)}) {
    INFO(to);
    CHECK(by_net1.count(goes(rail_address6(1, "10"), to)) == 1);
    CHECK(by_net1.count(goes(rail_address6(1, "20"), to)) == 0);
    CHECK(by_net2.count(goes(rail_address6(1, "20"), to)) == 1);
    CHECK(by_net2.count(goes(rail_address6(1, "10"), to)) == 0);
  }
  const UdpSocket unbound("pod", {.address = kAny});
  CHECK(unbound.send(rail_gateway6(1), 9, "?") == 0);
  CHECK(by_net1.wait_for([](const Frame& f) { return f.outgoing && f.ip.dst_port == 9; }));
  CHECK(by_net2.count([](const Frame& f) { return f.outgoing && f.ip.dst_port == 9; }) == 0);
}
