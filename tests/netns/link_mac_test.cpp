// SPDX-License-Identifier: Apache-2.0
/// \file
/// Where the NIC's MAC address comes from.
#include <set>

#include "mvr/ip/address.hpp"
#include "support/catch.hpp"
#include "support/link_wanted.hpp"
#include "support/shell.hpp"

using namespace mvr::test;

namespace {

constexpr const char* kByConfig = "02:00:5e:10:00:01";
constexpr const char* kByArgs = "02:00:5e:10:00:02";
constexpr const char* kByStructuredArgs = "02:00:5e:10:00:03";
constexpr const char* kByRuntime = "02:00:5e:10:00:04";

struct MacSources {
  bool config = false;
  bool args = false;
  bool structured_args = false;
  bool runtime = false;
};

/// The ADD of rail 1 with a MAC from each of the sources.
Call call_with(const Runtime& runtime, const MacSources& sources) {
  json config = rail_config(1);
  if (sources.config) {
    config["mac"] = kByConfig;
  }
  if (sources.structured_args) {
    config["args"] = {{"cni", {{"mac", kByStructuredArgs}, {"labels", json::array()}}}};
  }
  if (sources.runtime) {
    config["capabilities"] = {{"mac", true}};
    config["runtimeConfig"] = {{"mac", kByRuntime}};
  }
  Call call = runtime.call("ADD", "net1", config);
  call.args += sources.args ? std::string(";MAC=") + kByArgs : "";
  return call;
}

std::string mac_of(const std::string& netns) {
  return read_link(netns, "net1").at("address");
}

}  // namespace

TEST_CASE("the MAC comes from any of four sources, and the later one wins", "[link][mac]") {
  const auto [sources, wanted] = GENERATE(table<MacSources, const char*>(
      {{{.config = true}, kByConfig},
       {{.args = true}, kByArgs},
       {{.structured_args = true}, kByStructuredArgs},
       {{.runtime = true}, kByRuntime},
       {{.config = true, .args = true}, kByArgs},
       {{.args = true, .structured_args = true}, kByStructuredArgs},
       {{.structured_args = true, .runtime = true}, kByRuntime},
       {{.config = true, .args = true, .structured_args = true, .runtime = true}, kByRuntime}}));
  OnePod world;
  const Answer answer = run_plugin(call_with(world.runtime, sources));
  INFO(answer);
  REQUIRE(answer.ok());
  CHECK(mac_of("pod") == wanted);
  CHECK(answer.body.at("interfaces").at(0).at("mac") == wanted);
}

TEST_CASE("a key in another case counts, with a warning", "[link][mac]") {
  OnePod world;
  const Answer answer =
      world.runtime.add(1, {{"mac", kByConfig}, {"RuntimeConfig", {{"mac", kByRuntime}}}});
  INFO(answer);
  REQUIRE(answer.ok());
  CHECK(mac_of("pod") == kByRuntime);
  CHECK(answer.err.find("RuntimeConfig") != std::string::npos);
}

TEST_CASE("a random MAC is unicast, locally administered and another one each time",
          "[link][mac]") {
  OnePod world;
  constexpr int kTimes = 4;
  std::set<std::string> seen;
  for (int i = 0; i < kTimes; ++i) {
    add_or_fail(world.runtime, 1);
    const std::string mac = mac_of("pod");
    CHECK((std::stoi(mac.substr(0, 2), nullptr, 16) & 3) == 2);
    seen.insert(mac);
    REQUIRE(world.runtime.del(1).ok());
  }
  CHECK(seen.size() == kTimes);
  CHECK(seen.count(read_link("", rail_master(1)).at("address")) == 0);
}

TEST_CASE("a MAC that another macvlan of the master has is a clear error", "[link][mac]") {
  OnePod world({.rails = 2});
  const Pod other = world.scenario.add_pod("other");
  Runtime other_runtime(other, "other");
  add_or_fail(world.runtime, 1, {{"mac", kByConfig}});
  const json before = snapshot_world({"pod", "other"});
  const Answer answer = other_runtime.add(1, {{"mac", kByConfig}});
  INFO(answer);
  CHECK(answer.code() == 101);
  CHECK(answer.message().find(std::string("MAC ") + kByConfig) != std::string::npos);
  CHECK(difference(before, snapshot_world({"pod", "other"})).empty());
  CHECK(other_runtime.add(2, {{"mac", kByConfig}}).ok());
}

TEST_CASE("the MAC of the master itself is a clear error", "[link][mac]") {
  OnePod world;
  const std::string mac = read_link("", rail_master(1)).at("address");
  const Answer answer = world.runtime.add(1, {{"mac", mac}});
  INFO(answer);
  CHECK(answer.code() == 101);
  CHECK(answer.message().find("MAC " + mac) != std::string::npos);
  CHECK(world.changes().empty());
}
