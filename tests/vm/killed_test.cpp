// SPDX-License-Identifier: Apache-2.0
/// \file
/// Exclusive mode: calls that are killed. Whatever they have done, DEL finds the device and brings
/// it home, and the next ADD heals.
#include <csignal>
#include <set>

#include "support/catch.hpp"
#include "support/fault.hpp"
#include "support/link_wanted.hpp"
#include "vm/support/exclusive_world.hpp"
#include "vm/support/killer.hpp"
#include "vm/support/rdma_state.hpp"

using namespace mvr::test;

namespace {

bool is_move(const Change& change) {
  return change.is_of_rdma_device();
}

/// Runs a verb for rail 1, which is killed at the move of its device.
void kill_at_move(const Runtime& runtime, const std::string& verb, Moment moment) {
  const Call call = runtime.call(verb, "net1", rail_config(1));
  REQUIRE(run_and_kill(make_command(call), is_move, moment).status == -SIGKILL);
}

/// Runs ADD, which is killed before its change number `n`, counted from 0; false when it makes no
/// more than n.
bool kill_before(const Runtime& runtime, int n) {
  int count = 0;
  const auto is_it = [&](const Change&) { return count++ == n; };
  const Call call = runtime.call("ADD", "net1", rail_config(1));
  const Output output = run_and_kill(make_command(call), is_it, Moment::before);
  if (output.status != -SIGKILL) {
    succeed(make_answer(output));
  }
  return output.status == -SIGKILL;
}

void del_or_fail(const Runtime& runtime) {
  succeed(run_plugin(runtime.call("DEL", "net1", rail_config(1))));
}

/// Kills a call at its n-th system call, counted from 0; false when it makes no more than n.
bool kill_at_call(const Call& call, std::size_t n) {
  const auto judge = [&](std::size_t index, const SystemCall&) {
    return Verdict{index == n ? Fate::last : Fate::happens};
  };
  const Output output = run_judged(make_command(call), judge);
  if (output.status != -SIGKILL) {
    succeed(make_answer(output));
  }
  return output.status == -SIGKILL;
}

/// DEL without prevResult, after which the device is home and nothing is left of files.
void del_and_look(const Runtime& runtime) {
  del_or_fail(runtime);
  check_device_home();
  CHECK(count_journals() == 0);
  CHECK(snapshot_leases().empty());
}

/// DEL is killed, and the next one does the rest.
void kill_del(ExclusiveWorld& world, Moment moment) {
  Runtime& runtime = world.runtime("pod");
  add_or_fail(runtime, 1);
  kill_at_move(runtime, "DEL", moment);
  if (moment == Moment::before) {
    check_device_in("pod");
  } else {
    check_device_home();
  }
  check_ok(runtime.del(1));
  CHECK(world.changes() == "");
}

}  // namespace

TEST_CASE("a call killed right before or after the move of its device", "[killed]") {
  ExclusiveWorld world({"pod", "other"});
  Runtime& runtime = world.runtime("pod");
  kill_at_move(runtime, "ADD", Moment::before);
  check_device_home();
  CHECK(count_journals() == 1);
  del_or_fail(runtime);
  CHECK(world.changes() == "");

  kill_at_move(runtime, "ADD", Moment::after);
  check_device_in("pod");
  const Answer refused = world.runtime("other").add(1);
  CHECK(refused.code() == 106);
  CHECK(refused.message().find("training/pod") != std::string::npos);
  del_or_fail(runtime);
  CHECK(world.changes() == "");

  kill_at_move(runtime, "ADD", Moment::after);
  add_or_fail(runtime, 1);
  check_device_in("pod");
  check_ok(runtime.check(1));
  check_ok(runtime.del(1));
  CHECK(world.changes() == "");

  kill_del(world, Moment::before);
  kill_del(world, Moment::after);

  kill_at_move(runtime, "ADD", Moment::after);
  world.remove_pod("pod");
  del_or_fail(runtime);
  CHECK(world.late_changes() == "");
}

TEST_CASE("ADD killed at any system call leaves nothing that DEL misses", "[killed]") {
  ExclusiveWorld world({"pod"}, 1, Overlay::calico);
  const Runtime& runtime = world.runtime("pod");
  for (std::size_t n = 0; kill_at_call(runtime.call("ADD", "net1", rail_config(1)), n); ++n) {
    INFO("killed at call " << n);
    del_and_look(runtime);
  }
  del_and_look(runtime);
  CHECK(world.changes() == "");
}

TEST_CASE("DEL killed at any system call leaves nothing that the next one misses", "[killed]") {
  constexpr std::size_t kStride = 2;
  ExclusiveWorld world({"pod"}, 1, Overlay::calico);
  Runtime& runtime = world.runtime("pod");
  bool is_killed = true;
  for (std::size_t n = 0; is_killed; n += kStride) {
    INFO("killed at call " << n);
    add_or_fail(runtime, 1);
    is_killed = kill_at_call(runtime.call("DEL", "net1", rail_config(1)), n);
    del_and_look(runtime);
  }
  CHECK(world.changes() == "");
}

TEST_CASE("an ADD killed before any of its changes leaves nothing that DEL misses", "[killed]") {
  ExclusiveWorld world({"pod"}, 1, Overlay::calico);
  const Runtime& runtime = world.runtime("pod");
  std::set<bool> has_been_away;
  for (int n = 0; kill_before(runtime, n); ++n) {
    INFO("killed before change " << n);
    has_been_away.insert(read_rdma_devices("").empty());
    del_or_fail(runtime);
    check_device_home();
    CHECK(count_journals() == 0);
    CHECK(snapshot_leases().empty());
  }
  CHECK(has_been_away == std::set{false, true});
  del_or_fail(runtime);
  CHECK(world.changes() == "");
}
