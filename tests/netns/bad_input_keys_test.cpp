// SPDX-License-Identifier: Apache-2.0
// Keys that nobody knows, that come later, or that are spelled in another way.
#include <algorithm>

#include "support/catch.hpp"
#include "support/link_state.hpp"
#include "support/namespaces.hpp"
#include "support/refusal.hpp"
#include "support/routing_lines.hpp"

using namespace mvr::test;

namespace {

struct Later {
  const char* key;
  json accepted;  ///< null: the key must be absent
  std::vector<json> refused;
};

/// The list "Not supported yet" of the reference.
const std::vector<Later>& later_keys() {
  static const std::vector<Later> keys{
      {"podMACPrefix", "", {"0a:1b", 1, nullptr}},
      {"promisc", false, {true, "false", 0}},
      {"allmulti", false, {true, "false", 0}},
      {"vlan", 0, {100, 4094, "0", 0.0, false}},
      {"conflictProbe", false, {true, {{"policy", "fail"}}, {{"attempts", 3}}, "off", 0}},
      {"conflictProbe", {{"policy", "off"}}, {{{"policy", "warn"}}}},
      {"announce", 0, {2, "0", false}},
      {"tunePodRoutes", true, {false, "true", 1}},
      {"podDefaultRouteNic", "", {"net1", "eth0", "no-such-nic"}},
      {"policyRoutes", json::array(), {{{{"dst", "10.9.0.0/16"}}}, json::object(), ""}},
      {"hostRuleTable", 0, {500, "0", false}},
      {"ipv6", nullptr, {{{"dad", "off"}}, json::object(), false}}};
  return keys;
}

/// The configuration with the key set, null values too.
Call with_key(const Refusals& refusals, const std::string& key, const json& value) {
  Call call = refusals.call();
  call.config[key] = value;
  return call;
}

Answer add_and_del(const json& config) {
  Scenario scenario({.rails = 1});
  Runtime runtime(scenario.add_pod("pod"));
  Answer answer = runtime.add("net1", config);
  INFO(answer);
  CHECK(answer.ok());
  CHECK(runtime.del("net1").ok());
  return answer;
}

}  // namespace

TEST_CASE("a key of a later version is refused, never ignored", "[bad-input]") {
  const Refusals refusals;
  for (const Later& later : later_keys()) {
    for (const json& value : later.refused) {
      INFO(later.key << " " << value.dump());
      refusals.expect_call(with_key(refusals, later.key, value), 2,
                           {later.key, "not supported yet"});
    }
  }
}

TEST_CASE("a key of a later version is accepted when it asks for nothing", "[bad-input]") {
  json config = rail_config(1);
  for (const Later& later : later_keys()) {
    if (!later.accepted.is_null()) {
      config[later.key] = later.accepted;
    }
  }
  CHECK(add_and_del(config).err.find("level=warn") == std::string::npos);
}

TEST_CASE("a later value is refused in any spelling", "[bad-input]") {
  const Refusals refusals;
  refusals.expect({{"VLAN", 100}}, 2, {"vlan 100", "not supported yet"});
  refusals.expect({{"Mode", "ipvlan"}}, 7, {"mode \"ipvlan\""});
}

TEST_CASE("unknown keys are named on standard error, and ADD goes on", "[bad-input]") {
  json config = rail_config(1);
  config["mtus"] = 9000;
  config["gatewayProbe"] = {{"retries", 3}};
  config["rdma"] = {{"mod", "auto"}};
  const Answer answer = add_and_del(config);
  expect_words(answer.err, {"level=warn", "mtus 9000: unknown key",
                            "gatewayProbe.retries 3: unknown key", "rdma.mod", "unknown key"});
}

TEST_CASE("with strict an unknown key is refused", "[bad-input]") {
  const Refusals refusals;
  const std::string allowed = "only documented keys are allowed with \"strict\"";
  refusals.expect({{"strict", true}, {"mtus", 9000}}, 2, {"mtus 9000: unknown key", allowed});
  refusals.expect({{"strict", true}, {"gatewayProbe", {{"retries", 3}}}}, 2,
                  {"gatewayProbe.retries 3", allowed});
}

TEST_CASE("with strict nothing that a runtime adds is unknown", "[bad-input]") {
  json config = rail_config(1);
  config.update({{"strict", true},
                 {"capabilities", {{"mac", true}}},
                 {"runtimeConfig", {{"mac", "02:00:5e:10:00:01"}, {"portMappings", json::array()}}},
                 {"args", {{"cni", {{"labels", json::array()}}}}},
                 {"deviceID", "0"},
                 {"pciBusID", "0"},
                 {"ipMasq", false},
                 {"disableCheck", true},
                 {"cni.dev/anything", 1},
                 {"dns", json::object()}});
  CHECK(add_and_del(config).err.find("unknown key") == std::string::npos);
}

TEST_CASE("a key in other letters is taken, with a warning", "[bad-input]") {
  json config = rail_config(1);
  config["Master"] = config.at("master");
  config.erase("master");
  expect_words(add_and_del(config).err, {"level=warn", "Master", "taken as master"});
}

TEST_CASE("of two spellings the exact one counts", "[bad-input]") {
  json config = rail_config(1);
  config["MASTER"] = "nowhere";
  expect_words(add_and_del(config).err, {"level=warn", "MASTER", "ignored, since master is there"});
}

TEST_CASE("DEL does its work whatever has become of the configuration", "[bad-input]") {
  Scenario scenario({.rails = 1});
  const Pod pod = scenario.add_pod("pod");
  Runtime runtime(pod);
  REQUIRE(runtime.add(1).ok());
  Call call = runtime.call("DEL", "net1");
  const auto spoiled = GENERATE(json{{"mode", "ipvlan"}}, json{{"mtu", "1500"}}, json{{"vlan", 7}},
                                json{{"master", "nowhere"}}, json{{"strict", true}, {"mtus", 1}},
                                json{{"prevResult", "rubbish"}}, json{{"routeTable", 255}});
  call.config.merge_patch(spoiled);
  const Answer answer = run_plugin(call);
  INFO(spoiled.dump() << "\n" << answer);
  CHECK(answer.ok());
  CHECK(read_links("pod") == Lines{"eth0", "lo"});
  CHECK(rules("pod").empty());
}
