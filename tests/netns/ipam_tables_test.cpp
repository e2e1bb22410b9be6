// SPDX-License-Identifier: Apache-2.0
/// \file
/// Routes for which IPAM names a table, and routes that two NICs are given alike.
#include "support/catch.hpp"
#include "support/routing_lines.hpp"
#include "support/routing_world.hpp"

using namespace mvr::test;

namespace {

/// IPAM's answer for rail n with one more route.
json answer_with(int n, const json& route) {
  const std::string subnet = "172.16.1" + std::to_string(n) + ".";
  return {{"cniVersion", "1.1.0"},
          {"ips", {{{"address", subnet + "10/24"}, {"gateway", subnet + "254"}}}},
          {"routes", json::array({route})}};
}

const json kPatch{{"cniVersion", "1.1.0"}, {"ipam", {{"type", "fake"}}}};

/// Gives net1 a route and expects a refusal that names these words and leaves nothing.
void refuses(PodWorld& world, const FakeIpam& ipam, int n, const json& route, const Lines& words) {
  ipam.answer(answer_with(n, route));
  world.look();
  const Answer added = world.add(n, kPatch);
  INFO(added);
  CHECK(added.code() == 108);
  CHECK(names(added.message(), words));
  CHECK(world.changes() == "");
}

}  // namespace

TEST_CASE("tables 0 and 254 are main, where the cluster's prefixes are kept", "[ipam]") {
  const unsigned table = GENERATE(0U, 254U);
  PodWorld world(1);
  const FakeIpam ipam;
  world.use(ipam);
  ipam.answer(answer_with(1, {{"dst", "10.233.5.0/24"}, {"table", table}}));
  const Answer added = world.add(1, kPatch);
  REQUIRE(failure(added) == "");
  CHECK(names(added.err, {"10.233.5.0/24", "10.233.0.0/18", "eth0"}));
  CHECK(routes_by("net1", "pod", kMainTable).size() == 1);
  CHECK(failure(world.check(1)) == "");
}

TEST_CASE("a default route for a table of IPAM's goes there and nowhere else", "[ipam]") {
  PodWorld world(1);
  const FakeIpam ipam;
  world.use(ipam);
  ipam.answer(answer_with(1, {{"dst", "0.0.0.0/0"}, {"gw", "172.16.11.253"}, {"table", 500}}));
  REQUIRE(failure(world.add(1, kPatch)) == "");
  CHECK(routes("pod", 500) == Lines{"default via 172.16.11.253 dev net1 ours"});
  CHECK(routes("pod", 101).front() == "default via 172.16.11.254 dev net1 ours");
  CHECK(failure(world.check(1)) == "");
  REQUIRE(failure(world.del(1)) == "");
  CHECK(world.changes() == "");
}

TEST_CASE("a table that the kernel or another NIC has is refused to IPAM", "[ipam]") {
  PodWorld world(2);
  REQUIRE(failure(world.add(2)) == "");
  const FakeIpam ipam;
  world.use(ipam);
  for (const unsigned table : {253U, 255U}) {
    refuses(world, ipam, 1, {{"dst", "10.9.0.0/16"}, {"table", table}},
            {"10.9.0.0/16", std::to_string(table), "reserved"});
  }
  refuses(world, ipam, 1, {{"dst", "10.9.0.0/16"}, {"table", 100}}, {"100", "eth0"});
  refuses(world, ipam, 1, {{"dst", "10.9.0.0/16"}, {"table", 102}}, {"102", "net2"});
}

TEST_CASE("a route that another NIC has under the same priority is not taken from it", "[ipam]") {
  PodWorld world(2);
  const FakeIpam ipam;
  world.use(ipam);
  const json route{{"dst", "10.50.0.0/16"}, {"priority", 50}};
  ipam.answer(answer_with(1, route));
  REQUIRE(failure(world.add(1, kPatch)) == "");
  refuses(world, ipam, 2, route, {"10.50.0.0/16", "in the way is", "dev net1"});
  CHECK(failure(world.check(1)) == "");
}
