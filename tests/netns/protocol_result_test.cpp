// SPDX-License-Identifier: Apache-2.0
// What ADD answers in each CNI version, and which versions there are.
#include "support/catch.hpp"
#include "support/ipam_scripts.hpp"
#include "support/namespaces.hpp"
#include "support/peer_rig.hpp"
#include "support/refusal.hpp"

using namespace mvr::test;

namespace {

const char* const kMac = "02:00:5e:10:00:01";

/// ADD with an address, two routes and DNS servers; the answer's body.
json add_in(const std::string& version) {
  Scenario scenario({.rails = 1});
  const Pod pod = scenario.add_pod("pod");
  const FakeIpam ipam;
  ipam.answer(make_result(json::array({make_ip("172.16.11.10/24", "172.16.11.254")}),
                          {{{"dst", "0.0.0.0/0"}}, {{"dst", "10.9.0.0/16"}}}));
  json config = rail_config(1);
  config["ipam"] = ipam.section();
  config["cniVersion"] = version;
  config["mac"] = kMac;
  config["dns"] = {{"nameservers", {"10.0.0.1"}}, {"search", {"rail.example"}}};
  Call call = Runtime(pod).call("ADD", "net1", config);
  call.cni_path = ipam.dir();
  const Answer answer = run_plugin(call);
  INFO(answer);
  REQUIRE(answer.ok());
  return answer.body;
}

/// The whole result in the form of 1.0.0; the others differ in what the tests below say.
json expected() {
  return {
      {"cniVersion", "1.0.0"},
      {"interfaces", {{{"name", "net1"}, {"mac", kMac}, {"sandbox", "/run/netns/pod"}}}},
      {"ips", {{{"address", "172.16.11.10/24"}, {"gateway", "172.16.11.254"}, {"interface", 0}}}},
      {"routes", {{{"dst", "10.9.0.0/16"}}}},
      {"dns", {{"nameservers", {"10.0.0.1"}}, {"search", {"rail.example"}}}}};
}

}  // namespace

TEST_CASE("the result of 0.3.0, 0.3.1 and 0.4.0 tells the family of each address", "[protocol]") {
  const auto version = GENERATE("0.3.0", "0.3.1", "0.4.0");
  json wanted = expected();
  wanted["cniVersion"] = version;
  wanted["ips"][0]["version"] = "4";
  CHECK(add_in(version) == wanted);
}

TEST_CASE("the result of 1.0.0 has neither family nor MTU", "[protocol]") {
  CHECK(add_in("1.0.0") == expected());
}

TEST_CASE("the result of 1.1.0 has the MTU and the routes' attributes", "[protocol]") {
  json wanted = expected();
  wanted["cniVersion"] = "1.1.0";
  wanted["interfaces"][0]["mtu"] = 1500;
  wanted["routes"][0]["priority"] = 101;
  CHECK(add_in("1.1.0") == wanted);
}

TEST_CASE("versions that we do not speak are refused with those that we do", "[protocol]") {
  Refusals refusals;
  const auto version = GENERATE("0.1.0", "0.2.0", "1.0", "1.2.0", "2.0.0", "00.4.0");
  refusals.expect({{"cniVersion", version}}, 1,
                  {"incompatible CNI versions", std::string("cniVersion \"") + version + "\"",
                   "0.3.0, 0.3.1, 0.4.0, 1.0.0, 1.1.0"});
}

TEST_CASE("a configuration without version is told what that means", "[protocol]") {
  Refusals refusals;
  const auto absent = GENERATE(json(), json(""));
  refusals.expect(
      {{"cniVersion", absent}}, 1,
      {"cniVersion is missing, which means 0.1.0", "0.3.0, 0.3.1, 0.4.0, 1.0.0, 1.1.0"});
}

TEST_CASE("what is no version cannot be decoded", "[protocol]") {
  Refusals refusals;
  const auto version = GENERATE("abc", "1.2.3.4.5", "1.-1.0", "1..0", "99999999999.0.0");
  refusals.expect({{"cniVersion", version}}, 6, {"CNI version", version});
}

TEST_CASE("the result of an earlier plugin is kept and ours appended", "[protocol]") {
  Scenario scenario({.rails = 1});
  Runtime runtime(scenario.add_pod("pod"));
  const auto version = GENERATE(from_range(kCniVersions));
  const json earlier{{"cniVersion", version},
                     {"interfaces", {{{"name", "dummy0"}, {"mac", "02:00:00:00:00:07"}}}},
                     {"ips", {{{"version", "4"}, {"address", "10.5.0.2/24"}, {"interface", 0}}}},
                     {"routes", {{{"dst", "10.6.0.0/16"}}}},
                     {"dns", {{"domain", "earlier.example"}}}};
  const Answer answer = runtime.add(1, {{"cniVersion", version}, {"prevResult", earlier}});
  INFO(answer);
  REQUIRE(answer.ok());
  const json& body = answer.body;
  REQUIRE(body.at("interfaces").size() == 2);
  CHECK(body.at("interfaces").at(0) == earlier.at("interfaces").at(0));
  CHECK(body.at("interfaces").at(1).at("name") == "net1");
  REQUIRE(body.at("ips").size() == 2);
  CHECK(body.at("ips").at(0).at("address") == "10.5.0.2/24");
  CHECK(body.at("ips").at(0).at("interface") == 0);
  CHECK(body.at("ips").at(1).at("interface") == 1);
  CHECK(body.at("routes") == earlier.at("routes"));
  CHECK(body.at("dns") == earlier.at("dns"));
}
