// SPDX-License-Identifier: Apache-2.0
/// \file
/// `macvlan-rdma doctor` on a node with real interfaces.
#include <algorithm>

#include "support/catch.hpp"
#include "support/link_wanted.hpp"
#include "support/namespaces.hpp"
#include "support/refusal.hpp"
#include "support/routing_world.hpp"
#include "support/shell.hpp"

using namespace mvr::test;

namespace {

const std::string kConfig = std::string(kScratchDir) + "/rails.json";
const std::string kBin = std::string(kScratchDir) + "/bin";

Output doctor(const std::vector<std::string>& options) {
  std::vector<std::string> argv{plugin_path(), "doctor", "--state-dir", std::string(kStateDir)};
  argv.insert(argv.end(), options.begin(), options.end());
  return run({.argv = std::move(argv),
              .env = {{"PATH", "/usr/bin:/bin"}, {"CNI_PATH", kBin + ":" + kCniPath}},
              .clean_env = true});
}

/// The findings about rail 1 and its configuration.
json examine(const json& patch = json::object()) {
  json config = rail_config(1);
  config.merge_patch(patch);
  put_file(kConfig, config.dump());
  const Output output = doctor({"--config", kConfig, "--json"});
  INFO(output.out << output.err);
  const json document = json::parse(output.out, nullptr, false);
  REQUIRE(document.is_object());
  CHECK(output.err.empty());
  CHECK(output.status == (document["ready"] == true ? 0 : 1));
  return document["findings"];
}

/// Asserts that one of the findings is of this grade and kind, and has the words.
void check_finds(const json& findings, const std::string& grade, const std::string& what,
                 const std::vector<std::string>& words) {
  INFO(findings.dump(2));
  CHECK(std::ranges::any_of(findings, [&](const json& one) {
    const std::string text =
        one["cause"].get<std::string>() + " | " + one["remedy"].get<std::string>();
    return one["grade"] == grade && one["what"] == what &&
           std::ranges::all_of(words, [&](const std::string& word) {
             return text.find(word) != std::string::npos;
           });
  }));
}

bool has_failed(const json& findings) {
  return std::ranges::any_of(findings, [](const json& one) { return one["grade"] == "fail"; });
}

struct ReadyNode : OnePod {
  ReadyNode() : OnePod({.rails = 2}) {
    run({.argv = {"install", "-D", plugin_path(), kBin + "/macvlan-rdma"}});
    put_sysctl("", "ipv6/conf/" + rail_master(1) + "/accept_ra", "0");
  }
};

}  // namespace

TEST_CASE("doctor calls a node ready that pods can be made on", "[doctor]") {
  const ReadyNode node;
  const json findings = examine();
  CHECK_FALSE(has_failed(findings));
  check_finds(findings, "ok", "master", {"up, carrier, MTU 1500"});
  check_finds(findings, "ok", "macvlan-rdma", {kBin + "/macvlan-rdma"});
  check_finds(findings, "ok", "IPAM", {"host-local"});
  check_finds(findings, "ok", "journals", {"0 attachments"});
  const Output text = doctor({"-c", kConfig});
  CHECK(text.status == 0);
  expect_words(text.out, {"ok    master " + rail_master(1), "\n0 fail, "});
}

TEST_CASE("doctor changes nothing", "[doctor]") {
  PodWorld world(1);
  REQUIRE(failure(world.add(1)) == "");
  put_file(kConfig, rail_config(1).dump());
  world.look();
  static_cast<void>(doctor({"--config", kConfig}));
  CHECK(world.changes() == "");
}

TEST_CASE("doctor sees masters as the kernel has them", "[doctor]") {
  const ReadyNode node;
  SECTION("down") {
    ip({"link", "set", rail_master(1), "down"});
    check_finds(examine(), "fail", "master", {"is down", "ip link set " + rail_master(1) + " up"});
  }
  SECTION("without carrier") {
    ip({"-n", kGateways, "link", "set", rail_gateway_nic(1), "down"});
    check_finds(examine(), "fail", "master", {"no carrier"});
  }
  SECTION("missing") {
    check_finds(examine({{"master", "nic0"}}), "fail", "network", {"nic0"});
  }
  SECTION("taking router advertisements") {
    put_sysctl("", "ipv6/conf/" + rail_master(1) + "/accept_ra", "1");
    check_finds(examine(), "warn", "master", {"router advertisements"});
  }
  SECTION("in a bridge") {
    ip({"link", "add", "br0", "type", "bridge"});
    ip({"link", "set", rail_master(1), "master", "br0"});
    check_finds(examine(), "fail", "master", {"part of bridge br0"});
  }
}

TEST_CASE("doctor sees who else uses the node's table", "[doctor]") {
  const ReadyNode node;
  check_finds(examine({{"hostRuleTable", 500}}), "ok", "table", {"not used by others"});
  ip({"route", "add", "192.0.2.0/24", "dev", rail_master(2), "table", "500"});
  check_finds(examine({{"hostRuleTable", 500}}), "warn", "table", {"192.0.2.0/24"});
}

TEST_CASE("doctor finds what dead pods have left", "[doctor]") {
  ReadyNode node;
  add_or_fail(node.runtime, 1);
  check_finds(examine(), "ok", "journals", {"1 attachment, nothing left over"});
  remove_netns("pod");
  check_finds(examine(), "warn", "leftover", {"training/pod", "macvlan-rdma gc"});
}

TEST_CASE("doctor says which file is wrong, and goes on", "[doctor]") {
  const ReadyNode node;
  put_file(kConfig, rail_config(1).dump());
  const std::string bad = std::string(kScratchDir) + "/bad.yaml";
  put_file(bad, "a: [");
  const Output output = doctor({"-c", bad, "-c", "/none", "-c", kConfig});
  CHECK(output.status == 1);
  expect_words(output.out, {"fail  config " + bad, "fail  config /none", "master " + rail_master(1),
                            "\n2 fail, "});
}

TEST_CASE("doctor says that the defaults file is wrong", "[doctor]") {
  const ReadyNode node;
  put_file("/run/bad-defaults.json", "{");
  json config = rail_config(1);
  config["defaultsFile"] = "/run/bad-defaults.json";
  put_file(kConfig, config.dump());
  const Output output = doctor({"-c", kConfig});
  CHECK(output.status == 1);
  expect_words(output.out, {"fail  config " + kConfig, "/run/bad-defaults.json"});
}

TEST_CASE("doctor says that stateDir cannot be used", "[doctor]") {
  const ReadyNode node;
  const std::string dir = std::string(kScratchDir) + "/open";
  put_file(dir + "/x", "");
  run({.argv = {"chmod", "777", dir}});
  put_file(kConfig, rail_config(1).dump());
  const Output output = doctor({"-c", kConfig, "--state-dir", dir});
  CHECK(output.status == 1);
  expect_words(output.out, {"fail  stateDir " + dir});
  CHECK(output.out.find("stateDir", output.out.find("stateDir " + dir) + 1) == std::string::npos);
}
