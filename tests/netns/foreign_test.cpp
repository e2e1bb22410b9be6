// SPDX-License-Identifier: Apache-2.0
/// \file
/// What others have made in the pod: untouched, and named where it is in the way.
#include <algorithm>
#include <filesystem>

#include "support/catch.hpp"
#include "support/namespaces.hpp"
#include "support/routing_lines.hpp"
#include "support/routing_world.hpp"
#include "support/shell.hpp"

using namespace mvr::test;

namespace {

/// A pod in which `lines` of `ip` have been done; then ADD fails with 108, names these and leaves
/// everything as it is.
void refuses(const std::string& lines, const Lines& words, const json& patch = json::object()) {
  PodWorld world(1);
  ip_batch("pod", lines);
  world.look();
  const Answer added = world.add(1, patch);
  CHECK(added.code() == 108);
  INFO(added);
  CHECK(names(added.message(), words));
  CHECK(world.changes() == "");
}

}  // namespace

TEST_CASE("rules, tables and routes of others stay as they are", "[foreign]") {
  PodWorld world(2);
  ip_batch("pod",
           "rule add pref 100 fwmark 0x7 lookup 50\n"
           "rule add pref 32150 from 10.9.9.9 lookup 50\n"
           "route add default via 169.254.1.1 dev eth0 table 50\n"
           "route add 172.16.11.0/24 dev eth0 table 50\n"
           "route add 10.233.65.0/24 via 169.254.1.1 dev eth0\n"
           "route add 10.233.66.0/24 via 169.254.1.1 dev eth0 metric 7\n");
  world.look();
  const Lines user_rules = rules("pod");
  const Lines user_table = routes("pod", 50);
  const auto is_untouched = [&] {
    const Lines main = routes_by("eth0", "pod", kMainTable);
    CHECK(std::count(main.begin(), main.end(), "10.233.65.0/24 via 169.254.1.1 dev eth0") == 1);
    CHECK(std::count(main.begin(), main.end(),
                     "10.233.66.0/24 via 169.254.1.1 dev eth0 metric 7") == 1);
    Lines foreign = rules("pod");
    std::erase_if(foreign, [](const std::string& line) { return line.ends_with(" ours"); });
    CHECK(foreign == user_rules);
    CHECK(routes("pod", 50) == user_table);
  };
  for (const int n : {1, 2}) {
    REQUIRE(failure(world.add(n)) == "");
    is_untouched();
  }
  CHECK(failure(world.check(1)) == "");
  CHECK(failure(world.check(2)) == "");
  REQUIRE(failure(world.del(1)) == "");
  is_untouched();
  REQUIRE(failure(world.del(2)) == "");
  CHECK(world.changes() == "");
}

TEST_CASE("a cluster route that somebody has made already stays his", "[foreign]") {
  PodWorld world(1);
  ip({"-n", "pod", "route", "add", "10.233.0.0/18", "via", "169.254.1.1", "dev", "eth0"});
  world.look();
  REQUIRE(failure(world.add(1)) == "");
  const Lines main = routes_by("eth0", "pod", kMainTable);
  CHECK(std::count(main.begin(), main.end(), "10.233.0.0/18 via 169.254.1.1 dev eth0") == 1);
  CHECK(main.size() == calico_main().size());
  CHECK(failure(world.check(1)) == "");
  REQUIRE(failure(world.del(1)) == "");
  CHECK(world.changes() == "");
}

TEST_CASE("a table or priority that somebody uses is refused, and he is named", "[foreign]") {
  SECTION("a route in the NIC's table") {
    refuses("route add 10.9.0.0/16 dev eth0 table 101\n", {"net1", "101", "10.9.0.0/16"});
  }
  SECTION("a rule to the NIC's table") {
    refuses("rule add pref 50 from 10.9.9.9 lookup 101\n", {"101", "10.9.9.9", "50"});
  }
  SECTION("a rule to the NIC's table by something that we do not read") {
    refuses("rule add pref 50 fwmark 0x7 lookup 101\n", {"101", "50"});
  }
  SECTION("a route in the overlay's table") {
    refuses("route add 10.9.0.0/16 dev eth0 table 100\n", {"100", "10.9.0.0/16", "routeTableBase"});
  }
  SECTION("a rule to the overlay's table") {
    refuses("rule add pref 50 from 10.9.9.9 lookup 100\n", {"100", "10.9.9.9", "routeTableBase"});
  }
  SECTION("the NIC's priority") {
    refuses("rule add pref 32101 from 10.9.9.9 lookup 50\n",
            {"32101", "10.9.9.9", "rulePriorityBase"});
  }
  SECTION("the overlay's priority") {
    refuses("rule add pref 32100 from 10.9.9.9 lookup 50\n",
            {"32100", "10.9.9.9", "rulePriorityBase"});
  }
  SECTION("a table that was chosen") {
    refuses("route add 10.9.0.0/16 dev eth0 table 700\n", {"700", "10.9.0.0/16", "routeTable"},
            {{"routeTable", 700}});
  }
}

