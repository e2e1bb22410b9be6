// SPDX-License-Identifier: Apache-2.0
/// \file
/// What ADD answers, in each version of the protocol, and NICs without addresses.
#include "support/catch.hpp"
#include "support/link_wanted.hpp"

using namespace mvr::test;

namespace {

json wanted_interface(const Pod& pod) {
  return {
      {"name", "net1"}, {"mac", read_link("pod", "net1").at("address")}, {"sandbox", pod.netns}};
}

json wanted_ip() {
  return {{"address", "172.16.11.10/24"}, {"gateway", "172.16.11.254"}, {"interface", 0}};
}

}  // namespace

TEST_CASE("before 1.0.0 a result names the family of each address", "[link][result]") {
  const std::string version = GENERATE("0.3.0", "0.3.1", "0.4.0");
  INFO(version);
  OnePod world;
  const json result = add_or_fail(world.runtime, 1, {{"cniVersion", version}});
  json ip = wanted_ip();
  ip["version"] = "4";
  CHECK(result == json{{"cniVersion", version},
                       {"interfaces", {wanted_interface(world.pod)}},
                       {"ips", {ip}}});
  check_routing(world.pod, wanted_nics({1}));
  check_ok(world.runtime.del(1));
  CHECK(world.changes().empty());
}

TEST_CASE("a result of 1.0.0 has neither family nor MTU", "[link][result]") {
  OnePod world;
  const json result = add_or_fail(world.runtime, 1, {{"cniVersion", "1.0.0"}});
  CHECK(result == json{{"cniVersion", "1.0.0"},
                       {"interfaces", {wanted_interface(world.pod)}},
                       {"ips", {wanted_ip()}}});
}

TEST_CASE("a result of 1.1.0 has the MTU, though host-local knows 1.0.0 only", "[link][result]") {
  OnePod world;
  const json result = add_or_fail(world.runtime, 1, {{"cniVersion", "1.1.0"}});
  json interface = wanted_interface(world.pod);
  interface["mtu"] = 1500;
  CHECK(result ==
        json{{"cniVersion", "1.1.0"}, {"interfaces", {interface}}, {"ips", {wanted_ip()}}});
  check_routing(world.pod, wanted_nics({1}));
  check_ok(world.runtime.check(1));
  check_ok(world.runtime.del(1));
  CHECK(world.changes().empty());
}

TEST_CASE("the result lists what is in main by the NIC, and no default", "[link][result]") {
  OnePod world;
  const json routes{{{"dst", "0.0.0.0/0"}},
                    {{"dst", "192.168.100.0/24"}},
                    {{"dst", "10.233.5.0/24"}, {"gw", rail_gateway(1)}}};
  const json result =
      add_or_fail(world.runtime, 1, {{"cniVersion", "1.1.0"}, {"ipam", {{"routes", routes}}}});
  CHECK(result.at("routes") == json{{{"dst", "192.168.100.0/24"}, {"priority", 101}}});
  CHECK(read_table("pod", "main") ==
        sorted(wanted_main(world.pod, wanted_nics({1})) +
               Lines{"192.168.100.0/24 via 172.16.11.254 dev net1 proto 216 metric 101"}));
  CHECK(read_table("pod", 101) ==
        sorted(wanted_table({}) + Lines{"192.168.100.0/24 via 172.16.11.254 dev net1 proto 216",
                                        "10.233.5.0/24 via 172.16.11.254 dev net1 proto 216"}));
  check_ok(world.runtime.check(1));
  check_ok(world.runtime.del(1));
  CHECK(world.changes().empty());
}

TEST_CASE("dns of the configuration goes into the result", "[link][result]") {
  OnePod world;
  const json dns{{"nameservers", {"10.233.0.3"}}, {"search", {"cluster.local"}}};
  CHECK(add_or_fail(world.runtime, 1, {{"dns", dns}}).at("dns") == dns);
}

TEST_CASE("what an earlier plugin of the chain has made comes first in the result",
          "[link][result]") {
  OnePod world;
  json config = rail_config(1);
  const json earlier{{"name", "eth9"}, {"mac", "02:00:00:00:00:09"}, {"sandbox", "/other"}};
  config["prevResult"] = {{"cniVersion", "1.0.0"},
                          {"interfaces", {earlier}},
                          {"ips", {{{"address", "10.9.0.1/24"}, {"interface", 0}}}}};
  const Answer answer = world.runtime.add("net1", config);
  INFO(answer);
  REQUIRE(answer.ok());
  json ip = wanted_ip();
  ip["interface"] = 1;
  CHECK(answer.body.at("interfaces") == json{earlier, wanted_interface(world.pod)});
  CHECK(answer.body.at("ips") == json{{{"address", "10.9.0.1/24"}, {"interface", 0}}, ip});
  check_ok(world.runtime.check("net1"));
  check_routing(world.pod, wanted_nics({1}));
}

TEST_CASE("without IPAM the NIC is up and has no address, no table, no rule", "[link][layer2]") {
  const auto [what, ipam] = GENERATE(table<const char*, json>(
      {{"absent", json()}, {"empty", json::object()}, {"no type", json{{"type", ""}}}}));
  INFO(what);
  OnePod world;
  json config = rail_config(1);
  config.erase("ipam");
  if (!ipam.is_null()) {
    config["ipam"] = ipam;
  }
  const Answer answer = world.runtime.add("net1", config);
  INFO(answer);
  REQUIRE(answer.ok());
  CHECK(answer.body ==
        json{{"cniVersion", "1.0.0"}, {"interfaces", {wanted_interface(world.pod)}}});
  CHECK(is_up(read_link("pod", "net1")));
  CHECK(read_addresses("pod", "net1").empty());
  check_routing(world.pod, {});
  check_ok(world.runtime.check("net1"));
  check_ok(world.runtime.del("net1"));
  CHECK(world.changes().empty());
}

TEST_CASE("a layer 2 NIC stands beside one with addresses", "[link][layer2]") {
  OnePod world({.rails = 2});
  json config = rail_config(2);
  config.erase("ipam");
  REQUIRE(world.runtime.add("net2", config).ok());
  add_or_fail(world.runtime, 1);
  check_routing(world.pod, wanted_nics({1}));
  check_ok(world.runtime.check("net2"));
  check_ok(world.runtime.del("net2"));
  check_routing(world.pod, wanted_nics({1}));
  check_ok(world.runtime.del("net1"));
  CHECK(world.changes().empty());
}
