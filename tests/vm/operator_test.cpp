// SPDX-License-Identifier: Apache-2.0
/// \file
/// What `inspect` and `doctor` say of RDMA devices.
#include <algorithm>

#include "support/catch.hpp"
#include "support/link_wanted.hpp"
#include "support/namespaces.hpp"
#include "support/refusal.hpp"
#include "vm/support/exclusive_world.hpp"
#include "vm/support/rdma_pod.hpp"

using namespace mvr::test;

namespace {

/// What a command says for programs.
json ask(const std::string& command, std::vector<std::string> options = {}) {
  std::vector<std::string> argv{plugin_path(), command, "--json", "--state-dir",
                                std::string(kStateDir)};
  argv.insert(argv.end(), options.begin(), options.end());
  const Output output = run({.argv = std::move(argv), .env = {{"CNI_PATH", kCniPath}}});
  INFO(output.out << output.err);
  json document = json::parse(output.out, nullptr, false);
  REQUIRE(document.is_object());
  return document;
}

/// The only NIC of all.
json inspect_nic() {
  const json document = ask("inspect");
  REQUIRE(document["pods"].size() == 1);
  REQUIRE(document["pods"][0]["nics"].size() == 1);
  return document["pods"][0]["nics"][0];
}

/// "ok: rxe1 port 1, active, …" of rail 1's device.
std::string diagnose_device() {
  const std::string file = std::string(kScratchDir) + "/rail1.json";
  put_file(file, rail_config(1).dump());
  const json findings = ask("doctor", {"--config", file})["findings"];
  std::string text;
  for (const json& one : findings) {
    if (one["what"] == "RDMA" && one["subject"] == rail_master(1)) {
      text += one["grade"].get<std::string>() + ": " + one["cause"].get<std::string>() + '\n';
    }
  }
  return text;
}

}  // namespace

TEST_CASE("inspect shows the device that a pod shares", "[operator][shared]") {
  RdmaPod world(RdmaMode::shared);
  add_or_fail(world.runtime, 1);
  const json nic = inspect_nic();
  CHECK(nic["healthy"] == true);
  CHECK(nic["rdma"]["device"] == rail_device(1));
  CHECK(nic["rdma"]["moved"] == false);
  CHECK(nic["rdma"]["active"] == true);
  CHECK(nic["rdma"]["gidIndexes"] == read_journal(rail_nic(world.pod, 1))["rdma"]["gids"]);
  expect_words(diagnose_device(), {"ok: " + rail_device(1) + " port 1, active"});
}

TEST_CASE("inspect and doctor find the device that is in a pod", "[operator][exclusive]") {
  ExclusiveWorld world({"pod"});
  expect_words(diagnose_device(), {"ok: " + rail_device(1) + " port 1, active"});
  add_or_fail(world.runtime("pod"), 1);
  check_device_in("pod");
  const json nic = inspect_nic();
  CHECK(nic["healthy"] == true);
  CHECK(nic["rdma"]["moved"] == true);
  CHECK(nic["rdma"]["found"] == true);
  expect_words(diagnose_device(), {"ok: " + rail_device(1) + " is in pod training/pod"});
}

TEST_CASE("inspect tells that a pod has lost its device", "[operator][exclusive]") {
  ExclusiveWorld world({"pod"});
  add_or_fail(world.runtime("pod"), 1);
  change_rdma("pod", {"link", "delete", rail_device(1)});
  const json nic = inspect_nic();
  CHECK(nic["healthy"] == false);
  CHECK(nic["rdma"]["found"] == false);
  CHECK(nic["drift"] == json{{{"object", "RDMA device " + rail_device(1)},
                              {"field", ""},
                              {"wanted", "in the pod"},
                              {"found", "not there"}}});
}
