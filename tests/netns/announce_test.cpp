// SPDX-License-Identifier: Apache-2.0
/// \file
/// ADD makes the NIC's addresses known to the rail when all else is done.
#include <algorithm>
#include <map>

#include "support/capture.hpp"
#include "support/catch.hpp"
#include "support/probe_rail.hpp"
#include "support/routing_world.hpp"
#include "support/shell.hpp"

using namespace mvr::test;

namespace {

const std::vector<std::string> kAddresses{"172.16.11.10", "172.16.21.10"};
const std::vector<std::string> kAddresses6{"fd00:11::10", "fd00:21::10"};

bool is_gratuitous(const Frame& frame) {
  return frame.ethertype == 0x0806 && frame.arp.sender_ip != "0.0.0.0" &&
         frame.arp.sender_ip == frame.arp.target_ip;
}

bool is_announcement(const Frame& frame) {
  return is_gratuitous(frame) || frame.is_advertisement();
}

/// An IPAM plugin that gives the NIC two addresses of each family.
void give_addresses(const FakeIpam& ipam) {
  json ips = json::array();
  for (const std::string& address : kAddresses) {
    ips.push_back({{"address", address + "/24"}});
  }
  for (const std::string& address : kAddresses6) {
    ips.push_back({{"address", address + "/64"}});
  }
  ips[0]["gateway"] = rail_gateway(1);
  ipam.answer({{"cniVersion", "1.0.0"}, {"ips", ips}});
}

/// The MACs that the gateway's kernel believes in.
std::map<std::string, std::string> read_cache() {
  std::map<std::string, std::string> macs;
  for (const json& entry : ip_json(kGateways, {"neigh", "show", "dev", rail_gateway_nic(1)})) {
    macs[entry.at("dst")] = entry.value("lladdr", "");
  }
  return macs;
}

}  // namespace

TEST_CASE("each address is announced as often as the configuration says", "[announce]") {
  PodWorld world(1);
  const FakeIpam ipam;
  give_addresses(ipam);
  world.use(ipam);
  Capture rail(kGateways, rail_gateway_nic(1));
  const auto [patch, times] = GENERATE(table<json, int>({{json::object(), 2},
                                                         {{{"announce", 0}}, 0},
                                                         {{{"announce", 1}}, 1},
                                                         {{{"announce", 4}}, 4}}));
  INFO(patch);
  json config = patch;
  config["ipam"] = ipam.section();
  const Answer added = world.add(1, config);
  REQUIRE(failure(added) == "");
  const std::string mac = added.body.at("interfaces").at(0).at("mac");
  const auto is_ours = [&](const Frame& frame) { return frame.src == mac; };
  for (const std::string& address : kAddresses) {
    INFO(address);
    for (const int operation : {1, 2}) {
      CHECK(rail.count([&](const Frame& frame) {
        return is_ours(frame) && is_gratuitous(frame) && frame.arp.operation == operation &&
               frame.arp.sender_ip == address && frame.arp.sender_mac == mac &&
               frame.dst == "ff:ff:ff:ff:ff:ff";
      }) == times);
    }
  }
  for (const std::string& address : kAddresses6) {
    INFO(address);
    CHECK(rail.count([&](const Frame& frame) {
      return is_ours(frame) && frame.is_advertisement() && frame.nd.target == address &&
             frame.nd.src == address && frame.nd.dst == "ff02::1" && frame.nd.mac == mac &&
             frame.nd.is_override && !frame.nd.is_solicited && frame.dst == "33:33:00:00:00:01";
    }) == times);
  }
  // And nothing else, neither of ours nor in our name.
  CHECK(rail.count(is_announcement) == times * 6);
}

TEST_CASE("announcements come last, and not from a NIC that fails", "[announce]") {
  PodWorld world(1);
  const FakeIpam ipam;
  give_addresses(ipam);
  world.use(ipam);
  Capture rail(kGateways, rail_gateway_nic(1));
  const json patch{{"ipam", ipam.section()}, {"gatewayProbe", {{"attempts", 2}}}};
  SECTION("last") {
    REQUIRE(failure(world.add(1, patch)) == "");
    const auto& frames = rail.frames();
    const auto first = std::ranges::find_if(frames, is_announcement);
    REQUIRE(first != frames.end());
    const auto is_question = [](const Frame& frame) {
      return (frame.is_arp_request() && !is_gratuitous(frame)) ||
             (frame.is_solicitation() && frame.nd.target.starts_with("fd00:"));
    };
    CHECK(std::count_if(frames.begin(), first, is_question) == 4 * 3 + 1);
    CHECK(std::count_if(first, frames.end(), is_question) == 0);
  }
  SECTION("not at all") {
    Scenario::silence_gateway(1);
    CHECK(world.add(1, patch).code() == 104);
    CHECK(rail.count(is_announcement) == 0);
  }
}

TEST_CASE("a neighbour that had another MAC for the address learns ours", "[announce]") {
  PodWorld world(1);
  const FakeIpam ipam;
  give_addresses(ipam);
  world.use(ipam);
  add_v6_addresses(kGateways, rail_gateway_nic(1), {"fd00:11::fe/64"});
  const std::string stale = "02:00:00:00:00:77";
  std::string lines;
  std::map<std::string, std::string> before;
  for (const auto& addresses : {kAddresses, kAddresses6}) {
    for (const std::string& address : addresses) {
      lines += "neigh add " + address + " lladdr " + stale + " dev gw1 nud stale\n";
      before[address] = stale;
    }
  }
  ip_batch(kGateways, lines);
  json patch{{"ipam", ipam.section()}, {"gatewayProbe", false}};
  SECTION("from announcements alone") {
    const Answer added = world.add(1, patch);
    REQUIRE(failure(added) == "");
    const std::string mac = added.body.at("interfaces").at(0).at("mac");
    std::map<std::string, std::string> after;
    for (const auto& [address, owner] : before) {
      after[address] = mac;
    }
    CHECK(eventually([&] { return read_cache() == after; }));
  }
  SECTION("not from the rest of ADD") {
    patch["announce"] = 0;
    REQUIRE(failure(world.add(1, patch)) == "");
    CHECK(read_cache() == before);
  }
}
