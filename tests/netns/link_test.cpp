// SPDX-License-Identifier: Apache-2.0
/// \file
/// The macvlan itself: mode, MTU, queues, and which interface is its master.
#include "mvr/state/attachment.hpp"
#include "support/catch.hpp"
#include "support/link_wanted.hpp"
#include "support/namespaces.hpp"
#include "support/shell.hpp"

using namespace mvr::test;

namespace {

constexpr int kMasterUnusable = 100;
constexpr int kLinkFailed = 101;
constexpr int kBadConfig = 7;

json index_of(const std::string& netns, const std::string& nic) {
  return read_link(netns, nic).at("ifindex");
}

/// No address, so no gateway to ask: for masters that are no rail.
json layer_2(json config) {
  config.erase("ipam");
  return config;
}

}  // namespace

TEST_CASE("each mode is the one that was asked for, and DEL takes it back", "[link]") {
  const std::string mode = GENERATE("bridge", "private", "vepa", "passthru");
  INFO(mode);
  OnePod world;
  const json master = read_link("", rail_master(1));
  const json result = add_or_fail(world.runtime, 1, {{"mode", mode}});
  const json link = read_link("pod", "net1");
  CHECK(macvlan_of(link).at("mode") == mode);
  CHECK(result.at("interfaces").at(0).at("mac") == link.at("address"));
  CHECK(read_link("", rail_master(1)).at("address") == master.at("address"));
  CHECK((link.at("address") == master.at("address")) == (mode == "passthru"));
  check_ok(world.runtime.check(1));
  check_ok(world.runtime.del(1));
  CHECK(world.changes().empty());
}

TEST_CASE("passthru gives the whole master to one NIC", "[link]") {
  OnePod world;
  const Pod other = world.scenario.add_pod("other");
  Runtime other_runtime(other, "other");
  add_or_fail(world.runtime, 1, {{"mode", "passthru"}});
  const json before = snapshot_world({"pod", "other"});
  for (const char* mode : {"bridge", "passthru"}) {
    INFO(mode);
    const Answer answer = other_runtime.add(1, {{"mode", mode}});
    INFO(answer);
    CHECK(answer.code() == kLinkFailed);
    CHECK(difference(before, snapshot_world({"pod", "other"})).empty());
  }
}

TEST_CASE("passthru with a MAC of one's own is refused and changes nothing", "[link]") {
  OnePod world;
  const Answer answer = world.runtime.add(1, {{"mode", "passthru"}, {"mac", "02:00:5e:10:00:01"}});
  INFO(answer);
  CHECK(answer.code() == kBadConfig);
  CHECK(answer.message().find("passthru") != std::string::npos);
  CHECK(world.changes().empty());
}

TEST_CASE("the MTU is the master's unless a smaller one is asked for", "[link]") {
  OnePod world({.rails = 1, .mtu = {{1, 9000}}});
  const auto [asked, wanted] = GENERATE(table<int, int>({{0, 9000}, {9000, 9000}, {4200, 4200}}));
  INFO("mtu " << asked);
  const json result = add_or_fail(world.runtime, 1, {{"mtu", asked}, {"cniVersion", "1.1.0"}});
  CHECK(read_link("pod", "net1").at("mtu") == wanted);
  CHECK(result.at("interfaces").at(0).at("mtu") == wanted);
  CHECK(read_link("", rail_master(1)).at("mtu") == 9000);
  check_ok(world.runtime.check(1));
}

TEST_CASE("an MTU above the master's is refused and changes nothing", "[link]") {
  OnePod world;
  const Answer answer = world.runtime.add(1, {{"mtu", 1501}});
  INFO(answer);
  CHECK(answer.code() == kBadConfig);
  for (const char* word : {"mtu", "1501", "1500", "enp11s0f0np0"}) {
    CHECK(answer.message().find(word) != std::string::npos);
  }
  CHECK(world.changes().empty());
}

TEST_CASE("queue lengths are set, and left to the kernel when 0", "[link]") {
  OnePod world;
  add_or_fail(world.runtime, 1, {{"txQueueLen", 77}, {"bcqueuelen", 4321}});
  CHECK(read_link("pod", "net1").at("txqlen") == 77);
  CHECK(macvlan_of(read_link("pod", "net1")).at("bcqueuelen") == 4321);
  check_ok(world.runtime.check(1));
  check_ok(world.runtime.del(1));

  ip_batch("", "link add link " + rail_master(1) + " name plain type macvlan\n");
  const json plain = read_link("", "plain");
  ip({"link", "del", "plain"});
  add_or_fail(world.runtime, 1, {{"txQueueLen", 0}, {"bcqueuelen", 0}});
  CHECK(read_link("pod", "net1").at("txqlen") == plain.at("txqlen"));
  CHECK(macvlan_of(read_link("pod", "net1")).at("bcqueuelen") ==
        macvlan_of(plain).at("bcqueuelen"));
}

TEST_CASE("the NIC bears our group and an alias that names the attachment", "[link]") {
  OnePod world;
  add_or_fail(world.runtime, 1);
  const json link = read_link("pod", "net1");
  CHECK(link.at("group") == "216");
  CHECK(link.at("ifalias") == std::string("macvlan-rdma:gpu1-macvlan/") + kContainerId + "/net1");
}

TEST_CASE("linkInContainer takes the master from the pod", "[link]") {
  OnePod world;
  ip({"link", "set", rail_master(1), "netns", "pod", "up"});
  const json before = snapshot_world({"pod"});
  const Answer without = world.runtime.add(1);
  CHECK(without.code() == kMasterUnusable);
  add_or_fail(world.runtime, 1, {{"linkInContainer", true}});
  const json link = read_link("pod", "net1");
  CHECK(link.at("link") == rail_master(1));
  CHECK_FALSE(link.contains("link_netnsid"));
  CHECK(is_up(link));
  check_routing(world.pod, wanted_nics({1}));
  check_ok(world.runtime.check(1));
  check_ok(world.runtime.del(1));
  CHECK(difference(before, snapshot_world({"pod"})).empty());
}

