// SPDX-License-Identifier: Apache-2.0
/// \file
/// DEL against those who would hold it up: a bad state directory, a process of the pod on its lock.
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <filesystem>

#include "mvr/base/fd.hpp"
#include "support/catch.hpp"
#include "support/link_state.hpp"
#include "support/namespaces.hpp"
#include "support/routing_lines.hpp"
#include "support/routing_world.hpp"
#include "support/world.hpp"

using namespace mvr::test;

namespace {

const std::string kDir(kStateDir);

}  // namespace

TEST_CASE("a state directory that is not believed does not stop DEL", "[del]") {
  PodWorld world(1);
  REQUIRE(failure(world.add(1)) == "");
  SECTION("writable by others") {
    REQUIRE(chmod(kDir.c_str(), 0777) == 0);
  }
  SECTION("a symbolic link") {
    std::filesystem::rename(kDir, "/run/test/elsewhere");
    std::filesystem::create_symlink("/run/test/elsewhere", kDir);
  }
  SECTION("a file") {
    std::filesystem::remove_all(kDir);
    put_file(kDir, "");
  }
  const Answer deleted = world.del(1);
  INFO(deleted);
  CHECK(deleted.ok());
  CHECK(names(deleted.err, {kDir, "going on without the journal"}));
  CHECK(rules("pod").empty());
  CHECK(routes("pod", 101).empty());
  CHECK(read_links("pod") == Lines{"eth0", "lo"});
}

TEST_CASE("a process that holds the pod's lock does not stop DEL", "[del]") {
  PodWorld world(1);
  REQUIRE(failure(world.add(1)) == "");
  const mvr::Fd netns(open(world.pod().netns.c_str(), O_RDONLY | O_CLOEXEC));
  REQUIRE(flock(netns.get(), LOCK_EX) == 0);
  const Answer deleted = world.del(1);
  INFO(deleted);
  CHECK(deleted.ok());
  CHECK(names(deleted.err, {"lock", world.pod().netns}));
  CHECK(world.changes() == "");
}

TEST_CASE("the dhcp client is asked for its release while the NIC has its address", "[del]") {
  PodWorld world(1);
  const FakeIpam dhcp("dhcp");
  world.use(dhcp);
  put_file(dhcp.dir() + "/dhcp", R"(#!/bin/sh
cat >/dev/null
if [ "$CNI_COMMAND" = ADD ]; then
  echo '{"cniVersion":"1.0.0","ips":[{"address":"172.16.11.10/24","gateway":"172.16.11.254"}]}'
elif [ "$CNI_COMMAND" = DEL ]; then
  ip -n pod -br -4 addr show net1 >>/run/test/seen 2>&1
fi
)",
           0755);
  json patch{{"ipam", {{"type", "dhcp"}}}};
  SECTION("by DEL") {
    REQUIRE(failure(world.add(1, patch)) == "");
    REQUIRE(failure(world.del(1)) == "");
  }
  SECTION("by an ADD that fails") {
    world.scenario().silence_gateway(1);
    patch["gatewayProbe"] = {{"attempts", 1}, {"interval", "10ms"}};
    CHECK(world.add(1, patch).code() == 104);
  }
  const auto seen = mvr::read_file("/run/test/seen", 4096);
  REQUIRE(seen);
  CHECK(names(*seen, {"net1", "172.16.11.10/24"}));
}
