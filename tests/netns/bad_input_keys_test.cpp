// SPDX-License-Identifier: Apache-2.0
// Keys that nobody knows, that ask for nothing or for what cannot be, or that are spelled in
// another way.
#include <algorithm>

#include "support/catch.hpp"
#include "support/link_state.hpp"
#include "support/namespaces.hpp"
#include "support/refusal.hpp"
#include "support/routing_lines.hpp"

using namespace mvr::test;

namespace {

/// Asserts that each of these values is refused as "key value: … allowed …".
void refuse_all(const Refusals& refusals, const std::string& key, const std::string& allowed,
                const std::vector<json>& values) {
  for (const json& value : values) {
    Call call = refusals.call();
    call.config[key] = value;  // a patch would leave null out
    refusals.expect_call(call, 7, {"net1: " + key + ' ' + value.dump() + ": ", allowed});
  }
}

/// Asserts that these values together are refused with these words, the key and its value first.
void refuse_patch(const Refusals& refusals, const json& patch,
                  const std::vector<std::string>& words) {
  const Answer answer = refusals.expect(patch, 7, words);
  CHECK(answer.message().starts_with("net1: " + words.front()));
}

json make_route(const char* dst, const char* gw) {
  return {{"dst", dst}, {"gw", gw}};
}

json policy_routes(const char* dst, const char* gw) {
  return {{"policyRoutes", json::array({make_route(dst, gw)})}};
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

TEST_CASE("keys of the link with a value that cannot be are refused", "[bad-input]") {
  const Refusals refusals;
  refuse_all(refusals, "vlan", "must be an integer from 0 to 4094",
             {4095, 4096, -1, "100", "0", 100.0, false, nullptr, json::array({100})});
  for (const char* key : {"promisc", "allmulti"}) {
    refuse_all(refusals, key, "must be true or false", {"true", "false", 0, 1, nullptr});
  }
  refuse_all(refusals, "podMACPrefix", "must be two octets such as \"0a:58\"",
             {"0a", "0a58", "0a:58:00", "0a:5", "0g:58", " 0a:58", 10, nullptr, false});
  refuse_all(refusals, "podMACPrefix", "has the group bit set; the first octet must be even",
             {"01:00", "0b:58", "33:33", "ff:ff"});
}

TEST_CASE("a prefix for MAC addresses is refused where there is nothing to put it to",
          "[bad-input]") {
  const Refusals refusals;
  const char* mac = "02:00:5e:10:00:01";
  const std::string key = "podMACPrefix \"0a:58\": ";
  const auto refuse = [&](json patch, const std::string& allowed) {
    patch["podMACPrefix"] = "0a:58";
    refuse_patch(refusals, patch, {key, allowed});
  };
  refuse({{"mac", mac}}, std::string("not allowed with mac ") + mac);
  refuse({{"runtimeConfig", {{"mac", mac}}}}, std::string("with runtimeConfig.mac ") + mac);
  refuse({{"args", {{"cni", {{"mac", mac}}}}}}, std::string("with args.cni.mac ") + mac);
  refuse({{"mode", "passthru"}}, "not allowed with mode \"passthru\"");
  refuse({{"ipam", {{"type", "dhcp"}}}}, "not allowed with ipam.type \"dhcp\"");
  refuse({{"ipam", nullptr}}, "needs an address");
  Call call = refusals.call({{"podMACPrefix", "0a:58"}});
  call.args = std::string("MAC=") + mac;
  refusals.expect_call(call, 7, {key, std::string("with CNI_ARGS MAC ") + mac});
}

TEST_CASE("keys of the probes with a value that cannot be are refused", "[bad-input]") {
  const Refusals refusals;
  const std::string duration = "must be a string with a unit (ms, s, m, h) from \"1ms\" to \"10s\"";
  refuse_all(refusals, "conflictProbe", "must be true, false or an object with policy",
             {"off", "fail", 0, nullptr, json::array()});
  refuse_all(refusals, "announce", "must be an integer from 0 to 10",
             {11, -1, "2", 2.0, true, nullptr});
  for (const std::string key : {"conflictProbe", "gatewayProbe"}) {
    const auto refuse = [&](const char* member, const json& value, const std::string& allowed) {
      refuse_patch(refusals, {{key, {{member, value}}}},
                   {key + '.' + member + ' ' + value.dump() + ": ", allowed});
    };
    refuse("policy", "maybe", "must be \"fail\", \"warn\" or \"off\"");
    refuse("attempts", 0, "must be an integer from 1 to 1000");
    refuse("attempts", 1001, "must be an integer from 1 to 1000");
    refuse("interval", 10, duration);
    refuse("interval", "10", duration);
    refuse("interval", "11s", duration);
    refuse_patch(refusals, {{key, {{"attempts", 50}, {"interval", "100ms"}}}, {"timeout", "1s"}},
                 {key + ": attempts 50 ", "5000ms", "at most timeout, which is 1000ms"});
  }
}

TEST_CASE("durations without a unit are refused", "[bad-input]") {
  const Refusals refusals;
  const std::string unit = "must be a string with a unit (ms, s, m, h)";
  refuse_all(refusals, "timeout", unit, {100, "100", 1.5, "1.5", "", "s", nullptr});
  for (const json& value : {json(1000), json("1000")}) {
    refuse_patch(refusals, {{"rdma", {{"gidTimeout", value}}}},
                 {"rdma.gidTimeout " + value.dump() + ": ", unit});
  }
}

TEST_CASE("settings of IPv6 that cannot be are refused", "[bad-input]") {
  const Refusals refusals;
  refuse_all(refusals, "ipv6", "must be an object with dad and acceptRA",
             {false, true, "off", 6, nullptr, json::array()});
  refuse_patch(refusals, {{"ipv6", {{"dad", "on"}}}},
               {"ipv6.dad \"on\": ", "must be \"probe\", \"kernel\" or \"off\""});
  refuse_patch(refusals, {{"ipv6", {{"dad", false}}}}, {"ipv6.dad false: ", "\"probe\""});
  refuse_patch(refusals, {{"ipv6", {{"acceptRA", 1}}}},
               {"ipv6.acceptRA 1: ", "must be true or false"});
}

TEST_CASE("keys of routing with a value that cannot be are refused", "[bad-input]") {
  const Refusals refusals;
  refuse_all(refusals, "tunePodRoutes", "must be true or false", {"false", 0, nullptr});
  refuse_all(refusals, "podDefaultRouteNic",
             "must be the name of an interface, 1 to 15 bytes, or \"\" for the overlay NIC",
             {"a/b", "..", "abcdefghijklmnop", 1, nullptr});
  refuse_all(refusals, "hostRuleTable", "must not be one of the kernel's tables 253, 254 and 255",
             {253, 254, 255});
  refuse_all(refusals, "hostRuleTable", "must be an integer from 0 to 4294967295",
             {-1, 4294967296, "500", 500.0, false, nullptr});
}

TEST_CASE("policy routes that cannot be are refused", "[bad-input]") {
  const Refusals refusals;
  refuse_all(refusals, "policyRoutes", "must be a list of routes such as [{\"dst\":",
             {json::object(), "", nullptr, make_route("10.9.0.0/16", "172.16.11.254")});
  refuse_patch(refusals, policy_routes("10.9.0.7/16", "172.16.11.254"),
               {"policyRoutes[0].dst \"10.9.0.7/16\": ", "host bits", "\"10.9.0.0/16\" was meant"});
  refuse_patch(refusals, policy_routes("fd00:9::7/32", "fe80::1"),
               {"policyRoutes[0].dst \"fd00:9::7/32\": ", "\"fd00:9::/32\" was meant"});
  for (const char* gw : {"fd00:16:11::fe", "fe80::1"}) {
    refuse_patch(refusals, policy_routes("10.9.0.0/16", gw),
                 {"policyRoutes[0] {\"dst\":\"10.9.0.0/16\"", gw,
                  "dst and gw must both be IPv4 or both be IPv6"});
  }
  refuse_patch(refusals, policy_routes("fd00:9::/32", "172.16.11.254"),
               {"policyRoutes[0] {\"dst\":\"fd00:9::/32\"", "must both be IPv4 or both be IPv6"});
  for (const char* dst : {"0.0.0.0/0", "::/0"}) {
    refuse_patch(refusals, policy_routes(dst, "172.16.11.254"),
                 {"policyRoutes[0].dst \"" + std::string(dst) + "\": ", "the gateway that IPAM"});
  }
  for (const char* gw : {"", "172.16.11.254/24", "0.0.0.0", "127.0.0.1", "224.0.0.1", "net1"}) {
    refuse_patch(refusals, policy_routes("10.9.0.0/16", gw),
                 {"policyRoutes[0].gw \"" + std::string(gw) + "\": ", "the unicast address of"});
  }
  for (const json& route : {json("10.9.0.0/16"), json{{"dst", "10.9.0.0/16"}}, json::array()}) {
    refuse_patch(refusals, {{"policyRoutes", json::array({route})}},
                 {"policyRoutes[0] " + route.dump() + ": ", "an object with dst and gw"});
  }
}

TEST_CASE("IPv6 prefixes and addresses that are none are refused", "[bad-input]") {
  const Refusals refusals;
  for (const std::string key : {"overlayPodCIDR", "serviceCIDR", "hijackCIDR"}) {
    const auto refuse = [&](const std::string& value, const std::string& allowed) {
      refuse_patch(refusals, {{key, {"10.0.0.0/8", value}}},
                   {key + "[1] \"" + value + "\": ", allowed});
    };
    refuse("fd00:10:233:40::1/58", "probably \"fd00:10:233:40::/58\" was meant");
    refuse("::/0", "default route is not allowed here, name the networks");
    refuse("fd00::/129", "must be a prefix such as \"10.233.64.0/18\" or \"fd00:10:233::/48\"");
    refuse("fd00::", "must be a prefix such as");
  }
  for (const char* value : {"::1", "ff02::1", "::", "fd00::1/64", "fd00::1%eth0"}) {
    refuse_patch(refusals, {{"hostAddresses", {value}}},
                 {"hostAddresses[0] \"" + std::string(value) + "\": ", "unicast address"});
  }
  refuse_patch(refusals, {{"hostAddresses", {"fe80::1"}}},
               {"hostAddresses[0] \"fe80::1\": ", "is link-local"});
}

TEST_CASE("keys that ask for nothing are no reason for a warning", "[bad-input]") {
  json config = rail_config(1);
  config.update({{"podMACPrefix", ""},
                 {"promisc", false},
                 {"allmulti", false},
                 {"vlan", 0},
                 {"conflictProbe", {{"policy", "off"}}},
                 {"announce", 0},
                 {"tunePodRoutes", true},
                 {"podDefaultRouteNic", ""},
                 {"policyRoutes", json::array()},
                 {"hostRuleTable", 0},
                 {"ipv6", json::object()}});
  CHECK(add_and_del(config).err.find("level=warn") == std::string::npos);
}

TEST_CASE("a value is refused under any spelling of its key", "[bad-input]") {
  const Refusals refusals;
  refusals.expect({{"VLAN", 4095}}, 7, {"vlan 4095", "from 0 to 4094"});
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
  refusals.expect({{"strict", true}, {"ipv6", {{"accept_ra", 0}}}}, 2,
                  {"ipv6.accept_ra 0", allowed});
  json routes = policy_routes("10.9.0.0/16", "172.16.11.254");
  routes["policyRoutes"][0]["mtu"] = 9000;
  routes["strict"] = true;
  refusals.expect(routes, 2, {"policyRoutes[0].mtu 9000", allowed});
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
  const auto spoiled =
      GENERATE(json{{"mode", "ipvlan"}}, json{{"mtu", "1500"}}, json{{"vlan", 4095}},
               json{{"master", "nowhere"}}, json{{"strict", true}, {"mtus", 1}},
               json{{"prevResult", "rubbish"}}, json{{"routeTable", 255}});
  call.config.merge_patch(spoiled);
  const Answer answer = run_plugin(call);
  INFO(spoiled.dump() << "\n" << answer);
  CHECK(answer.ok());
  CHECK(read_links("pod") == Lines{"eth0", "lo"});
  CHECK(rules("pod").empty());
}
