// SPDX-License-Identifier: Apache-2.0
#include "support/scenario_v6.hpp"

#include <filesystem>
#include <set>

#include "mvr/base/text.hpp"
#include "support/catch.hpp"
#include "support/namespaces.hpp"
#include "support/shell.hpp"

namespace mvr::test {

namespace {

/// The third part of a rail's addresses reads as in IPv4: "fd00:172:11:" for rail 1.
std::string rail_prefix(int n) {
  return "fd00:172:" + std::to_string(10 + n) + ":";
}

/// Forwards, and looks for no duplicates: there are none, and each look takes a second, in which
/// the NIC cannot ask for its neighbours. The link-local addresses that are there begin again.
void make_router(const std::string& netns) {
  {
    const Inside inside(netns);
    for (const auto& nic : std::filesystem::directory_iterator("/proc/sys/net/ipv6/conf")) {
      put_file(nic.path() / "accept_dad", "0");
    }
  }
  put_sysctl(netns, "ipv6/conf/all/disable_ipv6", "1");
  put_sysctl(netns, "ipv6/conf/all/disable_ipv6", "0");
  put_sysctl(netns, "ipv6/conf/all/forwarding", "1");
}

/// Waits until the kernel has made what it makes of an address a moment after it was added.
void await_local_routes(const std::string& netns, const std::set<std::string>& wanted) {
  REQUIRE(eventually([&] {
    std::set<std::string> missing = wanted;
    for (const json& route : ip_json(netns, {"-6", "route", "show", "table", "local"})) {
      missing.erase(route.value("dst", ""));
    }
    return missing.empty();
  }));
}

}  // namespace

std::string rail_gateway6(int n) {
  return rail_address6(n, "fe");
}

std::string rail_address6(int n, const std::string& host) {
  return rail_prefix(n) + ":" + host;
}

std::string rail_subnet6(int n) {
  return rail_prefix(n) + ":/64";
}

void build_ipv6(int rails) {
  for (const char* netns : {"", kGateways, kFar, kOutside}) {
    make_router(netns);
  }
  ip_batch(kOutside,
           "addr add fd00:10:1::1/64 dev node nodad\n"
           "route add fd00:10:233::/64 via fd00:10:1::4\n");
  ip_batch("",
           "addr add fd00:10:1::4/64 dev eno1 nodad\n"
           "route add default via fd00:10:1::1\n");
  ip_batch(kFar,
           "addr add fd00:192::2/64 dev gateways nodad\n"
           "route add default via fd00:192::1\n");
  std::string gateways = "addr add fd00:192::1/64 dev far nodad\n";
  for (int n = 1; n <= rails; ++n) {
    const std::string nic = " dev " + rail_gateway_nic(n) + " nodad\n";
    gateways += "addr add " + rail_gateway6(n) + "/64" + nic + "addr add " + kRailGatewayLinkLocal +
                "/64" + nic;
  }
  ip_batch(kGateways, gateways);
  // Its address, and that of any router of the subnet.
  await_local_routes("", {kNodeAddress6, "fd00:10:1::"});
}

void build_calico6(Pod& pod, Families families, int index) {
  constexpr int kFirst = 0xa4;
  const auto last = static_cast<unsigned char>(kFirst + index);
  pod.address6 = "fd00:10:233::" + to_hex(&last, 1);
  ip_batch("", std::string("addr add ") + kCalicoNextHop6 + "/64 dev " + pod.host_nic +
                   " nodad\nroute add " + pod.address6 + " dev " + pod.host_nic + "\n");
  ip_batch(pod.name, "addr add " + pod.address6 + "/128 dev eth0 nodad\nroute add default via " +
                         kCalicoNextHop6 + " dev eth0\n");
  await_local_routes("", {kCalicoNextHop6});
  await_local_routes(pod.name, {pod.address6});
  if (families == Families::v6) {
    ip_batch("", "route del " + pod.address + "\n");
    ip_batch(pod.name, "addr del " + pod.address + "/32 dev eth0\n");
    pod.address.clear();
    pod.next_hop.clear();
  }
}

}  // namespace mvr::test
