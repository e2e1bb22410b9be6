// SPDX-License-Identifier: Apache-2.0
/// \file
/// `podMACPrefix`: a MAC made of the NIC's first address, which the rail never sees another one
/// before.
#include "mvr/base/fd.hpp"
#include "support/capture.hpp"
#include "support/catch.hpp"
#include "support/link_state.hpp"
#include "support/namespaces.hpp"
#include "support/peer_rig.hpp"
#include "support/print.hpp"
#include "support/routing_world.hpp"
#include "support/shell.hpp"

using namespace mvr::test;

namespace {

constexpr const char* kMac = "0a:58:ac:10:0b:0a";  // of 172.16.11.10
const json kPrefix{{"podMACPrefix", "0a:58"}};

/// A prefix, and IPAM's answers by a script; no gateway has to exist.
const json kScripted{
    {"podMACPrefix", "0a:58"}, {"gatewayProbe", false}, {"ipam", {{"type", "fake"}}}};

std::string mac_of(const std::string& netns, const std::string& nic) {
  return read_link(netns, nic).at("address");
}

/// The NIC's IPv6 link-local address; empty while it has none.
std::string find_link_local(const std::string& nic) {
  for (const json& link : ip_json("pod", {"-6", "address", "show", "dev", nic, "scope", "link"})) {
    for (const json& address : link.value("addr_info", json::array())) {
      return address.at("local");
    }
  }
  return "";
}

/// The senders of all frames on rail 1 but its gateway and its master.
Lines find_senders(Capture& rail) {
  const Lines known{mac_of("", rail_master(1)), mac_of(kGateways, rail_gateway_nic(1))};
  Lines senders;
  for (const Frame& frame : rail.frames()) {
    if (!has_line(known, frame.src) && !has_line(senders, frame.src)) {
      senders.push_back(frame.src);
    }
  }
  return senders;
}

/// IPAM that answers, and notes what it sees of net1 at that moment.
FakeIpam watching_ipam(const std::string& file) {
  const FakeIpam ipam;
  ipam.script("ADD", "ip -n pod -j link show net1 > '" + file + "'\nprintf '%s' '" +
                         make_result(json::array({make_ip("172.16.11.10/24")})).dump() + "'");
  return ipam;
}

}  // namespace

TEST_CASE(
    "with podMACPrefix the MAC is the prefix and the address, on the rail from the first frame",
    "[link][mac]") {
  PodWorld world;
  Capture rail(kGateways, rail_gateway_nic(1));
  const Answer added = world.add(1, kPrefix);
  INFO(added);
  REQUIRE(failure(added) == "");
  CHECK(mac_of("pod", "net1") == kMac);
  CHECK(added.body.at("interfaces").at(0).at("mac") == kMac);
  CHECK(is_up(read_link("pod", "net1")));
  CHECK(eventually([] { return find_link_local("net1") == "fe80::858:acff:fe10:b0a"; }));
  CHECK(failure(world.check(1)) == "");
  CHECK(find_senders(rail) == Lines{kMac});

  ip({"-n", "pod", "link", "set", "net1", "address", "0a:58:ac:10:0b:0b"});
  const Answer drifted = world.check(1);
  CHECK(drifted.code() == 109);
  CHECK(names(drifted.message(), {"link MAC", kMac, "0a:58:ac:10:0b:0b"}));
  CHECK(failure(world.del(1)) == "");
  CHECK(world.changes() == "");
}

TEST_CASE("the first address of either family makes the MAC", "[link][mac]") {
  const json v4 = make_ip("172.16.11.10/24");
  const json v6 = make_ip("fd00:172:11::a1b2:c3d4/64");
  const auto [ips, wanted] =
      GENERATE_COPY(table<json, const char*>({{json{v4, v6}, kMac},
                                              {json{v6, v4}, "0a:58:a1:b2:c3:d4"},
                                              {json::array({v6}), "0a:58:a1:b2:c3:d4"}}));
  PodWorld world;
  const FakeIpam ipam;
  ipam.answer(make_result(ips));
  world.use(ipam);
  const Answer added = world.add(1, kScripted);
  REQUIRE(failure(added) == "");
  CHECK(mac_of("pod", "net1") == wanted);
  CHECK(added.body.at("interfaces").at(0).at("mac") == wanted);
  CHECK(failure(world.check(1)) == "");
  CHECK(failure(world.del(1)) == "");
  CHECK(world.changes() == "");
}

TEST_CASE("IPAM finds the NIC by its name, down if its MAC is to come and else up", "[link][mac]") {
  const bool has_prefix = GENERATE(true, false);
  const std::string file = std::string(kScratchDir) + "/seen";
  PodWorld world;
  const FakeIpam ipam = watching_ipam(file);
  world.use(ipam);
  json patch = kScripted;
  patch["podMACPrefix"] = has_prefix ? "0a:58" : "";
  REQUIRE(failure(world.add(1, patch)) == "");
  constexpr std::size_t kLimit = 65536;
  const json seen = json::parse(unwrap(mvr::read_file(file, kLimit)));
  CHECK(is_up(seen.at(0)) == !has_prefix);
  CHECK((seen.at(0).at("address") == mac_of("pod", "net1")) == !has_prefix);
}

TEST_CASE("an ADD that fails after its MAC was made leaves nothing", "[link][mac]") {
  PodWorld world;
  const FakeIpam ipam;
  world.use(ipam);
  SECTION("another macvlan of the master has the MAC") {
    ipam.answer(make_result(json::array({make_ip("172.16.11.10/24")})));
    ip_batch("", std::string("link add taken link ") + rail_master(1) + " address " + kMac +
                     " type macvlan mode bridge\nlink set taken up\n");
    world.look();
    const Answer added = world.add(1, kScripted);
    INFO(added);
    CHECK(added.code() == 101);
    CHECK(names(added.message(), {"MAC", kMac}));
  }
  SECTION("the gateway is silent") {
    ipam.answer(make_result(json::array({make_ip("172.16.11.10/24", rail_gateway(1))})));
    Scenario::silence_gateway(1);
    world.look();
    json patch = kScripted;
    patch["gatewayProbe"] = {{"attempts", 2}};
    CHECK(world.add(1, patch).code() == 104);
  }
  SECTION("the address cannot be") {
    ipam.answer(make_result(json::array({make_ip("224.1.2.3/24")})));
    CHECK(world.add(1, kScripted).code() == 7);
  }
  CHECK(ipam.calls().back() == "DEL");
  CHECK(world.changes() == "");
}
