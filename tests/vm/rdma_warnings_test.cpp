// SPDX-License-Identifier: Apache-2.0
/// \file
/// What a pod could live with is a warning, and the NIC is made.
#include <sys/mount.h>

#include "support/catch.hpp"
#include "support/namespaces.hpp"
#include "support/refusal.hpp"
#include "support/shell.hpp"
#include "vm/support/rdma_pod.hpp"

using namespace mvr::test;

namespace {

/// Entries in the GID table of rdma_rxe.
constexpr int kTableSize = 1024;

/// The microseconds of one part of an ADD, from "observe:12 link:345".
long read_phase(const LogLine& line, const std::string& name) {
  const std::string& phases = line.at("phases_us");
  const auto at = phases.find(name + ":");
  REQUIRE(at != std::string::npos);
  return std::stol(phases.substr(at + name.size() + 1));
}

/// ADD with one warning that has these words, then CHECK and DEL.
LogLine add_with_warning(RdmaPod& world, const json& patch, const std::vector<std::string>& words) {
  const Answer added = world.runtime.add(1, patch);
  INFO(added);
  REQUIRE(added.ok());
  const auto warnings = read_warnings(added);
  REQUIRE(warnings.size() == 1);
  expect_words(warnings[0], words);
  check_ok(world.runtime.check(1));
  check_ok(world.runtime.del(1));
  CHECK(world.changes() == "");
  return read_add_line(added);
}

/// Gives the NIC of another pod on rail 1 addresses from the FIRST to before the LAST, each of
/// which takes an entry in the table of the master's device.
void fill_table(int first, int last) {
  std::string lines;
  for (int i = first; i < last; ++i) {
    lines += "addr add 198.18." + std::to_string(i / 250) + "." + std::to_string(i % 250 + 1) +
             "/32 dev net1\n";
  }
  ip_batch("crowd", lines);
}

std::size_t count_gids() {
  return query_gids("", "rxe1").size();
}

/// The other rail's device gets no GID for an address of this one.
void check_missing_gid(RdmaPod& world) {
  const json patch{{"rdma", {{"device", "rxe2"}, {"gidTimeout", "300ms"}}}};
  const LogLine line =
      add_with_warning(world, patch, {"rxe2", rail_address(1), "GID", "gidTimeout"});
  CHECK(line.at("rdma_device") == "rxe2");
  CHECK(line.count("gid_index") == 0);
  CHECK(read_phase(line, "gid") >= 300'000);
}

/// In this process' mounts the nodes are gone.
void check_missing_node(RdmaPod& world) {
  REQUIRE(mount("none", "/dev/infiniband", "tmpfs", 0, nullptr) == 0);
  const LogLine line =
      add_with_warning(world, json::object(), {"rxe1", "/dev/infiniband/uverbs", "ib_uverbs"});
  CHECK(line.at("rdma_device") == "rxe1");
  REQUIRE(umount("/dev/infiniband") == 0);
}

/// Without addresses there is nothing to wait for.
void check_no_address(RdmaPod& world) {
  const Answer added = world.runtime.add(1, {{"ipam", nullptr}});
  INFO(added);
  REQUIRE(added.ok());
  CHECK(read_warnings(added).empty());
  const LogLine line = read_add_line(added);
  CHECK(line.at("rdma_device") == "rxe1");
  CHECK(line.count("gid_index") == 0);
  check_ok(world.runtime.check(1));
  check_ok(world.runtime.del(1));
}

}  // namespace

TEST_CASE("a GID that does not come and a node that is missing are warnings", "[rdma-warnings]") {
  RdmaPod world(GENERATE(RdmaMode::shared, RdmaMode::exclusive), {.rails = 2});
  check_missing_gid(world);
  check_missing_node(world);
  check_no_address(world);
  CHECK(world.changes() == "");
}

TEST_CASE("a GID table that is nearly full or full is a warning", "[rdma-warnings]") {
  RdmaPod world(RdmaMode::shared);
  add_netns("crowd");
  ip_batch("",
           "link add link " + rail_master(1) + " name net1 netns crowd type macvlan mode bridge\n");
  ip_batch("crowd", "link set net1 up\n");
  fill_table(0, 930);
  REQUIRE(eventually([] { return count_gids() > 930; }, std::chrono::seconds(30)));
  world.look();
  const LogLine line = add_with_warning(world, json::object(), {"rxe1 port 1", "nearly full"});
  CHECK(std::stoi(line.at("gid_index")) >= 930);
  fill_table(930, kTableSize);
  REQUIRE(eventually([] { return count_gids() == kTableSize; }, std::chrono::seconds(30)));
  world.look();
  add_with_warning(world, {{"rdma", {{"gidTimeout", "200ms"}}}},
                   {"rxe1 port 1", "no RoCE v2 GID", rail_address(1, 11)});
}
