// SPDX-License-Identifier: Apache-2.0
/// \file
/// Exclusive mode: a device goes into the pod with its NIC, works there, and comes back, whatever
/// has become of the pod.
#include <algorithm>

#include "support/catch.hpp"
#include "support/link_wanted.hpp"
#include "support/log_lines.hpp"
#include "support/refusal.hpp"
#include "support/shell.hpp"
#include "vm/support/exclusive_world.hpp"
#include "vm/support/rdma_state.hpp"
#include "vm/support/verbs_traffic.hpp"

using namespace mvr::test;

namespace {

const json kExclusive{{"rdma", "exclusive"}};

/// An emulated machine may be slow.
const json kPatient{{"rdma", {{"mode", "exclusive"}, {"gidTimeout", "20s"}}}};

/// Another network on rail 1's master, with addresses of its own.
json second_network(int host) {
  json config = rail_config(1);
  config["name"] = "gpu1-second";
  json& range = config["ipam"]["ranges"][0][0];
  range["rangeStart"] = rail_address(1, host);
  return config;
}

VerbsEnd end_of(const Peer& peer) {
  return {.netns = peer.netns, .device = peer.device, .address = peer.address};
}

/// What ADD has logged and noted is the entry that sysfs and libibverbs show for the address.
void check_gid(const Answer& added, const std::string& pod, const std::string& address) {
  const auto index = find_gid(pod, rail_device(1), address);
  REQUIRE(index);
  CHECK(read_only_journal().at("rdma").at("gids") == json{*index});
  const auto log = read_log(added.err);
  CHECK(log.back().at("rdma_device") == rail_device(1));
  CHECK(log.back().at("gid_index") == std::to_string(*index));
  const auto entries = query_gids(pod, rail_device(1));
  CHECK(std::any_of(entries.begin(), entries.end(), [&](const json& entry) {
    return entry.at("index") == *index && entry.at("gid") == "::ffff:" + address &&
           entry.at("type") == "RoCE v2";
  }));
}

/// A verb for net1 and net2, both on rail 1's master, at the same time.
void run_together(const Runtime& runtime, const std::string& verb) {
  Process first(make_command(runtime.call(verb, "net1", rail_config(1))));
  Process second(make_command(runtime.call(verb, "net2", second_network(20))));
  succeed(make_answer(first.wait()));
  succeed(make_answer(second.wait()));
}

/// A device that somebody has taken away is missed by CHECK, but not waited for by DEL.
void lose_device(ExclusiveWorld& world, const std::string& pod, const std::string& thief) {
  add_or_fail(world.runtime(pod), 1);
  run_rdma(world.pod(pod).netns, {"dev", "set", rail_device(1), "netns", thief});
  const Answer checked = world.runtime(pod).check(1);
  CHECK(checked.code() == 109);
  expect_words(checked.message(), {"RDMA device rxe1"});
  const Answer deleted = world.runtime(pod).del(1);
  check_ok(deleted);
  expect_words(deleted.err, {"level=warn", "RDMA device rxe1 has not come back"});
  check_device_in(thief);
}

}  // namespace

TEST_CASE("a device goes into the pod, works there, and comes back by its name", "[exclusive]") {
  ExclusiveWorld world({"pod"}, 1, Overlay::calico);
  Runtime& runtime = world.runtime("pod");
  const Peer peer = world.node().add_peer("peer", 1);
  world.look();
  const Answer added = succeed(runtime.add(1, kPatient));
  check_device_in("pod");
  check_gid(added, "pod", rail_address(1));
  check_routing(world.pod("pod"), wanted_nics({1}));
  const VerbsEnd nic{.netns = "pod", .device = rail_device(1), .address = rail_address(1)};
  CHECK(exchange_verbs("ib_write_bw", end_of(peer), nic) == "");
  CHECK(exchange_rping(end_of(peer), nic) == "");
  check_ok(runtime.check(1));
  run_rdma(world.pod("pod").netns, {"dev", "set", rail_device(1), "name", "mine"});
  check_ok(runtime.check(1));
  check_ok(runtime.del(1));
  CHECK(world.changes() == "");
  check_ok(runtime.del(1));
  CHECK(world.changes() == "");
}

TEST_CASE("a device comes back from wherever it is, by DEL or later", "[exclusive]") {
  ExclusiveWorld world({"gone", "held", "pod", "thief"});
  add_or_fail(world.runtime("gone"), 1);
  check_device_in("gone");
  run_rdma(world.pod("gone").netns, {"dev", "set", rail_device(1), "name", "mine"});
  world.remove_pod("gone");
  check_ok(world.runtime("gone").del(1));
  check_device_home();
  CHECK(world.late_changes() == "");

  add_or_fail(world.runtime("held"), 1);
  const Inhabitant inhabitant(world.pod("held"));
  world.remove_pod("held");
  CHECK(run_rdma(inhabitant.netns(), {"dev"}).find(rail_device(1)) != std::string::npos);
  check_ok(world.runtime("held").del(1));
  CHECK(run_rdma(inhabitant.netns(), {"dev"}) == "");
  CHECK(world.changes() == "");

  lose_device(world, "pod", "thief");
  world.remove_pod("thief");
  CHECK(world.late_changes() == "");
}

TEST_CASE("two NICs of a pod share their master's device", "[exclusive]") {
  ExclusiveWorld world({"pod"}, 2);
  Runtime& runtime = world.runtime("pod");
  // Another master's, and brought by somebody else.
  run_rdma("", {"dev", "set", rail_device(2), "netns", "pod"});
  world.look();
  add_or_fail(runtime, 1, kPatient);
  json second = second_network(20);
  second.update(kPatient);
  succeed(runtime.add("net2", second));
  CHECK(find_gid("pod", rail_device(1), rail_address(1)));
  CHECK(find_gid("pod", rail_device(1), rail_address(1, 20)));
  // A third one that fails when the device is its own already.
  json mute = second_network(30);
  mute["ipam"]["ranges"][0][0]["gateway"] = rail_address(1, 77);
  mute["gatewayProbe"] = {{"attempts", 1}, {"interval", "10ms"}};
  CHECK(runtime.add("net3", mute).code() == 104);
  check_device_in("pod");
  check_ok(runtime.check(1));
  check_ok(runtime.del(1));
  check_device_in("pod");
  check_ok(runtime.check("net2"));
  check_ok(runtime.del("net2"));
  CHECK(world.changes() == "");

  for (int round = 0; round < 3; ++round) {
    INFO("round " << round);
    run_together(runtime, "ADD");
    check_device_in("pod");
    run_together(runtime, "DEL");
    check_device_home();
  }
  CHECK(world.changes() == "");
}

TEST_CASE("ten rounds leave nothing", "[exclusive]") {
  ExclusiveWorld world({"pod", "other"});
  const auto gids = read_gids("", rail_device(1)).size();
  const json resources = rdma_json("", {"resource", "show"});
  for (int round = 0; round < 10; ++round) {
    INFO("round " << round);
    Runtime& runtime = world.runtime(round % 2 == 0 ? "pod" : "other");
    add_or_fail(runtime, 1, round % 3 == 0 ? kExclusive : json::object());
    check_ok(runtime.del(1));
  }
  CHECK(world.changes() == "");
  CHECK(eventually([&] { return read_gids("", rail_device(1)).size() == gids; }));
  CHECK(rdma_json("", {"resource", "show"}) == resources);
}
