// SPDX-License-Identifier: Apache-2.0
// The node's defaults file: used, overruled, absent, and broken.
#include <sys/stat.h>

#include "support/catch.hpp"
#include "support/link_state.hpp"
#include "support/namespaces.hpp"
#include "support/peer_rig.hpp"
#include "support/refusal.hpp"
#include "support/routing_lines.hpp"

using namespace mvr::test;

namespace {

const std::string kFile = std::string(kScratchDir) + "/defaults.json";

/// Rail 1's configuration, without what the tests put into the file.
json config_with_file() {
  json config = rail_config(1);
  config.erase("serviceCIDR");
  config["defaultsFile"] = kFile;
  return config;
}

void refuse_file(const Refusals& refusals, const std::string& text, int code,
                 std::vector<std::string> words) {
  put_file(kFile, text);
  words.insert(words.begin(), kFile);
  INFO(text);
  refusals.expect({{"defaultsFile", kFile}}, code, words);
}

}  // namespace

TEST_CASE("a defaults file that is not there is no error", "[bad-input][defaults]") {
  Scenario scenario({.rails = 1});
  Runtime runtime(scenario.add_pod("pod"));
  const Answer answer = runtime.add("net1", config_with_file());
  INFO(answer);
  CHECK(answer.ok());
}

TEST_CASE("values of the defaults file are used", "[bad-input][defaults]") {
  Scenario scenario({.rails = 1});
  const Pod pod = scenario.add_pod("pod");
  put_file(kFile, R"({"serviceCIDR":["10.96.0.0/12"],"routeTableBase":200,"mtu":1400,"mtus":1})");
  Runtime runtime(pod);
  const Answer answer = runtime.add("net1", config_with_file());
  INFO(answer);
  REQUIRE(answer.ok());
  CHECK(read_link("pod", "net1").at("mtu") == 1400);
  CHECK(rules("pod") == Lines{"32200: from 10.233.119.164 lookup 200 ours",
                              "32200: from all oif eth0 lookup 200 ours",
                              "32201: from 172.16.11.10 lookup 201 ours",
                              "32201: from all oif net1 lookup 201 ours"});
  const auto main = routes("pod", kMainTable);
  CHECK(std::count(main.begin(), main.end(),
                   "10.96.0.0/12 via 169.254.1.1 dev eth0 src 10.233.119.164 ours") == 1);
  expect_words(answer.err, {"defaults file: mtus 1: unknown key"});
}

TEST_CASE("the configuration wins over the defaults file, key by key", "[bad-input][defaults]") {
  Scenario scenario({.rails = 1});
  const Pod pod = scenario.add_pod("pod");
  put_file(kFile, R"({"mtu":1400,"hijackCIDR":["10.1.0.0/16"],"hostAddresses":[],)"
                  R"("gatewayProbe":{"policy":"off"}})");
  Scenario::silence_gateway(1);
  json config = config_with_file();
  config["MTU"] = 1300;
  config["hijackCIDR"] = {"10.2.0.0/16"};
  Runtime runtime(pod);
  const Answer answer = runtime.add("net1", config);
  INFO(answer);
  REQUIRE(answer.ok());
  CHECK(read_link("pod", "net1").at("mtu") == 1300);
  const std::string tail = " via 169.254.1.1 dev eth0 src 10.233.119.164 ours";
  const auto main = routes("pod", kMainTable);
  CHECK(has_line(main, "10.2.0.0/16" + tail));
  CHECK_FALSE(has_line(main, "10.1.0.0/16" + tail));
  CHECK_FALSE(has_line(main, "10.1.20.4" + tail));
}

TEST_CASE("strict in the defaults file holds for the configuration", "[bad-input][defaults]") {
  Refusals refusals;
  put_file(kFile, R"({"strict":true})");
  refusals.expect({{"defaultsFile", kFile}, {"mtus", 1}}, 2, {"mtus 1: unknown key"});
}

TEST_CASE("a broken defaults file is an error that names it", "[bad-input][defaults]") {
  const Refusals refusals;
  refuse_file(refusals, "", 7, {"not JSON"});
  refuse_file(refusals, " \n", 7, {"not JSON"});
  refuse_file(refusals, "{", 7, {"not JSON"});
  refuse_file(refusals, "rubbish", 7, {"not JSON"});
  refuse_file(refusals, "[]", 7, {"must be a JSON object"});
  refuse_file(refusals, "\xef\xbb\xbf{}", 7, {"byte order mark"});
  refuse_file(refusals, std::string(200'000, '['), 7, {"nested deeper than"});
  refuse_file(refusals, std::string(2 << 20, ' ') + "{}", 5, {"more than 1048576 bytes"});
}

TEST_CASE("a bad value in the defaults file is an error that names both", "[bad-input][defaults]") {
  const Refusals refusals;
  refuse_file(refusals, R"({"mode":"ipvlan"})", 7,
              {"defaults file: mode \"ipvlan\"", "\"bridge\""});
  refuse_file(refusals, R"({"mtu":"1500"})", 7, {"defaults file: mtu \"1500\"", "integer"});
  refuse_file(refusals, R"({"vlan":4095})", 7, {"defaults file: vlan 4095", "from 0 to 4094"});
  refuse_file(refusals, R"({"routeTable":254})", 7, {"defaults file: routeTable 254"});
}

TEST_CASE("what belongs to one network is refused in the defaults file", "[bad-input][defaults]") {
  const Refusals refusals;
  for (const char* key : {"ipam", "name", "type", "cniVersion", "capabilities", "runtimeConfig",
                          "args", "prevResult"}) {
    refuse_file(refusals, json{{key, rail_config(1).value(key, json::object())}}.dump(), 7,
                {std::string("defaults file: ") + key, "in a network configuration only"});
  }
}

TEST_CASE("a defaults file that cannot be read is an error that names it",
          "[bad-input][defaults]") {
  Refusals refusals;
  SECTION("a directory") {
    REQUIRE(mkdir(kFile.c_str(), 0755) == 0);
  }
  SECTION("a fifo, for which nobody waits") {
    REQUIRE(mkfifo(kFile.c_str(), 0600) == 0);
  }
  Call call = refusals.call({{"defaultsFile", kFile}});
  call.timeout = std::chrono::seconds(5);
  refusals.expect_call(call, 5, {kFile});
}

TEST_CASE("a broken defaults file does not keep DEL from its work", "[bad-input][defaults]") {
  Scenario scenario({.rails = 1});
  Runtime runtime(scenario.add_pod("pod"));
  REQUIRE(runtime.add("net1", config_with_file()).ok());
  put_file(kFile, GENERATE("", R"({"mode":"ipvlan"})", "{", "[]", "\xef\xbb\xbf{}"));
  const Answer answer = runtime.del("net1");
  INFO(answer);
  CHECK(answer.ok());
  CHECK(answer.err.find(kFile) != std::string::npos);
  CHECK(read_links("pod") == Lines{"eth0", "lo"});
}
