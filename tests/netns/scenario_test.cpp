// SPDX-License-Identifier: Apache-2.0
/// \file
/// The reference scenario: a pod on Calico asks for all eight rails.
#include <algorithm>

#include "support/capture.hpp"
#include "support/catch.hpp"
#include "support/link_wanted.hpp"
#include "support/namespaces.hpp"
#include "support/shell.hpp"

using namespace mvr::test;

namespace {

const std::vector<int> kRails{1, 2, 3, 4, 5, 6, 7, 8};
constexpr int kJumboRail = 4;
const ScenarioOptions kEightRails{.rails = 8, .mtu = {{kJumboRail, 9000}}};

/// What Multus makes of a NetworkAttachmentDefinition: keys sorted, `capabilities` left in, the
/// shared device plugin's number of the device at the top level.
json multus_patch() {
  return {{"capabilities", {{"mac", true}, {"ips", true}, {"deviceID", true}}},
          {"deviceID", "3"},
          {"pciBusID", "3"}};
}

/// net1 … net8, one after the other, as Multus does.
std::vector<json> add_all(Runtime& runtime) {
  std::vector<json> results;
  for (const int n : kRails) {
    results.push_back(add_or_fail(runtime, n, multus_patch()));
  }
  return results;
}

std::string nic(int n) {
  return "net" + std::to_string(n);
}

int mtu_of(int rail) {
  return rail == kJumboRail ? 9000 : 1500;
}

/// Defaults in main that did not leave by eth0, at any moment.
std::vector<RouteEvent> rail_defaults(RouteWatch& watch, const std::string& netns) {
  constexpr unsigned kMain = 254;
  const auto overlay = read_link(netns, "eth0").at("ifindex").get<unsigned>();
  std::vector<RouteEvent> found;
  for (const RouteEvent& event : watch.events()) {
    if (event.table == kMain && event.dst == "0.0.0.0/0" && event.nic != overlay) {
      found.push_back(event);
    }
  }
  return found;
}

bool saw_table(RouteWatch& watch, unsigned table) {
  const auto& events = watch.events();
  return std::any_of(events.begin(), events.end(),
                     [&](const RouteEvent& event) { return event.table == table; });
}

}  // namespace

TEST_CASE("the scenario's pod has nine NICs, each up, with one address and its master's MTU",
          "[scenario]") {
  OnePod world(kEightRails);
  add_all(world.runtime);
  Lines names{"eth0", "lo"};
  for (const int n : kRails) {
    names.push_back(nic(n));
  }
  CHECK(read_links("pod") == sorted(names));
  CHECK(read_addresses("pod", "eth0") == Lines{"10.233.119.164/32 scope global"});
  for (const int n : kRails) {
    INFO(nic(n));
    const json link = read_link("pod", nic(n));
    CHECK(is_up(link));
    // The kernel sees to the state of a carrier by a worker; until then it is "UNKNOWN", and sends.
    CHECK(eventually([&] { return read_link("pod", nic(n)).at("operstate") == "UP"; }));
    CHECK(link.at("mtu") == mtu_of(n));
    CHECK(link.at("linkinfo").at("info_kind") == "macvlan");
    CHECK(macvlan_of(link).at("mode") == "bridge");
    CHECK(link.at("link_index") == read_link("", rail_master(n)).at("ifindex"));
    CHECK(read_addresses("pod", nic(n)) ==
          Lines{rail_address(n) + "/24 scope global metric " + std::to_string(100 + n)});
  }
}

TEST_CASE("the scenario's pod has exactly the rules and tables of the reference", "[scenario]") {
  OnePod world(kEightRails);
  add_all(world.runtime);
  check_routing(world.pod, wanted_nics(kRails));
  const Lines rules = read_rules("pod");
  CHECK(rules.size() == 21);
  CHECK(rules.at(1) == "32100 from 10.233.119.164 lookup 100 proto 216");
  CHECK(rules.at(4) == "32101 from all oif net1 lookup 101 proto 216");
  CHECK(read_tables("pod") ==
        Lines{"100", "101", "102", "103", "104", "105", "106", "107", "108", "main"});
}

