// SPDX-License-Identifier: Apache-2.0
// An RDMA device's way into the pod and home again.
#include <errno.h>

#include "mvr/plan/rdma.hpp"
#include "mvr/plan/transaction.hpp"
#include "support/fake_kernel.hpp"
#include "support/unit_attempt.hpp"
#include "support/unit_pod.hpp"
#include "support/unit_rdma.hpp"

using mvr::Budget;
using mvr::Code;
using mvr::Error;
using mvr::rdma::NetnsMode;
using namespace mvr::plan;
using namespace mvr::test;

namespace {

using Texts = std::vector<std::string>;

const Step kMove = MoveRdmaDevice{kRail1, "rocep11s0"};
const Step kReturn = ReturnRdmaDevice{kRail1, "rocep11s0"};

World exclusive_world() {
  return rdma_world(NetnsMode::exclusive);
}

World moved_world() {
  World world = exclusive_world();
  device_of(world, kRail1).where = Where::pod;
  return world;
}

}  // namespace

TEST_CASE("an RDMA device's steps say what they do, and are each other's way back", "[rdma]") {
  CHECK(describe(kMove) == "move RDMA device rocep11s0 into the pod");
  CHECK(describe(kReturn) == "return RDMA device rocep11s0 to the node");
  const auto back = inverse(kMove);
  REQUIRE(back);
  REQUIRE(std::holds_alternative<ReturnRdmaDevice>(*back));
  CHECK(std::get<ReturnRdmaDevice>(*back).device == kRail1);
  CHECK(std::get<ReturnRdmaDevice>(*back).name == "rocep11s0");
  CHECK_FALSE(inverse(kReturn));
}

TEST_CASE("an RDMA device is moved, and returned", "[rdma]") {
  FakeKernel kernel(exclusive_world());
  unwrap(mvr::plan::apply(kernel, kMove));
  CHECK(kernel.world() == moved_world());
  unwrap(mvr::plan::apply(kernel, kReturn));
  CHECK(kernel.world() == exclusive_world());
  CHECK(kernel.changes() ==
        Texts{"move RDMA device rocep11s0 into the pod", "move RDMA device rocep11s0 to the node"});
}

TEST_CASE("an RDMA device that is in the pod already need not be moved", "[rdma]") {
  FakeKernel kernel(moved_world());
  unwrap(mvr::plan::apply(kernel, kMove));
  CHECK(kernel.world() == moved_world());
  FakeKernel late(exclusive_world());
  late.fail_at(1, EPERM, Failing::afterwards);
  unwrap(mvr::plan::apply(late, kMove));
  CHECK(late.world() == moved_world());
}

TEST_CASE("an RDMA device that its driver cannot move has the mode's code", "[rdma]") {
  World world = exclusive_world();
  device_of(world, kRail1).is_movable = false;
  FakeKernel kernel(world);
  const Error error = refused(mvr::plan::apply(kernel, kMove));
  CHECK(error.code == Code::rdma_mode);
  CHECK(error.sys_errno == EOPNOTSUPP);
  CHECK(error.msg.starts_with("move RDMA device rocep11s0 into the pod: "));
  CHECK(has_all(error.msg, {"driver"}));
  CHECK(kernel.world() == world);
}

TEST_CASE("an RDMA device that has gone before its move is busy elsewhere", "[rdma]") {
  World world = exclusive_world();
  world.rdma.devices.erase(world.rdma.devices.begin() + 1);
  FakeKernel kernel(world);
  const Error error = refused(mvr::plan::apply(kernel, kMove));
  CHECK(error.code == Code::rdma_busy);
  CHECK(error.sys_errno == EINVAL);
  CHECK(kernel.world() == world);
}

