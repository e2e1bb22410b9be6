// SPDX-License-Identifier: Apache-2.0
/// \file
/// CHECK: when it is content, and when it refuses to look. What it finds is in check_drift_test.
#include <filesystem>

#include "support/catch.hpp"
#include "support/link_wanted.hpp"
#include "support/namespaces.hpp"
#include "support/shell.hpp"

using namespace mvr::test;

namespace {

constexpr int kIncompatible = 1;
constexpr int kBadConfig = 7;
constexpr int kDifferences = 109;

/// CHECK of net1 with something in the configuration changed.
Answer check_with(const Runtime& runtime, const json& patch) {
  Call call = runtime.call("CHECK", "net1");
  call.config.merge_patch(patch);
  return run_plugin(call);
}

}  // namespace

TEST_CASE("CHECK is content right after ADD, and changes nothing", "[check]") {
  const std::string version = GENERATE("0.4.0", "1.0.0", "1.1.0");
  INFO(version);
  OnePod world;
  add_or_fail(world.runtime, 1, {{"cniVersion", version}});
  const json before = snapshot_world({"pod"});
  for (int i = 0; i < 2; ++i) {
    check_ok(world.runtime.check(1));
  }
  CHECK(difference(before, snapshot_world({"pod"})).empty());
}

TEST_CASE("CHECK came with 0.4.0", "[check]") {
  const std::string version = GENERATE("0.3.0", "0.3.1");
  OnePod world;
  add_or_fail(world.runtime, 1, {{"cniVersion", version}});
  const Answer answer = world.runtime.check(1);
  INFO(answer);
  CHECK(answer.code() == kIncompatible);
  CHECK(answer.message().find("CHECK") != std::string::npos);
}

TEST_CASE("CHECK needs the result of ADD", "[check]") {
  OnePod world;
  add_or_fail(world.runtime, 1);
  const Answer answer = check_with(world.runtime, {{"prevResult", nullptr}});
  INFO(answer);
  CHECK(answer.code() == kBadConfig);
  CHECK(answer.message().find("prevResult") != std::string::npos);
}

TEST_CASE("CHECK refuses a result of another sandbox or interface", "[check]") {
  OnePod world;
  const json result = add_or_fail(world.runtime, 1);
  const char* key = GENERATE("sandbox", "name");
  INFO(key);
  json other = result;
  other["interfaces"][0][key] = "/run/netns/other";
  const Answer answer = check_with(world.runtime, {{"prevResult", other}});
  INFO(answer);
  CHECK(answer.code() == kBadConfig);
  CHECK(answer.message().find("net1") != std::string::npos);
}

TEST_CASE("CHECK works from prevResult when the journal is lost", "[check]") {
  const std::string name = GENERATE("net1", "ib0");
  INFO(name);
  OnePod world;
  REQUIRE(world.runtime.add(name, rail_config(1)).ok());
  std::filesystem::remove_all(kStateDir);
  check_ok(world.runtime.check(name));
  ip({"-n", "pod", "rule", "del", "from", "172.16.11.10"});
  CHECK(world.runtime.check(name).code() == kDifferences);
}

TEST_CASE("CHECK of a plain NIC works without a journal, too", "[check]") {
  OnePod world({.rails = 1}, Overlay::none);
  add_or_fail(world.runtime, 1);
  std::filesystem::remove_all(kStateDir);
  check_ok(world.runtime.check(1));
}

TEST_CASE("what later plugins and Multus add is no difference", "[check]") {
  OnePod world({.rails = 2});
  add_or_fail(world.runtime, 1);
  const char* lines = GENERATE(
      // Multus' default-route for our NIC, with and without removing the overlay's
      "route del default\nroute add default via 172.16.11.254 dev net1\n",
      "route append default via 172.16.11.254 dev net1\n", "route del default\n",
      "route add 192.168.7.0/24 via 172.16.11.254 dev net1\n",
      "route add 192.168.7.0/24 via 172.16.11.254 dev net1 table 101\n",
      "route add 192.168.7.0/24 via 169.254.1.1 dev eth0 table 100\n",
      "route add 10.0.0.0/8 via 172.16.11.254 dev net1 table 7\n",
      "addr add 10.9.9.9/24 dev net1\n", "addr add 172.16.11.77/24 dev net1\n",
      "rule add from 10.9.9.9 lookup 101 priority 50\n", "link set net1 txqueuelen 9\n",
      "link set net1 promisc on\n", "neigh add 172.16.11.254 lladdr 02:00:00:00:00:fe dev net1\n",
      "link add other type veth peer name peer\n");
  INFO(lines);
  ip_batch("pod", lines);
  check_ok(world.runtime.check(1));
}

TEST_CASE("a MAC and an MTU that a later plugin changed are those of prevResult", "[check]") {
  OnePod world;
  const json result = add_or_fail(world.runtime, 1, {{"cniVersion", "1.1.0"}});
  ip_batch("pod", "link set net1 address 02:00:00:00:00:77 mtu 1400\n");
  CHECK(world.runtime.check(1).code() == kDifferences);
  json changed = result;
  changed["interfaces"][0]["mac"] = "02:00:00:00:00:77";
  changed["interfaces"][0]["mtu"] = 1400;
  check_ok(check_with(world.runtime, {{"prevResult", changed}}));
}

TEST_CASE("CHECK looks at what its own NIC asks for, not at what another one does", "[check]") {
  OnePod world({.rails = 2});
  add_or_fail(world.runtime, 1);
  add_or_fail(world.runtime, 2, {{"serviceCIDR", {"10.96.0.0/12"}}});
  check_ok(world.runtime.check(1));
  check_ok(world.runtime.check(2));
  ip({"-n", "pod", "route", "del", "10.96.0.0/12"});
  ip({"-n", "pod", "rule", "del", "from", "172.16.12.10"});
  check_ok(world.runtime.check(1));
  CHECK(world.runtime.check(2).code() == kDifferences);
}

TEST_CASE("an object that somebody made anew in the same form is no difference", "[check]") {
  OnePod world;
  add_or_fail(world.runtime, 1);
  ip_batch("pod",
           "route replace default via 172.16.11.254 dev net1 table 101 protocol static\n"
           "rule del from 172.16.11.10\nrule add from 172.16.11.10 lookup 101 priority 32101\n");
  check_ok(world.runtime.check(1));
}
