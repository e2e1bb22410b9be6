// SPDX-License-Identifier: Apache-2.0
/// \file
/// What Multus does when not all goes well: it takes back what it has added, comes late, comes
/// again, or knows less than before.
#include <filesystem>

#include "support/catch.hpp"
#include "support/link_wanted.hpp"
#include "support/multus.hpp"
#include "support/peer_rig.hpp"

using namespace mvr::test;

namespace {

std::vector<Network> rail_networks(int count, const json& patch = json::object()) {
  std::vector<Network> networks;
  for (int n = 1; n <= count; ++n) {
    networks.push_back(rail_network(n, patch));
  }
  return networks;
}

const json kShortProbe{{"gatewayProbe", {{"attempts", 2}, {"interval", "10ms"}}}};

json with_version(const std::string& version) {
  json patch = kShortProbe;
  patch["cniVersion"] = version;
  return patch;
}

}  // namespace

TEST_CASE("the fourth NIC fails: DEL of it first, then of those before, and nothing is left",
          "[multus]") {
  const std::string version = GENERATE("0.3.1", "0.4.0", "1.0.0", "1.1.0");
  OnePod world({.rails = 5});
  Scenario::silence_gateway(4);
  world.before = snapshot_world({"pod"});
  Multus multus("pod", world.pod.netns);
  const Answer added = multus.add(rail_networks(5, with_version(version)));
  INFO(added);
  CHECK(added.code() == 104);
  CHECK(multus.calls() == Lines{"ADD net1 macvlan-rdma", "ADD net2 macvlan-rdma",
                                "ADD net3 macvlan-rdma", "ADD net4 macvlan-rdma",
                                "DEL net4 macvlan-rdma", "DEL net3 macvlan-rdma",
                                "DEL net2 macvlan-rdma", "DEL net1 macvlan-rdma"});
  CHECK(world.changes() == "");
  // The kubelet's own DEL follows, and nobody has a cache.
  multus.lose_cache();
  CHECK(multus.del() == "");
  CHECK(world.changes() == "");
}

TEST_CASE("a pod whose first attempt has failed starts when the rail is well again", "[multus]") {
  OnePod world({.rails = 3});
  Multus multus("pod", world.pod.netns);
  Scenario::silence_gateway(3);
  REQUIRE(multus.add(rail_networks(3, kShortProbe)).code() == 104);
  Scenario::wake_gateway(3);
  REQUIRE(multus.add(rail_networks(3, kShortProbe)).ok());
  // host-local does not give the address again that it gave last.
  check_routing(world.pod, {{1, "net1", 101, 11}, {2, "net2", 102, 11}, {3, "net3", 103, 11}});
  CHECK(multus.check() == "");
  CHECK(multus.del() == "");
}

TEST_CASE("Multus refuses a name that is taken and asks for its DEL: the other's NIC stays",
          "[multus]") {
  OnePod world({.rails = 2});
  ip_batch("pod", "link add net2 type veth peer name peer2\naddr add 172.16.12.10/24 dev net2\n");
  world.before = snapshot_world({"pod"});
  Multus multus("pod", world.pod.netns);
  CHECK_FALSE(multus.add(rail_networks(2)).ok());
  CHECK(multus.calls() ==
        Lines{"ADD net1 macvlan-rdma", "DEL net2 macvlan-rdma", "DEL net1 macvlan-rdma"});
  CHECK(world.changes() == "");
}

TEST_CASE("the DEL of a pod's former sandbox comes when the new one is up", "[multus]") {
  const std::string version = GENERATE("0.3.1", "1.0.0");
  OnePod world({.rails = 2});
  const auto networks = rail_networks(2, with_version(version));
  Multus old("pod", world.pod.netns);
  REQUIRE(old.add(networks).ok());
  std::string netns = "next";
  SECTION("beside the former one") {
  }
  SECTION("which is gone") {
    remove_netns("pod");
  }
  SECTION("at the path that the former one had") {
    remove_netns("pod");
    netns = "pod";
  }
  const Pod next = world.scenario.add_pod(netns);
  Multus fresh(netns, next.netns, std::string(64, 'c'));
  // The former sandbox still has the first addresses.
  REQUIRE(fresh.add(networks).ok());
  const json running = snapshot(netns);
  CHECK(old.del() == "");
  CHECK(difference(running, snapshot(netns)) == "");
  CHECK(snapshot_leases().size() == 2);
  CHECK(count_journals() == 2);
  check_routing(next, {{1, "net1", 101, 11}, {2, "net2", 102, 11}});
  if (is_at_least(version, "0.4.0")) {
    CHECK(fresh.check() == "");
  }
  CHECK(old.del() == "");
  CHECK(fresh.del() == "");
  CHECK(snapshot_leases().empty());
  CHECK(count_journals() == 0);
}

TEST_CASE("DEL of attachments that Multus or we do not know succeeds", "[multus]") {
  const std::string version = GENERATE("0.3.1", "0.4.0", "1.0.0", "1.1.0");
  OnePod world({.rails = 2});
  Multus multus("pod", world.pod.netns);
  REQUIRE(multus.add(rail_networks(2, with_version(version))).ok());
  SECTION("by Multus, who has lost its cache") {
    multus.lose_cache();
  }
  SECTION("by us, whose journals are gone") {
    std::filesystem::remove_all(kStateDir);
  }
  SECTION("by both") {
    multus.lose_cache();
    std::filesystem::remove_all(kStateDir);
  }
  CHECK(multus.del() == "");
  CHECK(multus.del() == "");
  std::filesystem::remove_all(kStateDir);
  CHECK(world.changes() == "");
}
