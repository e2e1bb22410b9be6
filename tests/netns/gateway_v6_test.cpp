// SPDX-License-Identifier: Apache-2.0
/// \file
/// ADD asks IPv6 gateways by neighbour discovery, beside those of IPv4.
#include "support/capture.hpp"
#include "support/catch.hpp"
#include "support/probe_rail.hpp"
#include "support/routing_lines.hpp"
#include "support/routing_world.hpp"
#include "support/shell.hpp"

using namespace mvr::test;

namespace {

constexpr const char* kNic6 = "fd00:11::10";
constexpr const char* kGateway6 = "fd00:11::fe";
constexpr const char* kLinkLocal = "fe80::fe";

/// A rail whose gateway has these two addresses in IPv6, and an IPAM plugin.
struct Rail6 {
  PodWorld world{1};
  FakeIpam ipam;
  Capture rail{kGateways, rail_gateway_nic(1)};

  Rail6() {
    add_v6_addresses(kGateways, rail_gateway_nic(1), {"fd00:11::fe/64", "fe80::fe/64"});
    world.use(ipam);
    world.look();
  }

  /// ADD with an IPv6 address and this gateway, and perhaps one of IPv4.
  Answer add(const std::string& gateway, json patch, const std::string& gateway4 = "") {
    json ips = {{{"address", std::string(kNic6) + "/64"}, {"gateway", gateway}}};
    if (!gateway4.empty()) {
      ips.push_back({{"address", "172.16.11.10/24"}, {"gateway", gateway4}});
    }
    ipam.answer({{"cniVersion", "1.0.0"}, {"ips", ips}});
    patch["ipam"] = ipam.section();
    return world.add(1, patch);
  }

  /// Requests for a gateway as the probe sends them.
  int count_solicitations(const std::string& gateway) {
    return rail.count([&](const Frame& frame) {
      return frame.is_solicitation() && frame.nd.target == gateway && frame.nd.src == kNic6 &&
             frame.nd.mac == frame.src &&
             frame.nd.dst == "ff02::1:ff00:" + gateway.substr(gateway.rfind(':') + 1);
    });
  }

  int count_requests(const std::string& gateway) {
    return rail.count([&](const Frame& frame) {
      return frame.is_arp_request() && frame.arp.target_ip == gateway &&
             frame.arp.sender_ip == "172.16.11.10";
    });
  }
};

}  // namespace

TEST_CASE("an IPv6 gateway that answers is asked once, link-local or not", "[gateway]") {
  Rail6 world;
  const json patch{{"gatewayProbe", {{"attempts", 3}, {"interval", "10s"}}}};
  const std::string gateway = GENERATE(kGateway6, kLinkLocal);
  INFO(gateway);
  SECTION("alone") {
    REQUIRE(failure(world.add(gateway, patch)) == "");
  }
  SECTION("beside one of IPv4") {
    REQUIRE(failure(world.add(gateway, patch, rail_gateway(1))) == "");
    CHECK(world.count_requests(rail_gateway(1)) == 1);
  }
  CHECK(world.count_solicitations(gateway) == 1);
}

TEST_CASE("a silent IPv6 gateway fails ADD and leaves nothing", "[gateway]") {
  Rail6 world;
  const std::string gateway = GENERATE("fd00:11::fd", "fe80::fd");
  const json patch{{"gatewayProbe", {{"attempts", 4}, {"interval", "30ms"}}}};
  const Answer added = world.add(gateway, patch, rail_gateway(1));
  INFO(added);
  CHECK(added.code() == 104);
  CHECK(names(added.message(),
              {"net1", rail_master(1), kNic6, gateway, "4 neighbour solicitations", " ms"}));
  CHECK(world.count_solicitations(gateway) == 4);
  CHECK(world.count_requests(rail_gateway(1)) == 1);
  CHECK(world.world.changes() == "");
  CHECK(world.ipam.calls() == std::vector<std::string>{"ADD", "DEL"});
}

TEST_CASE("a silent gateway of IPv4 is told from the one of IPv6 that answers", "[gateway]") {
  Rail6 world;
  const json patch{{"gatewayProbe", {{"attempts", 2}, {"interval", "30ms"}}}};
  const Answer added = world.add(kGateway6, patch, "172.16.11.253");
  INFO(added);
  CHECK(added.code() == 104);
  CHECK(names(added.message(), {"172.16.11.253", "172.16.11.10", "2 ARP requests"}));
  CHECK(added.message().find(kGateway6) == std::string::npos);
  CHECK(world.count_solicitations(kGateway6) == 1);
  CHECK(world.count_requests("172.16.11.253") == 2);
  CHECK(world.world.changes() == "");
}

TEST_CASE("silent gateways of both families may be warnings", "[gateway]") {
  Rail6 world;
  const json patch{{"gatewayProbe", {{"policy", "warn"}, {"attempts", 2}, {"interval", "30ms"}}}};
  const Answer added = world.add("fd00:11::fd", patch, "172.16.11.253");
  REQUIRE(failure(added) == "");
  CHECK(names(added.err, {"level=warn", "fd00:11::fd", "2 neighbour solicitations", "172.16.11.253",
                          "2 ARP requests"}));
}
