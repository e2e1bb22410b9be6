// SPDX-License-Identifier: Apache-2.0
/// \file
/// The same route of IPAM on several rails, and routes of IPAM around the cluster's.
#include "support/capture.hpp"
#include "support/catch.hpp"
#include "support/routing_lines.hpp"
#include "support/routing_world.hpp"
#include "support/shell.hpp"
#include "support/traffic.hpp"

using namespace mvr::test;

namespace {

json config_with(int n, const Lines& destinations) {
  json config = rail_config(n);
  for (const std::string& dst : destinations) {
    config["ipam"]["routes"].push_back({{"dst", dst}});
  }
  return config;
}

/// An unbound socket's request to a host behind both gateways leaves by this NIC and is answered.
bool goes_by(const std::string& nic, const std::string& address) {
  Capture capture("pod", nic);
  const UdpSocket client("pod");
  const UdpSocket server(kFar, {.address = kFarAddress});
  return exchange(client, server, kFarAddress) && capture.count([&](const Frame& frame) {
    return frame.outgoing && frame.ip.src == address && frame.ip.dst == kFarAddress;
  }) == 1;
}

}  // namespace

TEST_CASE("two rails with the same route of IPAM: the first table's counts", "[ipam]") {
  PodWorld world(2);
  const Lines destinations{"192.168.0.0/16", "10.0.0.0/8"};
  // The order in which they come does not matter.
  const int first = GENERATE(1, 2);
  const int second = 3 - first;
  for (const int n : {first, second}) {
    const Answer added = world.add("net" + std::to_string(n), config_with(n, destinations));
    REQUIRE(failure(added) == "");
    CHECK(added.err.find("level=warn") == std::string::npos);
  }
  for (const int n : {1, 2}) {
    const std::string dev = " dev net" + std::to_string(n);
    const std::string metric = " metric " + std::to_string(100 + n);
    CHECK(routes_by("net" + std::to_string(n), "pod", kMainTable) ==
          Lines{"10.0.0.0/8 via " + rail_gateway(n) + dev + metric + " ours",
                rail_subnet(n) + dev + " scope link src " + rail_address(n) + metric + " kernel",
                "192.168.0.0/16 via " + rail_gateway(n) + dev + metric + " ours"});
    CHECK(failure(world.check(n)) == "");
  }
  CHECK(routes_by("eth0", "pod", kMainTable) == calico_main());
  CHECK(goes_by("net1", rail_address(1)));
  REQUIRE(failure(world.del(1)) == "");
  CHECK(goes_by("net2", rail_address(2)));
  CHECK(failure(world.check(2)) == "");
  REQUIRE(failure(world.del(2)) == "");
  CHECK(world.changes() == "");
}
