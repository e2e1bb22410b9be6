// SPDX-License-Identifier: Apache-2.0
/// \file
/// A kernel that has no VLANs (8021q), where `vlan` is asked for. What it does where there are some
/// is tested in the virtual machine.
#include "support/catch.hpp"
#include "support/link_wanted.hpp"
#include "support/refusal.hpp"
#include "support/shell.hpp"

using namespace mvr::test;

namespace {

constexpr int kBadConfig = 7;
constexpr int kMasterUnusable = 100;

const json kVlan{{"vlan", 100}};

/// Made in the test's own namespace, which nobody needs any more.
void skip_with_vlans() {
  isolate();
  const std::string pair = "link add v0 type veth peer name v1\n";
  const std::string vlan = "link add link v0 name v0.7 type vlan id 7\n";
  const Output made = run({.argv = {"ip", "-batch", "-"}, .input = pair + vlan});
  if (made.status == 0) {
    skip("this kernel has VLANs");
  }
}

void expect_refusal(const Answer& answer) {
  INFO(answer);
  expect_error(answer, kMasterUnusable);
  // The VLAN's name would have 16 characters with that of the master.
  const auto index = read_link("", rail_master(1)).at("ifindex").get<int>();
  expect_words(answer.message(), {"net1: create VLAN 100 as mvr" + std::to_string(index) + ".100",
                                  "EOPNOTSUPP", "8021q"});
  // In the kernel's own words.
  expect_words(answer.details(), {"nknown device type"});
}

}  // namespace

TEST_CASE("without 8021q a VLAN is refused, and nothing is left of the attempt", "[vlan]") {
  skip_with_vlans();
  OnePod world({.rails = 2});
  expect_refusal(world.runtime.add(1, kVlan));
  CHECK(world.changes() == "");
  check_ok(run_plugin(world.runtime.call("DEL", "net1", rail_config(1))));
  CHECK(world.changes() == "");

  // What the pod's other NIC has, it keeps.
  add_or_fail(world.runtime, 2);
  const json before = snapshot_world({"pod"});
  expect_refusal(world.runtime.add(1, kVlan));
  CHECK(difference(before, snapshot_world({"pod"})) == "");
  check_routing(world.pod, wanted_nics({2}));
  check_ok(world.runtime.check(2));

  // The name of the interface and the lease are free.
  add_or_fail(world.runtime, 1);
  check_routing(world.pod, wanted_nics({1, 2}));
  check_ok(world.runtime.check(1));
  check_ok(world.runtime.del(1));
  check_ok(world.runtime.del(2));
  CHECK(world.changes() == "");
}

TEST_CASE("what a VLAN cannot be is refused before the kernel is asked", "[vlan]") {
  const Refusals refusals;
  refusals.expect({{"vlan", 4095}}, kBadConfig, {"vlan 4095", "from 0 to 4094"});
  refusals.expect({{"vlan", 100}, {"mtu", 1501}}, kBadConfig, {"mtu 1501", "1500"});
  refusals.expect({{"vlan", 100}, {"linkInContainer", true}}, kBadConfig,
                  {"vlan 100", "linkInContainer"});
  refusals.expect({{"vlan", 100}, {"master", "lo"}}, kMasterUnusable, {"master lo"});
  refusals.expect({{"vlan", 100}, {"master", "none0"}}, kMasterUnusable, {"none0"});
}