TEST_CASE("the node has nothing of the scenario's pod but journals and leases", "[scenario]") {
  OnePod world;
  add_or_fail(world.runtime, 1);
  const json now = snapshot_world({"pod"});
  for (const char* part : {"addresses", "routes", "rules", "sysctls"}) {
    INFO(part);
    CHECK(difference(world.before.at("node").at(part), now.at("node").at(part)).empty());
  }
  CHECK(read_links("") == Lines{"cali0", "eno1", "enp11s0f0np0", "lo"});
}

TEST_CASE("each ADD of the scenario answers with its own NIC alone", "[scenario]") {
  OnePod world(kEightRails);
  const std::vector<json> results = add_all(world.runtime);
  for (const int n : kRails) {
    INFO(nic(n));
    CHECK(results.at(static_cast<std::size_t>(n - 1)) ==
          json{{"cniVersion", "1.0.0"},
               {"interfaces",
                {{{"name", nic(n)},
                  {"mac", read_link("pod", nic(n)).at("address")},
                  {"sandbox", world.pod.netns}}}},
               {"ips",
                {{{"address", rail_address(n) + "/24"},
                  {"gateway", rail_gateway(n)},
                  {"interface", 0}}}}});
  }
}

TEST_CASE("the scenario's pod passes CHECK on every rail", "[scenario]") {
  OnePod world(kEightRails);
  add_all(world.runtime);
  const json before = snapshot_world({"pod"});
  for (const int n : kRails) {
    check_ok(world.runtime.check(n));
  }
  CHECK(difference(before, snapshot_world({"pod"})).empty());
}

TEST_CASE("DEL of all rails in reverse order leaves the world as it was", "[scenario]") {
  OnePod world(kEightRails);
  add_all(world.runtime);
  CHECK(count_journals() == 8);
  std::vector<int> left = kRails;
  while (!left.empty()) {
    check_ok(world.runtime.del(left.back()));
    left.pop_back();
    check_routing(world.pod, wanted_nics(left));
    CHECK(count_journals() == left.size());
  }
  CHECK(world.changes().empty());
}

TEST_CASE("DEL of all rails in the order of ADD leaves the world as it was", "[scenario]") {
  OnePod world(kEightRails);
  add_all(world.runtime);
  for (const int n : kRails) {
    check_ok(world.runtime.del(n));
  }
  CHECK(world.changes().empty());
}

TEST_CASE("no default route of a rail is in main at any moment", "[scenario]") {
  OnePod world(kEightRails);
  RouteWatch watch("pod");
  add_all(world.runtime);
  CHECK(saw_table(watch, 108));
  CHECK(rail_defaults(watch, "pod").empty());
  for (auto n = kRails.rbegin(); n != kRails.rend(); ++n) {
    check_ok(world.runtime.del(*n));
  }
  CHECK(rail_defaults(watch, "pod").empty());
}

TEST_CASE("cluster traffic has its routes before the first rail has an address", "[scenario]") {
  OnePod world;
  RouteWatch watch("pod");
  add_or_fail(world.runtime, 1);
  const auto& events = watch.events();
  const auto position = [&](const std::string& dst, unsigned table) {
    const auto found = std::find_if(events.begin(), events.end(), [&](const RouteEvent& event) {
      return event.dst == dst && event.table == table && event.added;
    });
    REQUIRE(found != events.end());
    return found - events.begin();
  };
  const auto rail = position(rail_subnet(1), 254);
  for (const char* dst : {"10.233.0.0/18", "10.233.64.0/18", "169.254.0.0/16", "10.1.20.4/32"}) {
    INFO(dst);
    CHECK(position(dst, 254) < rail);
  }
}

TEST_CASE("the pod that comes next gets the next addresses, and its own tables", "[scenario]") {
  OnePod world({.rails = 2});
  const Pod other = world.scenario.add_pod("other");
  Runtime other_runtime(other, "other-container");
  for (const int n : {1, 2}) {
    add_or_fail(world.runtime, n);
    add_or_fail(other_runtime, n);
  }
  check_routing(world.pod, wanted_nics({1, 2}));
  check_routing(other, {{1, "net1", 101, 11}, {2, "net2", 102, 11}});
  check_ok(world.runtime.del(1));
  check_ok(world.runtime.del(2));
  check_routing(other, {{1, "net1", 101, 11}, {2, "net2", 102, 11}});
}