TEST_CASE("a return that the kernel refuses is an error with the device's name", "[rdma]") {
  FakeKernel kernel(moved_world());
  kernel.fail_at(1, EBUSY);
  const Error error = refused(mvr::plan::apply(kernel, kReturn));
  CHECK(error.code == Code::rdma_busy);
  CHECK(error.sys_errno == EBUSY);
  CHECK(error.msg.starts_with("return RDMA device rocep11s0 to the node: "));
  CHECK(kernel.world() == moved_world());
}

TEST_CASE("there is nothing to return where no device is in the pod", "[rdma]") {
  World without_device = exclusive_world();
  without_device.rdma.devices.clear();
  for (const World& world : {exclusive_world(), without_device, calico_world()}) {
    FakeKernel kernel(world);
    unwrap(mvr::plan::apply(kernel, kReturn));
    CHECK(kernel.changes().empty());
  }
}

TEST_CASE("an RDMA device that the pod renamed comes home under its name", "[rdma]") {
  World world = moved_world();
  device_of(world, kRail1).device.name = "mine";
  FakeKernel kernel(world);
  unwrap(mvr::plan::apply(kernel, kReturn));
  CHECK(kernel.changes() ==
        Texts{"move RDMA device mine to the node", "name RDMA device mine rocep11s0"});
  CHECK(kernel.world() == exclusive_world());
}

TEST_CASE("an RDMA device that the kernel renamed on its way home stays so on a clash", "[rdma]") {
  World world = moved_world();
  world.rdma.has_names_by_netns = true;
  world.rdma.devices.push_back(roce(9, "rocep11s0", 2));
  FakeKernel kernel(world);
  unwrap(mvr::plan::apply(kernel, kReturn));
  CHECK(kernel.changes() == Texts{"move RDMA device rocep11s0 to the node"});
  CHECK(device_of(kernel.world(), kRail1).device.name == "ibdev0");
  CHECK(device_of(kernel.world(), kRail1).where == Where::host);
}

TEST_CASE("a name is given back to a device at home only, and only if it is free", "[rdma]") {
  World world = exclusive_world();
  device_of(world, kRail1).device.name = "mine";
  FakeKernel kernel(world);
  unwrap(restore_rdma_name(kernel, kRail1, "rocep12s0"));
  unwrap(restore_rdma_name(kernel, kRail1, "mine"));
  unwrap(restore_rdma_name(kernel, mvr::rdma::DeviceIndex{99}, "rocep11s0"));
  CHECK(kernel.changes().empty());
  unwrap(restore_rdma_name(kernel, kRail1, "rocep11s0"));
  CHECK(kernel.world() == exclusive_world());

  device_of(world, kRail1).where = Where::pod;
  FakeKernel other(world);
  unwrap(restore_rdma_name(other, kRail1, "rocep11s0"));
  CHECK(other.changes().empty());
}

TEST_CASE("an RDMA device that DEL has returned meanwhile is no failure of undo", "[rdma]") {
  FakeKernel kernel(exclusive_world());
  Transaction transaction(kernel, Attempt::ignore_step());
  unwrap(transaction.run({kMove}, Budget::grace(std::chrono::seconds(10))));
  device_of(kernel.world(), kRail1).where = Where::host;
  CHECK(transaction.undo().empty());
  CHECK(kernel.world() == exclusive_world());
}

TEST_CASE("the devices of a pod move and return one by one", "[rdma]") {
  const auto budget = Budget::grace(std::chrono::seconds(10));
  FakeKernel kernel(exclusive_world());
  Transaction first(kernel, Attempt::ignore_step());
  Transaction second(kernel, Attempt::ignore_step());
  unwrap(first.run({kMove}, budget));
  unwrap(second.run({MoveRdmaDevice{kRail2, "rocep12s0"}}, budget));
  CHECK(device_of(kernel.world(), kRail2).where == Where::pod);
  CHECK(second.undo().empty());
  CHECK(kernel.world() == moved_world());
  CHECK(first.undo().empty());
  CHECK(kernel.world() == exclusive_world());
}
