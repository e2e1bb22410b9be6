// SPDX-License-Identifier: Apache-2.0
// What the tests of the CNI project's ConfigureIface ask for: IPAM's addresses and routes become
// the NIC's.
#include <algorithm>

#include "support/catch.hpp"
#include "support/ipam_scripts.hpp"
#include "support/link_state.hpp"
#include "support/namespaces.hpp"
#include "support/peer_rig.hpp"
#include "support/refusal.hpp"
#include "support/routing_lines.hpp"

using namespace mvr::test;

namespace {

/// A pod without overlay NIC, where IPAM's routes go to main as with the standard plugins.
struct Rig {
  Scenario scenario = Scenario({.rails = 1});
  Pod pod = scenario.add_pod("pod", Overlay::none);
  FakeIpam ipam = FakeIpam();

  [[nodiscard]] Answer add(const json& result, const json& patch = json::object()) const {
    ipam.answer(result);
    json config = rail_config(1);
    config["ipam"] = ipam.section();
    config.merge_patch(patch);
    Call call = Runtime(pod).call("ADD", "net1", config);
    call.cni_path = ipam.dir();
    return run_plugin(call);
  }
};

const json kAddress = make_ip("172.16.11.10/24", "172.16.11.254");

}  // namespace

TEST_CASE("ConfigureIface's case: addresses and routes are set", "[peer]") {
  const Rig rig;
  const auto version = GENERATE(from_range(kCniVersions));
  const Answer answer = rig.add(
      make_result(
          json::array({kAddress}),
          json::array({{{"dst", "0.0.0.0/0"}}, {{"dst", "10.9.0.0/16"}, {"gw", "172.16.11.253"}}})),
      {{"cniVersion", version}});
  INFO(answer);
  REQUIRE(answer.ok());
  CHECK(addresses("pod", "net1") == Lines{"172.16.11.10/24"});
  CHECK(routes("pod", kMainTable) ==
        Lines{"default via 172.16.11.254 dev net1 ours",
              "10.9.0.0/16 via 172.16.11.253 dev net1 ours",
              "172.16.11.0/24 dev net1 scope link src 172.16.11.10 kernel"});
  CHECK(rules("pod").empty());
  CHECK(answer.body.at("routes").size() == 2);
}

TEST_CASE("ConfigureIface's case: a route without gateway uses the address' gateway", "[peer]") {
  const Rig rig;
  REQUIRE(
      rig.add(make_result(json::array({kAddress}), json::array({{{"dst", "10.9.0.0/16"}}}))).ok());
  CHECK(has_line(routes("pod", kMainTable), "10.9.0.0/16 via 172.16.11.254 dev net1 ours"));
}

TEST_CASE("ConfigureIface's case: a second route to the same place is left out, with a warning",
          "[peer]") {
  const Rig rig;
  const Answer answer = rig.add(make_result(
      json::array({kAddress}), json::array({{{"dst", "10.9.0.0/16"}, {"gw", "172.16.11.254"}},
                                            {{"dst", "10.9.0.0/16"}, {"gw", "172.16.11.253"}}})));
  INFO(answer);
  REQUIRE(answer.ok());
  CHECK(routes("pod", kMainTable) ==
        Lines{"10.9.0.0/16 via 172.16.11.254 dev net1 ours",
              "172.16.11.0/24 dev net1 scope link src 172.16.11.10 kernel"});
  expect_words(answer.err, {"level=warn", "second route to 10.9.0.0/16"});
}

TEST_CASE("ConfigureIface's case: the attributes of a route are the kernel's", "[peer]") {
  const Rig rig;
  json result = make_result(
      json::array({kAddress}),
      json::array({{{"dst", "10.9.0.0/16"}, {"priority", 50}, {"mtu", 1400}, {"advmss", 1300}}}));
  result["cniVersion"] = "1.1.0";
  REQUIRE(rig.add(result, {{"cniVersion", "1.1.0"}}).ok());
  const json route = ip_json("pod", {"-4", "route", "show", "10.9.0.0/16"}).at(0);
  CHECK(route.at("metric") == 50);
  CHECK(route.at("metrics").at(0).at("mtu") == 1400);
  CHECK(route.at("metrics").at(0).at("advmss") == 1300);
}

TEST_CASE("ConfigureIface's case: an interface index that leads nowhere is refused", "[peer]") {
  const Rig rig;
  json result = make_result(json::array({kAddress}));
  result["interfaces"] = {{{"name", "net1"}}};
  SECTION("too large") {
    result["ips"][0]["interface"] = 1;
    const Answer answer = rig.add(result);
    expect_error(answer, 102);
    expect_words(answer.message(), {"ips[0].interface 1"});
  }
  SECTION("negative") {
    result["ips"][0]["interface"] = -1;
    const Answer answer = rig.add(result);
    expect_error(answer, 102);
    expect_words(answer.message(), {"ips[0].interface -1", "integer from 0"});
  }
  CHECK(read_links("pod") == Lines{"lo"});
}

TEST_CASE("ConfigureIface's case: an interface index is not needed", "[peer]") {
  const Rig rig;
  json result = make_result(json::array({kAddress}));
  SECTION("absent") {
  }
  SECTION("null") {
    result["ips"][0]["interface"] = nullptr;
  }
  SECTION("without interfaces, as IPAM plugins answer") {
    result["ips"][0]["interface"] = 0;
  }
  const Answer answer = rig.add(result);
  INFO(answer);
  REQUIRE(answer.ok());
  CHECK(addresses("pod", "net1") == Lines{"172.16.11.10/24"});
  CHECK(answer.body.at("ips").at(0).at("interface") == 0);
}

TEST_CASE("ConfigureIface's case: a bad index in an earlier plugin's result is refused", "[peer]") {
  const Refusals refusals;
  for (const json& index : std::vector<json>{1, -1, "0"}) {
    refusals.expect({{"prevResult",
                      {{"cniVersion", "1.0.0"},
                       {"interfaces", {{{"name", "eth0"}}}},
                       {"ips", {{{"address", "10.5.0.2/24"}, {"interface", index}}}}}}},
                    7, {"prevResult", "ips[0].interface"});
  }
}
