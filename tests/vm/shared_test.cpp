// SPDX-License-Identifier: Apache-2.0
/// \file
/// Shared mode: pods use the masters' devices, and nothing moves.
#include "support/catch.hpp"
#include "support/namespaces.hpp"
#include "vm/support/rdma_pod.hpp"

using namespace mvr::test;

namespace {

constexpr int kRails = 8;

VerbsEnd end_of(const Peer& peer) {
  return {peer.netns, peer.device, peer.address};
}

}  // namespace

TEST_CASE("eight NICs of a pod have the GIDs of eight devices, and traffic", "[shared]") {
  RdmaPod world(RdmaMode::shared, {.rails = kRails});
  for (int n = 1; n <= kRails; ++n) {
    check_gid(rail_nic(world.pod, n), world.runtime.add(n));
    CHECK(read_rdma_netdev("", rail_device(n)) == rail_master(n));
  }
  for (int n = 1; n <= kRails; ++n) {
    check_ok(world.runtime.check(n));
  }
  check_routing(world.pod, wanted_nics({1, 2, 3, 4, 5, 6, 7, 8}));
  std::vector<VerbsPair> pairs;
  for (int n = 1; n <= kRails; ++n) {
    const Peer peer = world.node.add_peer("peer" + std::to_string(n), n);
    pairs.push_back({end_of(peer), rail_nic(world.pod, n).end()});
  }
  check_traffic(pairs);
  for (int n = 1; n <= kRails; ++n) {
    remove_netns("peer" + std::to_string(n));
    check_ok(world.runtime.del(n));
    check_gid_gone(rail_nic(world.pod, n));
  }
  CHECK(world.changes() == "");
}

TEST_CASE("pods share a device, each with a GID of its own", "[shared]") {
  RdmaPod world(RdmaMode::shared);
  const json insist{{"rdma", "shared"}};
  const RdmaNic first = rail_nic(world.pod, 1);
  check_gid(first, world.runtime.add(1, insist));
  const Pod other = world.node.add_pod("other");
  Runtime other_runtime(other, "another-container");
  const RdmaNic second{.pod = "other", .address = rail_address(1, 11)};
  check_gid(second, other_runtime.add(1, insist));
  check_traffic({{second.end(), first.end()}});
  remove_netns("other");
  check_ok(other_runtime.del(1));
  check_gid_gone(second);
  check_ok(world.runtime.check(1));
  check_ok(world.runtime.del(1));
  check_gid_gone(first);
  CHECK(world.changes() == "");
}