TEST_CASE("numbers that cannot be are refused", "[foreign]") {
  SECTION("the NIC's table is the overlay's") {
    refuses("", {"100", "routeTable", "eth0"}, {{"routeTable", 100}});
  }
  SECTION("a priority behind main's") {
    refuses("", {"32801", "32766", "rulePriorityBase", "routeTable"},
            {{"rulePriorityBase", 32700}});
  }
  SECTION("the table of main, by counting") {
    refuses("", {"253", "routeTableBase"}, {{"routeTableBase", 252}});
  }
}

TEST_CASE("the table of another NIC of ours is refused, and it is named", "[foreign]") {
  PodWorld world(2);
  REQUIRE(failure(world.add(1)) == "");
  world.look();
  const Answer added = world.add(2, {{"routeTable", 101}});
  CHECK(added.code() == 108);
  CHECK(names(added.message(), {"net2", "101", "net1", "routeTable"}));
  CHECK(world.changes() == "");
  CHECK(failure(world.check(1)) == "");
}

TEST_CASE("another's route to a cluster destination is refused, and it is named", "[foreign]") {
  PodWorld world(1);
  ip_batch("",
           "link add other type veth peer name eth1 netns pod\n"
           "link set other up\n");
  ip_batch("pod",
           "addr add 192.0.2.1/24 dev eth1\n"
           "link set eth1 up\n"
           "route add 10.233.0.0/18 via 192.0.2.2 dev eth1\n");
  world.look();
  const Answer added = world.add(1);
  CHECK(added.code() == 108);
  INFO(added);
  CHECK(names(added.message(), {"net1", "10.233.0.0/18", "eth1"}));
  CHECK(world.changes() == "");
}

TEST_CASE("what a NIC of ours has left behind is replaced", "[foreign]") {
  PodWorld world(2);
  const FakeIpam no_gateway;
  no_gateway.answer_address("172.16.11.66/24", "");
  world.use(no_gateway);
  REQUIRE(failure(world.add(1, {{"ipam", no_gateway.section()}})) == "");
  ip({"-n", "pod", "link", "del", "net1"});
  std::filesystem::remove_all(kStateDir);
  // These do not go with the link.
  REQUIRE(rules("pod").size() == 4);
  REQUIRE(routes("pod", 101) == Lines{"unreachable default metric 4294967295 ours"});
  SECTION("by the same NIC") {
    REQUIRE(failure(world.add(1)) == "");
    CHECK(failure(world.check(1)) == "");
    CHECK(routes("pod", 101) == Lines{"default via 172.16.11.254 dev net1 ours",
                                      "172.16.11.0/24 dev net1 scope link src 172.16.11.10 ours"});
    CHECK(rules("pod") == Lines{"32100: from 10.233.119.164 lookup 100 ours",
                                "32100: from all oif eth0 lookup 100 ours",
                                "32101: from all oif net1 lookup 101 ours",
                                "32101: from 172.16.11.10 lookup 101 ours"});
    REQUIRE(failure(world.del(1)) == "");
  }
  SECTION("by another NIC in its table") {
    REQUIRE(failure(world.add(2, {{"routeTable", 101}})) == "");
    CHECK(failure(world.check(2)) == "");
    CHECK(routes("pod", 101) == Lines{"default via 172.16.12.254 dev net2 ours",
                                      "172.16.12.0/24 dev net2 scope link src 172.16.12.10 ours"});
    CHECK(rules("pod") == Lines{"32100: from 10.233.119.164 lookup 100 ours",
                                "32100: from all oif eth0 lookup 100 ours",
                                "32101: from 172.16.12.10 lookup 101 ours",
                                "32101: from all oif net2 lookup 101 ours"});
    REQUIRE(failure(world.del(2)) == "");
  }
  CHECK(world.changes() == "");
}
