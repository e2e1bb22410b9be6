// SPDX-License-Identifier: Apache-2.0
/// \file
/// `macvlan-rdma gc` with what only a kernel with RDMA and VLANs has.
#include <csignal>

#include "support/catch.hpp"
#include "support/link_wanted.hpp"
#include "vm/support/exclusive_world.hpp"
#include "vm/support/killer.hpp"
#include "vm/support/vlan_node.hpp"

using namespace mvr::test;

namespace {

void collect(const std::string& summary) {
  const Output gc = run_gc();
  INFO(gc.out << gc.err);
  CHECK(gc.status == 0);
  CHECK(gc.out.ends_with(summary + '\n'));
}

}  // namespace

TEST_CASE("gc brings a device home that a killed ADD has moved", "[gc]") {
  ExclusiveWorld world({"pod"});
  const Call add = world.runtime("pod").call("ADD", "net1", rail_config(1));
  const auto is_move = [](const Change& change) { return change.is_of_rdma_device(); };
  REQUIRE(run_and_kill(make_command(add), is_move, Moment::after).status == -SIGKILL);
  check_device_in("pod");
  collect("1 attachment: 1 undone");
  check_device_home();
  CHECK(world.changes() == "");
}

TEST_CASE("gc leaves the device of a living pod, and sees it home after the pod's end", "[gc]") {
  ExclusiveWorld world({"pod"});
  add_or_fail(world.runtime("pod"), 1);
  collect("1 attachment: 1 alive");
  check_device_in("pod");
  world.remove_pod("pod");
  collect("1 attachment: 1 undone");
  check_device_home();
  CHECK(count_journals() == 0);
  CHECK(world.late_changes() == "");
}

TEST_CASE("gc removes a VLAN with the last of its NICs", "[gc][vlan]") {
  VlanNode world(kLongVlan, {"one", "two"});
  world.add("one");
  world.add("two");
  world.remove_pod("one");
  collect("2 attachments: 1 alive, 1 undone");
  CHECK(list_vlans().size() == 1);
  check_ok(world.runtime("two").check(1));
  world.remove_pod("two");
  collect("1 attachment: 1 undone");
  CHECK(list_vlans().empty());
  CHECK(count_journals() == 0);
  CHECK(snapshot_leases().empty());
}
