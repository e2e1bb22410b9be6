// SPDX-License-Identifier: Apache-2.0
/// \file
/// Behind another plugin of a chain: ADD gets that one's result, and answers with both.
#include <algorithm>

#include "support/catch.hpp"
#include "support/link_state.hpp"
#include "support/peer_rig.hpp"
#include "support/routing_world.hpp"
#include "support/scenario_v6.hpp"
#include "support/shell.hpp"

using namespace mvr::test;

namespace {

constexpr const char* kEarlierMac = "02:00:5e:10:00:07";

/// What an earlier plugin answers that has made eth5 in the pod and its other end on the node.
json earlier_result(const std::string& version, const Pod& pod) {
  json result{{"cniVersion", version},
              {"interfaces",
               {{{"name", "veth5"}, {"mac", "02:00:5e:10:00:06"}},
                {{"name", "eth5"}, {"mac", kEarlierMac}, {"sandbox", pod.netns}}}},
              {"ips",
               {{{"address", "10.5.0.2/24"}, {"gateway", "10.5.0.1"}, {"interface", 1}},
                {{"address", "fd00:5::2/64"}, {"interface", 1}}}},
              {"routes", {{{"dst", "10.6.0.0/16"}, {"gw", "10.5.0.1"}}, {{"dst", "fd00:6::/48"}}}},
              {"dns",
               {{"nameservers", {"10.5.0.53"}},
                {"domain", "earlier.example"},
                {"search", {"earlier.example", "example"}},
                {"options", {"ndots:5"}}}}};
  if (!is_at_least(version, "1.0.0")) {
    result["ips"][0]["version"] = "4";
    result["ips"][1]["version"] = "6";
  }
  if (is_at_least(version, "1.1.0")) {
    result["interfaces"][1]["mtu"] = 1400;
    result["interfaces"][1]["socketPath"] = "/run/vhost/eth5";
    result["interfaces"][1]["pciID"] = "0000:0b:00.5";
    result["routes"][0].update({{"mtu", 1400}, {"priority", 7}, {"table", 60}, {"scope", 0}});
  }
  return result;
}

/// Our own part of the result's addresses, as this version has them.
json own_ips(const std::string& version) {
  json ips{{{"address", "172.16.11.10/24"}, {"gateway", "172.16.11.254"}, {"interface", 2}},
           {{"address", "fd00:172:11::10/64"}, {"gateway", "fd00:172:11::fe"}, {"interface", 2}}};
  if (!is_at_least(version, "1.0.0")) {
    ips[0]["version"] = "4";
    ips[1]["version"] = "6";
  }
  return ips;
}

json concat(json first, const json& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

/// A configuration behind the earlier plugin, with a route of its own.
json make_config(const std::string& version, const json& earlier) {
  json config = rail_config_of(Families::dual, 1);
  config["cniVersion"] = version;
  config["prevResult"] = earlier;
  config["ipam"]["routes"].push_back({{"dst", "10.50.0.0/16"}, {"gw", "172.16.11.253"}});
  return config;
}

/// CHECK or DEL with the whole chain's result, which a later plugin may have changed.
Answer call(const PodWorld& world, const std::string& verb, json config, const json& result) {
  config["prevResult"] = result;
  return run_plugin(world.make_call(verb, "net1", config));
}

}  // namespace

TEST_CASE(
    "what an earlier plugin has made comes first, ours behind it, and CHECK and DEL find ours",
    "[result][chain]") {
  const std::string version = GENERATE("0.4.0", "1.0.0", "1.1.0");
  const bool has_journal = GENERATE(true, false);
  PodWorld world(1, Overlay::calico, Families::dual);
  ip_batch("pod", std::string("link add eth5 address ") + kEarlierMac +
                      " type veth peer name peer5\nlink set eth5 up\n");
  world.look();
  const json earlier = earlier_result(version, world.pod());
  const json config = make_config(version, earlier);
  const Answer added = world.add("net1", config);
  INFO(added);
  REQUIRE(failure(added) == "");

  const json& body = added.body;
  CHECK(body.at("cniVersion") == version);
  json own{{"name", "net1"},
           {"mac", read_link("pod", "net1").at("address")},
           {"sandbox", world.pod().netns}};
  json route{{"dst", "10.50.0.0/16"}, {"gw", "172.16.11.253"}};
  if (is_at_least(version, "1.1.0")) {
    own["mtu"] = 1500;
    route["priority"] = 101;
  }
  CHECK(body.at("interfaces") == concat(earlier.at("interfaces"), json::array({own})));
  CHECK(body.at("ips") == concat(earlier.at("ips"), own_ips(version)));
  CHECK(body.at("routes") == concat(earlier.at("routes"), json::array({route})));
  CHECK(body.at("dns") == earlier.at("dns"));

  if (!has_journal) {
    REQUIRE(run({.argv = {"sh", "-c", "rm -f /run/test/state/*"}}).status == 0);
  }
  CHECK(failure(call(world, "CHECK", config, body)) == "");
  json later = body;
  later["interfaces"].push_back({{"name", "net9"}, {"mac", kEarlierMac}, {"sandbox", "/run/x"}});
  CHECK(failure(call(world, "CHECK", config, later)) == "");
  ip({"-n", "pod", "address", "del", "172.16.11.10/24", "dev", "net1"});
  const Answer drifted = call(world, "CHECK", config, body);
  CHECK(drifted.code() == 109);
  CHECK(names(drifted.message(), {"172.16.11.10/24"}));
  CHECK_FALSE(names(drifted.message(), {"10.5.0.2"}));
  CHECK(failure(call(world, "DEL", config, later)) == "");
  CHECK(world.changes() == "");
}

TEST_CASE("DNS of the chain is the earlier plugin's, then ours, each once", "[result][chain]") {
  PodWorld world(1, Overlay::calico, Families::dual);
  json config = make_config("1.0.0", earlier_result("1.0.0", world.pod()));
  config["dns"] = {{"nameservers", {"10.5.0.53", "172.16.11.53"}},
                   {"domain", "rail.example"},
                   {"search", {"rail.example", "example"}},
                   {"options", {"timeout:1"}}};
  const Answer added = world.add("net1", config);
  REQUIRE(failure(added) == "");
  CHECK(added.body.at("dns") == json{{"nameservers", {"10.5.0.53", "172.16.11.53"}},
                                     {"domain", "earlier.example"},
                                     {"search", {"earlier.example", "example", "rail.example"}},
                                     {"options", {"ndots:5", "timeout:1"}}});
}

TEST_CASE("an earlier plugin's empty result changes nothing", "[result][chain]") {
  const auto earlier = GENERATE(json{{"cniVersion", "1.0.0"}}, json::object(),
                                json{{"interfaces", json::array()}, {"dns", json::object()}});
  PodWorld world;
  const Answer added = world.add(1, {{"prevResult", earlier}});
  REQUIRE(failure(added) == "");
  CHECK(added.body.at("interfaces").size() == 1);
  CHECK(added.body.at("ips") ==
        json{{{"address", "172.16.11.10/24"}, {"gateway", "172.16.11.254"}, {"interface", 0}}});
  CHECK_FALSE(added.body.contains("routes"));
  CHECK_FALSE(added.body.contains("dns"));
  CHECK(failure(world.check(1)) == "");
}

TEST_CASE("an ADD that fails behind another plugin leaves what that one has made", "[chain]") {
  PodWorld world(1, Overlay::calico, Families::dual);
  ip_batch("pod", std::string("link add eth5 address ") + kEarlierMac +
                      " type veth peer name peer5\naddr add 10.5.0.2/24 dev eth5\n"
                      "link set eth5 up\nlink set peer5 up\nroute add 10.6.0.0/16 via 10.5.0.1\n");
  Scenario::silence_gateway(1);
  world.look();
  json config = make_config("1.0.0", earlier_result("1.0.0", world.pod()));
  config["gatewayProbe"] = {{"attempts", 1}};
  CHECK(world.add("net1", config).code() == 104);
  CHECK(world.changes() == "");
}
