// SPDX-License-Identifier: Apache-2.0
// What the sbr plugin's own tests ask for, with our layout: one table and explicit priorities for
// each NIC, and connected routes that stay in main.
#include <algorithm>

#include "support/catch.hpp"
#include "support/ipam_scripts.hpp"
#include "support/namespaces.hpp"
#include "support/peer_rig.hpp"
#include "support/routing_lines.hpp"

using namespace mvr::test;

namespace {

/// A pod with eth0 and one NIC, net1, whose IPAM plugin answers as told.
struct Rig {
  Scenario scenario = Scenario({.rails = 1});
  Pod pod = scenario.add_pod("pod");
  FakeIpam ipam = FakeIpam();

  Answer add(const json& result, const json& patch = json::object()) const {
    ipam.answer(result);
    json config = rail_config(1);
    config["ipam"] = ipam.section();
    config.merge_patch(patch);
    Call call = Runtime(pod).call("ADD", "net1", config);
    call.cni_path = ipam.dir();
    Answer answer = run_plugin(call);
    INFO(answer);
    REQUIRE(answer.ok());
    return answer;
  }
};

const json kOneAddress = make_result(json::array({make_ip("172.16.11.10/24", "172.16.11.254")}));

}  // namespace

TEST_CASE("sbr's case: one address has a table with its subnet and a default, and a rule",
          "[peer]") {
  const Rig rig;
  const auto version = GENERATE(from_range(kCniVersions));
  rig.add(kOneAddress, {{"cniVersion", version}});
  CHECK(routes("pod", 101) == Lines{"default via 172.16.11.254 dev net1 ours",
                                    "172.16.11.0/24 dev net1 scope link src 172.16.11.10 ours"});
  CHECK(rules("pod") == Lines{"32100: from 10.233.119.164 lookup 100 ours",
                              "32100: from all oif eth0 lookup 100 ours",
                              "32101: from 172.16.11.10 lookup 101 ours",
                              "32101: from all oif net1 lookup 101 ours"});
}

TEST_CASE("sbr's case: the default route on another interface is left alone", "[peer]") {
  const Rig rig;
  rig.add(make_result(kOneAddress.at("ips"), json::array({{{"dst", "0.0.0.0/0"}}})));
  const Lines main = routes("pod", kMainTable);
  CHECK(has_line(main, "default via 169.254.1.1 dev eth0"));
  CHECK(std::count_if(main.begin(), main.end(),
                      [](const std::string& route) { return route.starts_with("default"); }) == 1);
}

TEST_CASE("sbr's case: two addresses on the NIC have two rules, and share its table", "[peer]") {
  const Rig rig;
  rig.add(make_result(json::array(
      {make_ip("172.16.11.10/24", "172.16.11.254"), make_ip("172.16.11.11/24", "172.16.11.254")})));
  const Lines all = rules("pod");
  CHECK(all.size() == 5);
  CHECK(has_line(all, "32101: from 172.16.11.10 lookup 101 ours"));
  CHECK(has_line(all, "32101: from 172.16.11.11 lookup 101 ours"));
  CHECK(addresses("pod", "net1") == Lines{"172.16.11.10/24", "172.16.11.11/24"});
  CHECK(routes("pod", 101).size() == 2);
}

TEST_CASE("sbr's case: addresses of two subnets have both in the table", "[peer]") {
  const Rig rig;
  ip_batch(kGateways, "addr add 172.20.0.1/16 dev " + rail_gateway_nic(1) + "\n");
  rig.add(make_result(json::array(
      {make_ip("172.16.11.10/24", "172.16.11.254"), make_ip("172.20.0.10/16", "172.20.0.1")})));
  const Lines table = routes("pod", 101);
  CHECK(has_line(table, "172.16.11.0/24 dev net1 scope link src 172.16.11.10 ours"));
  CHECK(has_line(table, "172.20.0.0/16 dev net1 scope link src 172.20.0.10 ours"));
  CHECK(has_line(table, "default via 172.16.11.254 dev net1 ours"));
  CHECK(has_line(rules("pod"), "32101: from 172.20.0.10 lookup 101 ours"));
}

TEST_CASE("sbr's case: a table that is set explicitly is used, for all that IPAM brings",
          "[peer]") {
  const Rig rig;
  rig.add(make_result(kOneAddress.at("ips"), json::array({{{"dst", "10.9.0.0/16"}}})),
          {{"routeTable", 512}});
  CHECK(routes("pod", 512) == Lines{"default via 172.16.11.254 dev net1 ours",
                                    "10.9.0.0/16 via 172.16.11.254 dev net1 ours",
                                    "172.16.11.0/24 dev net1 scope link src 172.16.11.10 ours"});
  CHECK(routes("pod", 101).empty());
  CHECK(has_line(rules("pod"), "32512: from 172.16.11.10 lookup 512 ours"));
  CHECK(has_line(rules("pod"), "32512: from all oif net1 lookup 512 ours"));
}

TEST_CASE("sbr's case: a route for which IPAM names a table goes there, and nowhere else",
          "[peer]") {
  const Rig rig;
  json result =
      make_result(kOneAddress.at("ips"), json::array({{{"dst", "10.9.0.0/16"}, {"table", 700}}}));
  result["cniVersion"] = "1.1.0";
  rig.add(result, {{"cniVersion", "1.1.0"}});
  CHECK(routes("pod", 700) == Lines{"10.9.0.0/16 via 172.16.11.254 dev net1 ours"});
  CHECK(routes("pod", 101).size() == 2);
  CHECK(routes_by("net1", "pod", kMainTable) ==
        Lines{"172.16.11.0/24 dev net1 scope link src 172.16.11.10 metric 101 kernel"});
}

TEST_CASE("sbr's case: a gateway that only the default route names is the table's", "[peer]") {
  const Rig rig;
  const Answer answer =
      rig.add(make_result(json::array({make_ip("172.16.11.10/24")}),
                          json::array({{{"dst", "0.0.0.0/0"}, {"gw", "172.16.11.254"}}})));
  CHECK(has_line(routes("pod", 101), "default via 172.16.11.254 dev net1 ours"));
  CHECK(answer.body.at("ips").at(0).at("gateway") == "172.16.11.254");
}

TEST_CASE("sbr's case: connected routes stay in main with their source", "[peer]") {
  const Rig rig;
  rig.add(kOneAddress);
  CHECK(has_line(routes("pod", kMainTable),
                 "172.16.11.0/24 dev net1 scope link src 172.16.11.10 metric 101 kernel"));
}
