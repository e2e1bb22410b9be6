// SPDX-License-Identifier: Apache-2.0
/// \file
/// Names: of interfaces, with the tables that follow from them, and of attachments.
#include <filesystem>

#include "support/catch.hpp"
#include "support/link_wanted.hpp"
#include "support/namespaces.hpp"

using namespace mvr::test;

namespace {

constexpr const char* kLongestName = "rail-of-gpu-003";

Answer add_as(Runtime& runtime, const std::string& ifname, int rail,
              const json& patch = json::object()) {
  json config = rail_config(rail);
  config.merge_patch(patch);
  return runtime.add(ifname, config);
}

}  // namespace

TEST_CASE("names other than netN get the lowest free tables above base + 64", "[link][name]") {
  OnePod world({.rails = 4});
  REQUIRE(add_as(world.runtime, "ib0", 1).ok());
  CHECK(read_only_journal().at("table") == 165);
  REQUIRE(add_as(world.runtime, "rail.1", 2).ok());
  REQUIRE(add_as(world.runtime, kLongestName, 3).ok());
  REQUIRE(add_as(world.runtime, "net4", 4).ok());
  const WantedNic first{1, "ib0", 165};
  const WantedNic second{2, "rail.1", 166};
  const WantedNic third{3, kLongestName, 167};
  const WantedNic fourth{4, "net4", 104};
  check_routing(world.pod, {fourth, first, second, third});
  for (const char* name : {"ib0", "rail.1", kLongestName, "net4"}) {
    INFO(name);
    check_ok(world.runtime.check(name));
  }

  REQUIRE(world.runtime.del("ib0").ok());
  check_routing(world.pod, {fourth, second, third});
  check_ok(world.runtime.check("rail.1"));
  REQUIRE(add_as(world.runtime, "ib0", 1).ok());
  CHECK(table_of("pod", "ib0") == 165);
  for (const char* name : {"ib0", "rail.1", kLongestName, "net4"}) {
    check_ok(world.runtime.del(name));
  }
  CHECK(world.changes().empty());
}

TEST_CASE("only net1 to net64 have a table by their number", "[link][name]") {
  const auto [name, wanted] = GENERATE(table<const char*, unsigned>({{"net64", 164},
                                                                     {"net65", 165},
                                                                     {"net0", 165},
                                                                     {"net01", 165},
                                                                     {"net-1", 165},
                                                                     {"net1x", 165}}));
  INFO(name);
  OnePod world;
  REQUIRE(add_as(world.runtime, name, 1).ok());
  CHECK(table_of("pod", name) == wanted);
  check_routing(world.pod, {{1, name, wanted}});
}

TEST_CASE("routeTable and routeTableBase choose the tables", "[link][name]") {
  OnePod world({.rails = 2});
  REQUIRE(add_as(world.runtime, "net1", 1, {{"routeTable", 700}}).ok());
  check_routing(world.pod, {{1, "net1", 700}});
  check_ok(world.runtime.check("net1"));
  const json before = snapshot_world({"pod"});
  const Answer taken = add_as(world.runtime, "net2", 2, {{"routeTable", 700}});
  INFO(taken);
  CHECK(taken.code() == 108);
  CHECK(taken.message().find("net1") != std::string::npos);
  CHECK(difference(before, snapshot_world({"pod"})).empty());
  check_ok(world.runtime.del("net1"));
  CHECK(world.changes().empty());

  REQUIRE(add_as(world.runtime, "net1", 1, {{"routeTableBase", 300}}).ok());
  CHECK(read_tables("pod") == Lines{"300", "301", "main"});
  check_ok(world.runtime.check("net1"));
  check_ok(world.runtime.del("net1"));
  CHECK(world.changes().empty());
}

TEST_CASE("rulePriorityBase moves all of our rules", "[link][name]") {
  OnePod world;
  REQUIRE(add_as(world.runtime, "net1", 1, {{"rulePriorityBase", 1000}}).ok());
  CHECK(read_rules("pod") == Lines{"0 from all lookup local proto kernel",
                                   "1100 from 10.233.119.164 lookup 100 proto 216",
                                   "1100 from all oif eth0 lookup 100 proto 216",
                                   "1101 from 172.16.11.10 lookup 101 proto 216",
                                   "1101 from all oif net1 lookup 101 proto 216",
                                   "32766 from all lookup main proto kernel",
                                   "32767 from all lookup default proto kernel"});
  check_ok(world.runtime.check("net1"));
  check_ok(world.runtime.del("net1"));
  CHECK(world.changes().empty());
}

TEST_CASE("names of 255 bytes give a hashed alias by which DEL finds the NIC", "[link][name]") {
  OnePod world;
  json config = rail_config(1);
  config["name"] = std::string(255, 'n');
  Runtime runtime(world.pod, std::string(255, 'c'));
  const Answer answer = runtime.add("net1", config);
  INFO(answer);
  REQUIRE(answer.ok());
  const std::string alias = read_link("pod", "net1").at("ifalias");
  CHECK(alias.size() == std::string("macvlan-rdma:").size() + 32);
  check_ok(runtime.check("net1"));
  check_routing(world.pod, wanted_nics({1}));

  std::filesystem::remove_all(kStateDir);
  const json before = snapshot_world({"pod"});
  json other = config;
  other["name"] = std::string(254, 'n') + 'm';
  check_ok(run_plugin(runtime.call("DEL", "net1", other)));
  CHECK(difference(before, snapshot_world({"pod"})).empty());
  check_ok(run_plugin(runtime.call("DEL", "net1", config)));
  CHECK(world.changes().empty());
}

TEST_CASE("two containers and networks of the same interface name are kept apart", "[link][name]") {
  OnePod world({.rails = 2});
  const Pod other = world.scenario.add_pod("other");
  Runtime other_runtime(other, "other");
  add_or_fail(world.runtime, 1);
  REQUIRE(add_as(other_runtime, "net1", 2).ok());
  CHECK(count_journals() == 2);
  check_ok(world.runtime.del(1));
  CHECK(count_journals() == 1);
  check_ok(other_runtime.check("net1"));
  check_routing(world.pod, {});
}
