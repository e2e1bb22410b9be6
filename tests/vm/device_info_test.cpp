// SPDX-License-Identifier: Apache-2.0
/// \file
/// The device-info document: what Multus reads it for, whose it is, and how long it is there.
#include <sys/stat.h>

#include <filesystem>

#include "mvr/base/fd.hpp"
#include "support/catch.hpp"
#include "support/namespaces.hpp"
#include "support/refusal.hpp"
#include "vm/support/rdma_pod.hpp"

using namespace mvr::test;

namespace {

namespace fs = std::filesystem;

/// As Multus names it; the directory is not there yet.
const std::string kDirectory = "/run/test/devinfo/cni";
const std::string kPath = kDirectory + "/gpu1-macvlan-net1-device.json";

const json kAsked{{"capabilities", {{"CNIDeviceInfoFile", true}}},
                  {"runtimeConfig", {{"CNIDeviceInfoFile", kPath}}}};

/// What a device plugin says of a device.
std::string document_of(const std::string& device) {
  return R"({"type": "pci", "version": "1.1.0", "pci": {"pci-address": "0000:0b:00.0", )"
         R"("rdma-device": ")" +
         device + "\"}}\n";
}

std::string text_of(const std::string& path) {
  return mvr::read_file(path, 4096).value_or("");
}

void check_document(const std::string& device) {
  struct stat status {};
  REQUIRE(lstat(kPath.c_str(), &status) == 0);
  CHECK(status.st_mode == (S_IFREG | 0444));
  CHECK(json::parse(text_of(kPath)) ==
        json{{"type", "pci"}, {"version", "1.1.0"}, {"pci", {{"rdma-device", device}}}});
  CHECK(snapshot_files(kDirectory).size() == 1);
}

/// ADD and DEL while something is at the path already.
/// \param warning a word of the one warning that is wanted; empty: none
void check_kept(RdmaPod& world, const std::string& warning) {
  const std::string text = text_of(kPath);
  const Answer added = world.runtime.add(1, kAsked);
  INFO(added);
  REQUIRE(added.ok());
  const auto warnings = read_warnings(added);
  REQUIRE(warnings.size() == (warning.empty() ? 0 : 1));
  if (!warning.empty()) {
    expect_words(warnings[0], {kPath, warning});
  }
  CHECK(text_of(kPath) == text);
  check_ok(world.runtime.del(1));
  CHECK(text_of(kPath) == text);
  CHECK(world.changes() == "");
}

/// An ADD that nobody can read the answer of fails at its very end.
void add_in_vain(const RdmaPod& world) {
  json config = rail_config(1);
  config.update(kAsked);
  Command command = make_command(world.runtime.call("ADD", "net1", config));
  command.argv = {"sh", "-c", "exec \"$0\" > /dev/full", command.argv.at(0)};
  const Output output = run(command);
  INFO(output.err);
  CHECK(output.status == 1);
  CHECK(output.err.find(" gid:") != std::string::npos);
  CHECK(world.changes() == "");
}

/// What was at the path before stays, whoever's device it names.
void check_others(RdmaPod& world) {
  put_file(kPath, document_of("rxe1"));
  check_kept(world, "");
  add_in_vain(world);
  CHECK(text_of(kPath) == document_of("rxe1"));
  fs::remove(kPath);
  put_file(kPath, document_of("mlx5_7"));
  check_kept(world, "another device");
  fs::remove(kPath);
  put_file("/run/test/target", document_of("rxe1"));
  fs::create_symlink("/run/test/target", kPath);
  check_kept(world, "cannot be read");
  CHECK(fs::is_symlink(kPath));
}

}  // namespace

TEST_CASE("device information is there as long as the NIC, or Multus' own", "[device-info]") {
  RdmaPod world(GENERATE(RdmaMode::shared, RdmaMode::exclusive));
  REQUIRE_FALSE(fs::exists(kDirectory));
  check_gid(rail_nic(world.pod, 1), world.runtime.add(1, kAsked));
  check_document("rxe1");
  check_ok(world.runtime.check(1));
  check_ok(world.runtime.del(1));
  CHECK(snapshot_files(kDirectory).empty());
  CHECK(world.changes() == "");
  add_in_vain(world);
  CHECK(snapshot_files(kDirectory).empty());
  json off = kAsked;
  off["rdma"] = "off";
  REQUIRE(world.runtime.add(1, off).ok());
  CHECK(snapshot_files(kDirectory).empty());
  check_ok(world.runtime.del(1));
  check_others(world);
}