TEST_CASE("linkInContainer does not look at the node", "[link]") {
  OnePod world;
  const Answer answer = world.runtime.add(1, {{"linkInContainer", true}});
  INFO(answer);
  CHECK(answer.code() == kMasterUnusable);
  CHECK(answer.message().find(rail_master(1)) != std::string::npos);
  CHECK(world.changes().empty());
}

TEST_CASE("without a master the node's default-route interface is it", "[link]") {
  OnePod world;
  json config = layer_2(rail_config(1));
  config.erase("master");
  REQUIRE(world.runtime.add("net1", config).ok());
  CHECK(read_link("pod", "net1").at("link_index") == index_of("", kNodeNic));
  check_ok(world.runtime.check("net1"));
  check_ok(world.runtime.del("net1"));
  CHECK(world.changes().empty());
}

TEST_CASE("without a master and without a default route ADD is refused", "[link]") {
  OnePod world;
  ip({"route", "del", "default"});
  const json before = snapshot_world({"pod"});
  json config = layer_2(rail_config(1));
  config.erase("master");
  const Answer answer = world.runtime.add("net1", config);
  INFO(answer);
  CHECK(answer.code() == kMasterUnusable);
  CHECK(answer.message().find("master") != std::string::npos);
  CHECK(difference(before, snapshot_world({"pod"})).empty());
}

TEST_CASE("of a list of masters the first that exists is taken", "[link]") {
  OnePod world({.rails = 2});
  add_or_fail(world.runtime, 2, {{"master", {"ens1np0", rail_master(2), rail_master(1)}}});
  CHECK(read_link("pod", "net2").at("link_index") == index_of("", rail_master(2)));
}

TEST_CASE("masters that are all missing are all named", "[link]") {
  OnePod world;
  const Answer answer = world.runtime.add(1, {{"master", {"ens1np0", "ens2np0"}}});
  INFO(answer);
  CHECK(answer.code() == kMasterUnusable);
  CHECK(answer.message().find("ens1np0") != std::string::npos);
  CHECK(answer.message().find("ens2np0") != std::string::npos);
  CHECK(world.changes().empty());
}

TEST_CASE("an alternative name finds the master", "[link]") {
  const std::string name = GENERATE("rail1", "rail-of-the-first-gpu");
  INFO(name);
  OnePod world;
  ip({"link", "property", "add", "dev", rail_master(1), "altname", name});
  add_or_fail(world.runtime, 1, {{"master", name}});
  CHECK(read_link("pod", "net1").at("link_index") == index_of("", rail_master(1)));
  check_ok(world.runtime.check(1));
}

TEST_CASE("an interface name that is taken fails ADD, and nothing is touched", "[link]") {
  OnePod world;
  const FakeIpam ipam;
  ipam.answer_address("172.16.11.10/24", rail_gateway(1));
  ip_batch("pod", "link add net1 type veth peer name peer\n");
  const json before = snapshot_world({"pod"});
  const Answer answer = run_plugin(add_call(world.runtime, ipam));
  INFO(answer);
  CHECK(answer.code() == kLinkFailed);
  CHECK(answer.message().find("net1: an interface of this name is in the pod already") !=
        std::string::npos);
  CHECK(ipam.calls().empty());
  CHECK(difference(before, snapshot_world({"pod"})).empty());
}

TEST_CASE("a second ADD of a living attachment is refused and harms nothing", "[link]") {
  OnePod world;
  add_or_fail(world.runtime, 1);
  const json before = snapshot_world({"pod"});
  const Answer answer = run_plugin(world.runtime.call("ADD", "net1", rail_config(1)));
  INFO(answer);
  CHECK(answer.code() == kLinkFailed);
  CHECK(answer.message().find("exists already") != std::string::npos);
  CHECK(difference(before, snapshot_world({"pod"})).empty());
}

TEST_CASE("an interface of the final name in the node does not matter", "[link]") {
  OnePod world;
  ip_batch("", "link add net1 type veth peer name peer\n");
  const json before = snapshot_world({"pod"});
  add_or_fail(world.runtime, 1);
  check_routing(world.pod, wanted_nics({1}));
  CHECK(read_link("", "net1").at("linkinfo").at("info_kind") == "veth");
  check_ok(world.runtime.del(1));
  CHECK(difference(before, snapshot_world({"pod"})).empty());
}

TEST_CASE("an interface of the temporary name in the node is never touched", "[link]") {
  OnePod world;
  const std::string name = mvr::state::temporary_name({"gpu1-macvlan", kContainerId, "net1"});
  ip_batch("", "link add " + name + " type veth peer name peer\n");
  const json before = snapshot_world({"pod"});
  // Before Linux 6.15 the kernel makes a macvlan in the node first and finds the name taken.
  const int refused = run({.argv = {"ip", "link", "add", "link", rail_master(1), "name", name,
                                    "netns", "pod", "type", "macvlan"}})
                          .status;
  if (refused == 0) {
    ip({"-n", "pod", "link", "del", name});
  }
  const Answer answer = world.runtime.add(1);
  INFO(answer);
  CHECK(answer.ok() == (refused == 0));
  CHECK(read_link("", name).at("linkinfo").at("info_kind") == "veth");
  check_ok(world.runtime.del(1));
  CHECK(difference(before, snapshot_world({"pod"})).empty());
}
