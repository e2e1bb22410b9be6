// SPDX-License-Identifier: Apache-2.0
/// \file
/// `defaultsFile`: what all rails of a node have in common is written once.
#include <algorithm>

#include "mvr/base/fd.hpp"
#include "support/catch.hpp"
#include "support/link_wanted.hpp"
#include "support/log_lines.hpp"
#include "support/namespaces.hpp"
#include "support/print.hpp"
#include "support/refusal.hpp"
#include "support/shell.hpp"

using namespace mvr::test;

namespace {

const std::string kFile = std::string(kScratchDir) + "/defaults.json";
const std::string kLog = std::string(kScratchDir) + "/log";
const std::vector<int> kRails{1, 2, 3, 4, 5, 6, 7, 8};

/// What the node's file holds in these tests, and no definition.
json node_defaults() {
  return {{"overlayPodCIDR", {"10.233.64.0/18"}},
          {"serviceCIDR", {"10.233.0.0/18"}},
          {"stateDir", kStateDir},
          {"logFile", kLog}};
}

/// The definition of rail n without what the file says.
json definition(int n) {
  json config = rail_config(n);
  const json defaults = node_defaults();
  for (const auto& [key, value] : defaults.items()) {
    config.erase(key);
  }
  config["defaultsFile"] = kFile;
  return config;
}

std::string nic(int n) {
  return "net" + std::to_string(n);
}

/// How many calls of a verb have ended well, says the log.
std::ptrdiff_t count_successes(const std::string& verb) {
  constexpr std::size_t kLimit = std::size_t{1} << 20;
  const auto lines = read_log(unwrap(mvr::read_file(kLog, kLimit)));
  return std::count_if(lines.begin(), lines.end(), [&](const LogLine& line) {
    const auto outcome = line.find("outcome");
    return line.at("msg") == verb && outcome != line.end() && outcome->second == "ok";
  });
}

}  // namespace

TEST_CASE("one file serves a node's eight networks, from ADD to DEL", "[defaults]") {
  OnePod world({.rails = 8});
  put_file(kFile, node_defaults().dump());
  for (const int n : kRails) {
    const Answer added = world.runtime.add(nic(n), definition(n));
    INFO(added);
    REQUIRE(added.ok());
    CHECK(added.err.empty());
  }
  check_routing(world.pod, wanted_nics(kRails));
  check_ok(world.runtime.check(nic(8)));
  CHECK(count_journals() == kRails.size());
  CHECK(count_successes("ADD") == 8);

  json more = node_defaults();
  more["serviceCIDR"].push_back("10.96.0.0/12");
  put_file(kFile, more.dump());
  const Answer drifted = world.runtime.check(nic(1));
  CHECK(drifted.code() == 109);
  expect_words(drifted.message(), {"10.96.0.0/12"});
  for (const int n : kRails) {
    check_ok(world.runtime.del(nic(n)));
  }
  CHECK(count_successes("DEL") == 8);
  CHECK(world.changes().empty());
}

TEST_CASE("a network sets aside a default by false, 0, an empty text or an empty list",
          "[defaults]") {
  OnePod world;
  json defaults = node_defaults();
  defaults.update({{"promisc", true},
                   {"strictArp", true},
                   {"mtu", 1400},
                   {"routeTable", 300},
                   {"podMACPrefix", "0a:58"},
                   {"hijackCIDR", {"169.254.0.0/16"}},
                   {"hostAddresses", {"10.1.20.4"}}});
  put_file(kFile, defaults.dump());
  json config = definition(1);
  config.update({{"promisc", false},
                 {"strictArp", false},
                 {"mtu", 0},
                 {"routeTable", 0},
                 {"podMACPrefix", ""},
                 {"mac", "02:00:5e:10:00:01"},
                 {"hijackCIDR", json::array()},
                 {"hostAddresses", json::array()}});
  const Answer added = world.runtime.add("net1", config);
  INFO(added);
  REQUIRE(added.ok());
  const json link = read_link("pod", "net1");
  CHECK(link.at("mtu") == 1500);
  CHECK(link.at("promiscuity") == 0);
  CHECK(link.at("address") == "02:00:5e:10:00:01");
  CHECK(read_sysctl("pod", "ipv4/conf/net1/arp_ignore") == "0");
  CHECK(table_of("pod", "net1") == 101);
  Lines main = wanted_main(world.pod, wanted_nics({1}));
  std::erase_if(main, [](const std::string& line) {
    return line.starts_with("169.254.0.0/16") || line.starts_with("10.1.20.4");
  });
  CHECK(read_table("pod", "main") == main);
  check_ok(world.runtime.check("net1"));
}

TEST_CASE("an object of a network replaces the whole one of the file", "[defaults]") {
  const Refusals refusals;
  put_file(kFile, R"({"gatewayProbe":{"policy":"warn","attempts":1,"interval":"7ms"},)"
                  R"("sysctls":{"net.ipv4.conf.IFNAME.forwarding":"1"}})");
  Scenario::silence_gateway(1);
  const json patch{{"defaultsFile", kFile},
                   {"sysctls", {{"net.ipv4.conf.IFNAME.accept_local", "1"}}}};
  const Answer warned = run_plugin(refusals.call(patch));
  INFO(warned);
  REQUIRE(warned.ok());
  expect_words(warned.err, {"level=warn", rail_gateway(1), "1 ARP request"});
  CHECK(read_sysctl("pod", "ipv4/conf/net1/forwarding") == "0");
  CHECK(read_sysctl("pod", "ipv4/conf/net1/accept_local") == "1");
  Call del = refusals.call(patch);
  del.verb = "DEL";
  REQUIRE(run_plugin(del).ok());
  json failing = patch;
  failing["gatewayProbe"] = {{"attempts", 2}};  // by the default policy
  refusals.expect(failing, 104, {rail_gateway(1), "2 ARP requests"});
}

TEST_CASE("a default that does not go with a network's keys is refused, and its file named",
          "[defaults]") {
  const Refusals refusals;
  const auto refuse = [&](const json& defaults, json patch, std::vector<std::string> words) {
    put_file(kFile, defaults.dump());
    patch["defaultsFile"] = kFile;
    words.push_back(kFile + ": defaults file: " + defaults.begin().key());
    refusals.expect(patch, 7, words);
  };
  refuse({{"podMACPrefix", "0a:58"}}, {{"mac", "02:00:5e:10:00:01"}}, {"02:00:5e:10:00:01"});
  refuse({{"podMACPrefix", "0a:58"}}, {{"mode", "passthru"}}, {"passthru"});
  refuse({{"policyRoutes", {{{"dst", "10.9.0.0/16"}, {"gw", "172.16.11.253"}}}}},
         {{"tunePodRoutes", false}}, {"tunePodRoutes false"});
  refuse({{"vlan", 7}}, {{"linkInContainer", true}}, {"linkInContainer"});
  refuse({{"conflictProbe", {{"attempts", 1000}, {"interval", "1s"}}}}, {{"timeout", "10s"}},
         {"attempts 1000", "timeout", "10000ms"});

  put_file(kFile, R"({"podMACPrefix":"0a:58"})");
  const json own{{"defaultsFile", kFile}, {"podMACPrefix", "0a:59"}, {"mode", "passthru"}};
  const Answer answer = refusals.expect(own, 7, {"podMACPrefix \"0a:59\""});
  CHECK(answer.message().find("defaults file") == std::string::npos);
}
