// SPDX-License-Identifier: Apache-2.0
/// \file
/// What becomes of IPAM's addresses, gateways and routes in the pod and in the result.
#include <algorithm>
#include <cstring>

#include "support/catch.hpp"
#include "support/routing_lines.hpp"
#include "support/routing_world.hpp"
#include "support/shell.hpp"

using namespace mvr::test;

namespace {

const std::string kConnected = "172.16.11.0/24 dev net1 scope link src 172.16.11.10 ours";
const std::string kConnectedInMain =
    "172.16.11.0/24 dev net1 scope link src 172.16.11.10 metric 101 kernel";
const json kNoProbe{{"gatewayProbe", false}, {"ipam", {{"type", "fake"}}}};

/// The answer of an IPAM plugin, in the form that came with 1.0.0.
json ipam_answer(const json& ips, const json& routes = json::array()) {
  json answer{{"cniVersion", "1.0.0"}, {"ips", ips}};
  if (!routes.empty()) {
    answer["routes"] = routes;
  }
  return answer;
}

/// A pod whose net1 gets what the answer says; the gateways need not exist.
struct Answered {
  explicit Answered(const json& answer, const std::string& version = "1.0.0") {
    ipam.answer(answer);
    world.use(ipam);
    json patch = kNoProbe;
    patch["cniVersion"] = version;
    added = world.add(1, patch);
    REQUIRE(failure(added) == "");
    CHECK(failure(world.check(1)) == "");
  }

  /// DEL leaves nothing.
  void remove() const {
    CHECK(failure(world.del(1)) == "");
    CHECK(world.changes() == "");
  }

  PodWorld world;
  FakeIpam ipam;
  Answer added;
};

}  // namespace

TEST_CASE("IPAM's routes are in the NIC's table and in main", "[ipam]") {
  PodWorld world;
  json config = rail_config(1);
  config["ipam"]["routes"] = {{{"dst", "0.0.0.0/0"}},
                              {{"dst", "10.50.0.0/16"}},
                              {{"dst", "10.60.0.0/16"}, {"gw", "172.16.11.253"}}};
  const Answer added = world.add("net1", config);
  REQUIRE(failure(added) == "");
  CHECK(routes("pod", 101) == Lines{"default via 172.16.11.254 dev net1 ours",
                                    "10.50.0.0/16 via 172.16.11.254 dev net1 ours",
                                    "10.60.0.0/16 via 172.16.11.253 dev net1 ours", kConnected});
  CHECK(routes_by("net1", "pod", kMainTable) ==
        Lines{"10.50.0.0/16 via 172.16.11.254 dev net1 metric 101 ours",
              "10.60.0.0/16 via 172.16.11.253 dev net1 metric 101 ours", kConnectedInMain});
  CHECK(added.body.at("routes") ==
        json{{{"dst", "10.50.0.0/16"}}, {{"dst", "10.60.0.0/16"}, {"gw", "172.16.11.253"}}});
  CHECK(failure(world.check(1)) == "");
  REQUIRE(failure(world.del(1)) == "");
  CHECK(world.changes() == "");
}

TEST_CASE("IPAM's route into a cluster prefix stays out of main, with a warning", "[ipam]") {
  const std::string dst = GENERATE("10.233.0.0/18", "10.233.7.0/24", "10.233.64.0/19",
                                   "169.254.20.0/24", "10.1.20.4/32");
  Answered pod(ipam_answer({{{"address", "172.16.11.10/24"}, {"gateway", "172.16.11.254"}}},
                           {{{"dst", dst}}}));
  CHECK(names(pod.added.err, {"level=warn", dst}));
  const std::string shown = dst.ends_with("/32") ? dst.substr(0, dst.find('/')) : dst;
  const Lines table = routes("pod", 101);
  CHECK(std::count(table.begin(), table.end(), shown + " via 172.16.11.254 dev net1 ours") == 1);
  CHECK(routes_by("net1", "pod", kMainTable) == Lines{kConnectedInMain});
  CHECK(routes_by("eth0", "pod", kMainTable) == calico_main());
  CHECK_FALSE(pod.added.body.contains("routes"));
  pod.remove();
}

