// SPDX-License-Identifier: Apache-2.0
/// \file
/// `promisc` and `allmulti`: on the NIC, on the master as far as the kernel takes them there, seen
/// by CHECK, and gone with the NIC.
#include <algorithm>
#include <set>

#include "support/capture.hpp"
#include "support/catch.hpp"
#include "support/link_state.hpp"
#include "support/routing_world.hpp"
#include "support/shell.hpp"
#include "support/traffic.hpp"

using namespace mvr::test;

namespace {

constexpr int kGroups = 32;

std::string group_address(int n) {
  return "239.1.2." + std::to_string(n);
}

bool has_flag(const json& link, const char* flag) {
  const json& flags = link.at("flags");
  return std::find(flags.begin(), flags.end(), flag) != flags.end();
}

/// How many of its users have asked for each of the two.
json counts_of(const std::string& netns, const std::string& nic) {
  const json link = read_link(netns, nic);
  return {link.at("promiscuity"), link.at("allmulti")};
}

/// What the kernel makes of the master when a macvlan that `ip` has made has these flags.
json reference_counts(const json& patch) {
  const std::string master = rail_master(1);
  const std::string promisc = patch.value("promisc", false) ? " promisc on" : " promisc off";
  const std::string allmulti = patch.value("allmulti", false) ? " allmulticast on" : "";
  // With the flags while it is up, the kernel forgets to take a passthru NIC's allmulti back.
  ip_batch("", "link add reference link " + master + " type macvlan mode " +
                   patch.value("mode", "bridge") + "\nlink set reference" + promisc + allmulti +
                   "\nlink set reference up\n");
  json counts = counts_of("", master);
  ip_batch("", "link del reference\n");
  return counts;
}

/// How many of some multicast groups, which nobody has joined, the pod's NIC hears.
std::size_t count_heard() {
  Capture nic("pod", "net1");
  const UdpSocket sender(kGateways, {.address = rail_gateway(1)});
  constexpr std::uint16_t kPort = 4711;
  for (int n = 0; n < kGroups; ++n) {
    REQUIRE(sender.send(group_address(n), kPort, "hello") == 0);
  }
  // Broadcasts reach every NIC and come last.
  ip_batch(kGateways, "neigh flush dev gw1\n");
  REQUIRE(sender.send(rail_address(1), kPort, "end") == 0);
  REQUIRE(nic.wait_for([](const Frame& frame) {
    return frame.is_arp_request() && frame.arp.target_ip == rail_address(1);
  }));
  std::set<std::string> heard;
  for (const Frame& frame : nic.frames()) {
    if (!frame.outgoing && frame.ip.dst.starts_with("239.")) {
      heard.insert(frame.ip.dst);
    }
  }
  return heard.size();
}

}  // namespace

TEST_CASE("promisc and allmulti are the NIC's, and the master's as the kernel has it", "[link]") {
  const auto [patch, has_promisc, has_allmulti] = GENERATE(table<json, bool, bool>(
      {{json{{"promisc", true}}, true, false},
       {json{{"allmulti", true}}, false, true},
       {json{{"promisc", true}, {"allmulti", true}, {"podMACPrefix", "0a:58"}}, true, true},
       {json{{"promisc", true}, {"allmulti", true}, {"mode", "passthru"}}, true, true}}));
  INFO(patch);
  PodWorld world;
  const json wanted = reference_counts(patch);
  const Answer added = world.add(1, patch);
  REQUIRE(failure(added) == "");
  const json link = read_link("pod", "net1");
  CHECK(has_flag(link, "PROMISC") == has_promisc);
  CHECK(has_flag(link, "ALLMULTI") == has_allmulti);
  CHECK(counts_of("pod", "net1") == json{has_promisc ? 1 : 0, has_allmulti ? 1 : 0});
  CHECK(counts_of("", rail_master(1)) == wanted);
  CHECK(failure(world.check(1)) == "");
  CHECK(failure(world.del(1)) == "");
  CHECK(world.changes() == "");
}

TEST_CASE("CHECK misses promisc and allmulti only where they are configured", "[link][check]") {
  PodWorld world;
  REQUIRE(failure(world.add(1, {{"promisc", true}, {"allmulti", true}})) == "");
  ip({"-n", "pod", "link", "set", "net1", "promisc", "off"});
  CHECK(world.check(1).message() == "net1: link promisc: wanted on, found off");
  ip({"-n", "pod", "link", "set", "net1", "promisc", "on", "allmulticast", "off"});
  CHECK(world.check(1).code() == 109);
  CHECK(world.check(1).message().find("link allmulti: wanted on, found off") != std::string::npos);
  REQUIRE(failure(world.del(1)) == "");

  REQUIRE(failure(world.add(1)) == "");
  ip({"-n", "pod", "link", "set", "net1", "promisc", "on", "allmulticast", "on"});
  CHECK(failure(world.check(1)) == "");
  CHECK(failure(world.del(1)) == "");
  CHECK(world.changes() == "");
}

TEST_CASE("with allmulti the NIC hears every multicast group, without it few", "[link]") {
  PodWorld world;
  REQUIRE(failure(world.add(1, {{"allmulti", true}})) == "");
  CHECK(count_heard() == kGroups);
  REQUIRE(failure(world.del(1)) == "");
  REQUIRE(failure(world.add(1)) == "");
  // The kernel's filter is a hash, so some that nobody wants come through.
  CHECK(count_heard() < kGroups / 2);
}

TEST_CASE("an ADD that fails gives the master its own state back", "[link]") {
  PodWorld world;
  Scenario::silence_gateway(1);
  world.look();
  CHECK(world.add(1, {{"promisc", true}, {"allmulti", true}, {"gatewayProbe", {{"attempts", 1}}}})
            .code() == 104);
  CHECK(world.changes() == "");
}
