// SPDX-License-Identifier: Apache-2.0
/// \file
/// The state directory: unusable in all ways, and journals that say nothing.
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "mvr/state/attachment.hpp"
#include "support/catch.hpp"
#include "support/namespaces.hpp"
#include "support/routing_lines.hpp"
#include "support/routing_world.hpp"
#include "support/shell.hpp"
#include "support/world.hpp"

using namespace mvr::test;

namespace {

constexpr const char* kDir = "/run/test/other";

void mount_tmpfs(const std::string& options) {
  std::filesystem::create_directories(kDir);
  REQUIRE(run({.argv = {"mount", "-t", "tmpfs", "-o", options, "none", kDir}}).status == 0);
}

/// Where the journal of net1 is, as its attachment's hash says.
std::string journal_path() {
  const mvr::state::Attachment attachment{"gpu1-macvlan", kContainerId, "net1"};
  return std::string(kStateDir) + '/' + digest(attachment) + ".json";
}

}  // namespace

TEST_CASE("a state directory that cannot be used fails ADD and leaves nothing", "[state]") {
  PodWorld world(1);
  std::string named = kDir;
  SECTION("read-only") {
    mount_tmpfs("mode=700,ro");
  }
  SECTION("full") {
    mount_tmpfs("mode=700,size=4k");
    put_file(std::string(kDir) + "/filler", std::string(4096, 'x'));
  }
  SECTION("without room for another file") {
    mount_tmpfs("mode=700,nr_inodes=1");
  }
  SECTION("full as soon as one journal is written") {
    mount_tmpfs("mode=700,size=4k");
  }
  SECTION("writable by others") {
    std::filesystem::create_directories(kDir);
    REQUIRE(chmod(kDir, 0777) == 0);
  }
  SECTION("of somebody else") {
    std::filesystem::create_directories(kDir);
    if (chown(kDir, 12345, 0) != 0) {
      return;  // in a user namespace there is nobody else
    }
  }
  SECTION("a link to a directory") {
    std::filesystem::create_directory_symlink("/run/test/leases", kDir);
  }
  SECTION("a file") {
    put_file(kDir, "");
  }
  SECTION("in a directory that is not there") {
    named += "/below/it";
  }
  const json before = snapshot_files(kDir);
  const Answer added = world.add(1, {{"stateDir", named}});
  INFO(added);
  CHECK(added.code() == 5);
  CHECK(added.message().find(named) != std::string::npos);
  CHECK(world.changes() == "");
  CHECK(difference(before, snapshot_files(kDir)) == "");
}

TEST_CASE("the state directory is made when it is needed, for nobody else", "[state]") {
  PodWorld world(1);
  REQUIRE(failure(world.add(1)) == "");
  struct stat status {};
  REQUIRE(stat(std::string(kStateDir).c_str(), &status) == 0);
  CHECK((status.st_mode & 0777U) == 0700);
  REQUIRE(stat(journal_path().c_str(), &status) == 0);
  CHECK((status.st_mode & 0777U) == 0600);
}

TEST_CASE("a journal that says nothing stops neither ADD nor DEL", "[state]") {
  PodWorld world(1);
  const std::string garbage =
      GENERATE("", "\n", "{", "null", "[]", "{}", R"({"version":1,"attachment":7})",
               "\x7f\x45\x4c\x46\x02\x01\xff\xfe", "not JSON at all");
  std::filesystem::create_directories(kStateDir);
  REQUIRE(chmod(std::string(kStateDir).c_str(), 0700) == 0);
  put_file(journal_path(), garbage, 0600);
  SECTION("before ADD") {
    REQUIRE(failure(world.add(1)) == "");
    CHECK(failure(world.check(1)) == "");
  }
  SECTION("after ADD") {
    std::filesystem::remove(journal_path());
    REQUIRE(failure(world.add(1)) == "");
    put_file(journal_path(), garbage, 0600);
    CHECK(failure(world.check(1)) == "");
  }
  SECTION("without ADD") {
    world.note("net1", rail_config(1), {.status = 1});
  }
  CHECK(failure(world.del(1)) == "");
  CHECK(world.changes() == "");
}

TEST_CASE("the journal of another attachment is not believed", "[state]") {
  PodWorld world(2);
  REQUIRE(failure(world.add(2)) == "");
  const json files = snapshot_files(std::string(kStateDir));
  REQUIRE(files.size() == 1);
  put_file(journal_path(), files.begin()->get<std::string>(), 0600);
  REQUIRE(failure(world.add(1)) == "");
  CHECK(failure(world.check(1)) == "");
  CHECK(failure(world.check(2)) == "");
  CHECK(failure(world.del(1)) == "");
  CHECK(failure(world.check(2)) == "");
  CHECK(failure(world.del(2)) == "");
  CHECK(world.changes() == "");
}