TEST_CASE("IPAM's route around the cluster's prefixes is in main, behind them", "[ipam]") {
  Answered pod(ipam_answer({{{"address", "172.16.11.10/24"}, {"gateway", "172.16.11.254"}}},
                           {{{"dst", "10.0.0.0/8"}}}));
  CHECK(pod.added.err.find("level=warn") == std::string::npos);
  CHECK(routes_by("net1", "pod", kMainTable) ==
        Lines{"10.0.0.0/8 via 172.16.11.254 dev net1 metric 101 ours", kConnectedInMain});
  CHECK(routes_by("eth0", "pod", kMainTable) == calico_main());
  pod.remove();
}

TEST_CASE("all that 1.1.0 can say of a route is done", "[ipam]") {
  json answer = ipam_answer({{{"address", "172.16.11.10/24"}, {"gateway", "172.16.11.254"}}},
                            {{{"dst", "10.1.0.0/24"}, {"priority", 7}},
                             {{"dst", "10.2.0.0/24"}, {"mtu", 1400}, {"advmss", 1360}},
                             {{"dst", "10.3.0.0/24"}, {"scope", 253}},
                             {{"dst", "10.4.0.0/24"}, {"table", 60}},
                             {{"dst", "10.5.0.0/24"}, {"table", 254}},
                             {{"dst", "0.0.0.0/0"}, {"mtu", 1300}}});
  answer["cniVersion"] = "1.1.0";
  Answered pod(answer, "1.1.0");
  CHECK(routes("pod", 101) == Lines{"default via 172.16.11.254 dev net1 mtu 1300 ours",
                                    "10.1.0.0/24 via 172.16.11.254 dev net1 metric 7 ours",
                                    "10.2.0.0/24 via 172.16.11.254 dev net1 mtu 1400 advmss 1360"
                                    " ours",
                                    "10.3.0.0/24 dev net1 scope link ours",
                                    "10.5.0.0/24 via 172.16.11.254 dev net1 ours", kConnected});
  CHECK(routes("pod", 60) == Lines{"10.4.0.0/24 via 172.16.11.254 dev net1 ours"});
  CHECK(routes_by("net1", "pod", kMainTable) ==
        Lines{"10.1.0.0/24 via 172.16.11.254 dev net1 metric 7 ours",
              "10.2.0.0/24 via 172.16.11.254 dev net1 metric 101 mtu 1400 advmss 1360 ours",
              "10.3.0.0/24 dev net1 scope link metric 101 ours",
              "10.5.0.0/24 via 172.16.11.254 dev net1 metric 101 ours", kConnectedInMain});
  CHECK(pod.added.body.at("routes").size() == 4);
  pod.remove();
}

TEST_CASE("the gateway of IPAM's default route serves an address without one", "[ipam]") {
  Answered pod(ipam_answer({{{"address", "172.16.11.10/24"}}},
                           {{{"dst", "0.0.0.0/0"}, {"gw", "172.16.11.254"}}}));
  CHECK(routes("pod", 101) == Lines{"default via 172.16.11.254 dev net1 ours", kConnected});
  CHECK(pod.added.body.at("ips").at(0).at("gateway") == "172.16.11.254");
  CHECK_FALSE(pod.added.body.contains("routes"));
  pod.remove();
}

TEST_CASE("a NIC without gateway has a wall instead of a default", "[ipam]") {
  Answered pod(ipam_answer({{{"address", "172.16.11.10/24"}}}));
  CHECK(routes("pod", 101) == Lines{"unreachable default metric 4294967295 ours", kConnected});
  CHECK_FALSE(pod.added.body.at("ips").at(0).contains("gateway"));
  pod.remove();
}

TEST_CASE("a gateway outside the address' subnet is on the link", "[ipam]") {
  Answered pod(ipam_answer({{{"address", "172.16.11.10/32"}, {"gateway", "10.99.0.1"}}},
                           {{{"dst", "10.50.0.0/16"}}}));
  CHECK(routes("pod", 101) == Lines{"default via 10.99.0.1 dev net1 onlink ours",
                                    "10.50.0.0/16 via 10.99.0.1 dev net1 onlink ours"});
  CHECK(routes_by("net1", "pod", kMainTable) ==
        Lines{"10.50.0.0/16 via 10.99.0.1 dev net1 metric 101 onlink ours"});
  pod.remove();
}

