// SPDX-License-Identifier: Apache-2.0
/// \file
/// What cannot be had is refused before anything is touched, and what goes later is found by CHECK.
#include "support/catch.hpp"
#include "support/namespaces.hpp"
#include "support/refusal.hpp"
#include "vm/support/rdma_pod.hpp"

using namespace mvr::test;

namespace {

constexpr int kUnavailable = 50;
constexpr int kNoDevice = 105;
constexpr int kWrongMode = 107;
constexpr int kDiffers = 109;

RdmaMode other_than(RdmaMode mode) {
  return mode == RdmaMode::shared ? RdmaMode::exclusive : RdmaMode::shared;
}

json insist(RdmaMode mode) {
  return {{"rdma", name_of(mode)}};
}

/// A rail whose master has no RDMA device.
constexpr int kBare = 2;

/// Two rails; the second one's device is gone.
struct HalfWorld : RdmaPod {
  explicit HalfWorld(RdmaMode mode) : RdmaPod(mode, {.rails = 2}) {
    change_rdma("", {"link", "del", rail_device(kBare)});
    look();
  }

  /// ADD of rail n with an IPAM that would note the call.
  void refuse(int n, const json& patch, int code, const std::vector<std::string>& words) {
    json config = rail_config(n);
    config["ipam"] = ipam.section();
    config.merge_patch(patch);
    Call call = runtime.call("ADD", "net" + std::to_string(n), config);
    call.cni_path = ipam.dir();
    const Answer answer = run_plugin(call);
    INFO(answer);
    expect_error(answer, code);
    expect_words(answer.message(), words);
    CHECK(changes() == "");
  }

  FakeIpam ipam = FakeIpam();
};

Answer ask_status(int n, const json& patch) {
  json config = rail_config(n);
  config["cniVersion"] = "1.1.0";
  config.merge_patch(patch);
  return run_plugin({.verb = "STATUS", .container_id = "", .ifname = "", .config = config});
}

void check_unavailable(const Answer& answer, const std::vector<std::string>& words) {
  INFO(answer);
  expect_error(answer, kUnavailable);
  expect_words(answer.message(), words);
}

void check_differs(const Answer& answer, const std::vector<std::string>& words) {
  INFO(answer);
  expect_error(answer, kDiffers);
  expect_words(answer.message(), words);
}

/// A NIC without RDMA on a master without a device.
void check_bare_nic(RdmaPod& world) {
  const Answer added = world.runtime.add(kBare);
  INFO(added);
  REQUIRE(added.ok());
  const LogLine line = read_add_line(added);
  CHECK(line.count("rdma_device") + line.count("rdma_port") + line.count("gid_index") == 0);
  expect_words(line.at("remark"), {rail_master(kBare), "no RDMA device"});
  CHECK_FALSE(read_journal(rail_nic(world.pod, kBare)).contains("rdma"));
  check_ok(world.runtime.check(kBare));
  check_ok(world.runtime.del(kBare));
  CHECK(world.changes() == "");
}

/// A device is left alone where RDMA is off.
void check_off(RdmaPod& world) {
  const Answer added = world.runtime.add(1, {{"rdma", "off"}});
  INFO(added);
  REQUIRE(added.ok());
  CHECK(read_add_line(added).count("rdma_device") == 0);
  CHECK_FALSE(read_journal(rail_nic(world.pod, 1)).contains("rdma"));
  CHECK(snapshot_rdma("").at("rxe1") == rail_master(1));
  check_ok(world.runtime.del(1));
}

}  // namespace

TEST_CASE("another mode is 107, no device 105, and auto goes on without", "[rdma-errors]") {
  const RdmaMode mode = GENERATE(RdmaMode::shared, RdmaMode::exclusive);
  const RdmaMode other = other_than(mode);
  HalfWorld world(mode);
  world.refuse(1, insist(other), kWrongMode, {"net1", name_of(mode), name_of(other)});
  world.refuse(kBare, insist(mode), kNoDevice, {"net2", rail_master(kBare), "rxe1"});
  world.refuse(1, {{"rdma", {{"device", "rxe9"}}}}, kNoDevice, {"rxe9", "rxe1"});
  CHECK(world.ipam.calls().empty());
  check_bare_nic(world);
  check_off(world);
  CHECK(world.changes() == "");
}

TEST_CASE("STATUS is 50 where RDMA is not as wished, CHECK 109 where it has gone",
          "[rdma-errors]") {
  const RdmaMode mode = GENERATE(RdmaMode::shared, RdmaMode::exclusive);
  HalfWorld world(mode);
  check_unavailable(ask_status(1, insist(other_than(mode))), {name_of(mode)});
  check_unavailable(ask_status(kBare, insist(mode)), {rail_master(kBare)});
  check_ok(ask_status(kBare, json::object()));
  check_ok(ask_status(1, insist(mode)));
  const RdmaNic nic = rail_nic(world.pod, 1);
  check_gid(nic, world.runtime.add(1, insist(mode)));
  check_ok(world.runtime.check(1));
  check_ok(ask_status(1, insist(mode)));  // a device in a pod is as it should be
  ip_batch("pod", "addr del " + nic.address + "/24 dev net1\n");
  REQUIRE(eventually([&nic] { return !find_gid("pod", nic.device, nic.address); }));
  check_differs(world.runtime.check(1), {"rxe1", "GID", nic.address});
  change_rdma("pod", {"link", "del", "rxe1"});
  check_differs(world.runtime.check(1),
                {"rxe1", world.is_exclusive() ? "in the pod" : "on the node", "not there"});
  const Answer deleted = world.runtime.del(1);
  INFO(deleted);
  CHECK(deleted.ok());
  CHECK(count_journals() == 0);
  CHECK(read_links("pod") == Lines{"eth0", "lo"});
}

TEST_CASE("devices that others have moved stay where they are", "[rdma-errors]") {
  RdmaPod world(RdmaMode::exclusive, {.rails = 2});
  add_netns("foreign");
  change_rdma("", {"dev", "set", "rxe2", "netns", "foreign"});
  world.look();
  REQUIRE(read_rdma_devices("foreign") == std::vector<std::string>{"rxe2"});
  // No journal says who has it: to the plugin it is not there.
  check_bare_nic(world);
  const Answer refused = world.runtime.add(2, insist(RdmaMode::exclusive));
  INFO(refused);
  expect_error(refused, kNoDevice);
  check_gid(rail_nic(world.pod, 1), world.runtime.add(1));
  check_ok(world.runtime.check(1));
  check_ok(world.runtime.del(1));
  CHECK(world.changes() == "");
  // One that was ours until somebody took it out of the pod.
  check_gid({.pod = "pod", .address = rail_address(1, 11)}, world.runtime.add(1));
  change_rdma("pod", {"dev", "set", "rxe1", "netns", "foreign"});
  check_differs(world.runtime.check(1), {"rxe1", "in the pod", "not there"});
  const Answer deleted = world.runtime.del(1);
  INFO(deleted);
  CHECK(deleted.ok());
  CHECK(count_journals() == 0);
  CHECK(read_rdma_devices("foreign") == std::vector<std::string>{"rxe1", "rxe2"});
}