TEST_CASE("a NIC with two addresses has a rule for each", "[ipam]") {
  const auto [second, connected] = GENERATE(table<const char*, Lines>(
      {{"172.16.11.11/24", {kConnected}},
       {"172.16.21.10/24",
        {kConnected, "172.16.21.0/24 dev net1 scope link src 172.16.21.10 ours"}}}));
  Answered pod(ipam_answer(
      {{{"address", "172.16.11.10/24"}, {"gateway", "172.16.11.254"}}, {{"address", second}}}));
  const std::string address(second, std::strlen(second) - 3);
  CHECK(addresses("pod", "net1") == Lines{"172.16.11.10/24", second});
  CHECK(routes("pod", 101) == Lines{"default via 172.16.11.254 dev net1 ours"} + connected);
  const Lines all = rules("pod");
  CHECK(Lines(all.begin() + 2, all.end()) == Lines{"32101: from 172.16.11.10 lookup 101 ours",
                                                   "32101: from " + address +
                                                       " lookup 101 "
                                                       "ours",
                                                   "32101: from all oif net1 lookup 101 ours"});
  CHECK(pod.added.body.at("ips").size() == 2);
  pod.remove();
}

TEST_CASE("IPAM may answer in any version's form", "[ipam]") {
  const std::string answered = GENERATE("0.3.1", "0.4.0", "1.0.0", "1.1.0");
  const std::string asked = GENERATE("0.4.0", "1.0.0", "1.1.0");
  json answer = ipam_answer({{{"address", "172.16.11.10/24"}, {"gateway", "172.16.11.254"}}});
  answer["cniVersion"] = answered;
  if (answered.starts_with('0')) {
    answer["ips"][0]["version"] = "4";
  }
  Answered pod(answer, asked);
  CHECK(pod.added.body.at("cniVersion") == asked);
  CHECK(pod.added.body.at("interfaces").at(0).contains("mtu") == (asked == "1.1.0"));
  CHECK(pod.added.body.at("ips").at(0).contains("version") == (asked == "0.4.0"));
  CHECK(pod.added.body.at("ips").at(0).at("interface") == 0);
  CHECK(routes("pod", 101) == Lines{"default via 172.16.11.254 dev net1 ours", kConnected});
}

TEST_CASE("host-local serves a configuration that is too new for it", "[ipam]") {
  PodWorld world;
  const Answer added = world.add(1, {{"cniVersion", "1.1.0"}});
  REQUIRE(failure(added) == "");
  CHECK(added.body.at("cniVersion") == "1.1.0");
  CHECK(added.body.at("interfaces").at(0).at("mtu") == 1500);
  CHECK(added.body.at("ips") ==
        json{{{"address", "172.16.11.10/24"}, {"gateway", "172.16.11.254"}, {"interface", 0}}});
  CHECK(failure(world.check(1)) == "");
  CHECK(failure(world.del(1)) == "");
  CHECK(world.changes() == "");
}

TEST_CASE("static takes the address from the runtime", "[ipam]") {
  PodWorld world;
  json config = rail_config_with(1, {{"type", "static"}});
  config["capabilities"] = {{"ips", true}};
  config["runtimeConfig"] = {{"ips", {"172.16.11.77/24"}}};
  const Answer added = world.add("net1", config);
  REQUIRE(failure(added) == "");
  CHECK(added.body.at("ips").at(0).at("address") == "172.16.11.77/24");
  CHECK(addresses("pod", "net1") == Lines{"172.16.11.77/24"});
  CHECK(routes("pod", 101) == Lines{"unreachable default metric 4294967295 ours",
                                    "172.16.11.0/24 dev net1 scope link src 172.16.11.77 ours"});
  CHECK(failure(world.check(1)) == "");
  CHECK(failure(world.del(1)) == "");
  CHECK(world.changes() == "");
}
