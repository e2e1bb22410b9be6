// SPDX-License-Identifier: Apache-2.0
/// \file
/// Every kind of drift that CHECK must find, each in a pod of its own.
#include <filesystem>

#include "support/catch.hpp"
#include "support/link_wanted.hpp"
#include "support/namespaces.hpp"
#include "support/shell.hpp"

using namespace mvr::test;

namespace {

constexpr int kDifferences = 109;

/// "net1: A; B" as {"A", "B"}.
std::vector<std::string> differences_in(const Answer& answer) {
  const std::string prefix = "net1: ";
  const std::string message = answer.message();
  REQUIRE(message.starts_with(prefix));
  const std::string list = message.substr(prefix.size());
  std::vector<std::string> differences;
  for (std::size_t from = 0; from <= list.size();) {
    const std::size_t end = std::min(list.find("; ", from), list.size());
    differences.push_back(list.substr(from, end - from));
    from = end + 2;
  }
  return differences;
}

/// Asserts that CHECK finds these differences, in this order, and no others. Each is named by
/// words that must be in it.
void check_finds(const Runtime& runtime, const std::vector<std::vector<std::string>>& wanted) {
  const Answer answer = runtime.check(1);
  INFO(answer);
  REQUIRE(answer.code() == kDifferences);
  const auto found = differences_in(answer);
  REQUIRE(found.size() == wanted.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    for (const std::string& word : wanted[i]) {
      INFO(found[i] << " | " << word);
      CHECK(found[i].find(word) != std::string::npos);
    }
  }
}

/// A pod with net1, which CHECK likes, changed by lines of ip.
struct Drifted : OnePod {
  explicit Drifted(const char* lines, const json& patch = json::object()) : OnePod({.rails = 2}) {
    add_or_fail(runtime, 1, patch);
    REQUIRE(runtime.check(1).ok());
    ip_batch("pod", lines);
  }
};

void check_finds_route(const char* lines, const std::vector<std::string>& words) {
  const Drifted world(lines);
  check_finds(world.runtime, {words});
}

}  // namespace

TEST_CASE("CHECK finds a link that is gone", "[check][drift]") {
  const Drifted world("link del net1\n");
  check_finds(world.runtime, {{"link: wanted a macvlan", "found nothing"}});
}

TEST_CASE("CHECK finds a link that is no macvlan any more", "[check][drift]") {
  const Drifted world("link del net1\nlink add net1 type veth peer name peer\nlink set net1 up\n");
  const Answer answer = world.runtime.check(1);
  INFO(answer);
  REQUIRE(answer.code() == kDifferences);
  CHECK(differences_in(answer).front() == "link kind: wanted macvlan, found veth");
}

TEST_CASE("CHECK finds another mode", "[check][drift]") {
  const Drifted world("link set net1 type macvlan mode private\n");
  check_finds(world.runtime, {{"link mode", "wanted bridge", "found private"}});
}

TEST_CASE("CHECK finds another MAC", "[check][drift]") {
  const Drifted world("link set net1 address 02:00:00:00:00:99\n");
  check_finds(world.runtime, {{"link MAC", "found 02:00:00:00:00:99"}});
}

TEST_CASE("CHECK finds another MTU, also where results have none", "[check][drift]") {
  const std::string version = GENERATE("1.0.0", "1.1.0");
  const Drifted world("link set net1 mtu 1400\n", {{"cniVersion", version}});
  check_finds(world.runtime, {{"link mtu", "wanted 1500", "found 1400"}});
}

TEST_CASE("CHECK finds a link that is down, and the routes that went with it", "[check][drift]") {
  const Drifted world("link set net1 down\n");
  check_finds(world.runtime, {{"link state", "wanted up", "found down"},
                              {"172.16.11.0/24 dev net1", "table main", "found nothing"},
                              {"172.16.11.0/24 dev net1", "table 101", "found nothing"},
                              {"default via 172.16.11.254", "table 101", "found nothing"}});
}

TEST_CASE("CHECK finds another master", "[check][drift]") {
  const Drifted world("", {{"podRPFilter", -1}, {"strictArp", false}});
  const std::string mac = read_link("pod", "net1").at("address");
  ip({"-n", "pod", "link", "del", "net1"});
  ip_batch("", "link add link " + rail_master(2) + " name net1 netns pod address " + mac +
                   " type macvlan mode bridge\n");
  ip_batch("pod",
           "addr add 172.16.11.10/24 dev net1 metric 101\nlink set net1 up\n"
           "route add 172.16.11.0/24 dev net1 src 172.16.11.10 table 101\n"
           "route add default via 172.16.11.254 dev net1 table 101\n");
  for (const char* key : {"accept_ra", "autoconf"}) {
    put_sysctl("pod", std::string("ipv6/conf/net1/") + key, "0");
  }
  check_finds(world.runtime, {{"link master"}, {"link alias"}, {"link group"}});
}

TEST_CASE("CHECK finds a link that has lost our marks", "[check][drift]") {
  SECTION("the group") {
    const Drifted world("link set net1 group 0\n");
    check_finds(world.runtime, {{"link group", "wanted 216", "found 0"}});
  }
  SECTION("the alias") {
    const Drifted world("link set net1 alias somebody\n");
    check_finds(world.runtime, {{"link alias", "wanted macvlan-rdma:", "found somebody"}});
  }
}

TEST_CASE("CHECK finds another queue length than the configured one", "[check][drift]") {
  const json patch{{"txQueueLen", 50}, {"bcqueuelen", 2000}};
  const auto [line, what] = GENERATE(table<const char*, const char*>(
      {{"link set net1 txqueuelen 51\n", "link txQueueLen: wanted 50, found 51"},
       {"link set net1 type macvlan bcqueuelen 1999\n",
        "link bcqueuelen: wanted 2000, found 1999"}}));
  const Drifted world(line, patch);
  check_finds(world.runtime, {{what}});
}

// With its last address an interface loses all of its routes.
TEST_CASE("CHECK finds an address that is gone, and the routes that went with it",
          "[check][drift]") {
  const Drifted world("addr del 172.16.11.10/24 dev net1\n");
  check_finds(world.runtime, {{"address 172.16.11.10/24", "found nothing"},
                              {"route", "172.16.11.0/24 dev net1", "table 101"},
                              {"route", "default via 172.16.11.254 dev net1", "table 101"}});
}

TEST_CASE("CHECK finds an address of another prefix length", "[check][drift]") {
  const Drifted world(
      "addr del 172.16.11.10/24 dev net1\naddr add 172.16.11.10/16 dev net1 metric 101\n"
      "route add 172.16.11.0/24 dev net1 src 172.16.11.10 table 101\n"
      "route add default via 172.16.11.254 dev net1 table 101\n");
  check_finds(world.runtime, {{"address 172.16.11.10/24", "found nothing"}});
}

TEST_CASE("CHECK finds another metric of the connected route", "[check][drift]") {
  const Drifted world("addr change 172.16.11.10/24 dev net1 metric 7\n");
  check_finds(world.runtime, {{"address 172.16.11.10/24 metric", "wanted 101", "found 7"}});
}

TEST_CASE("CHECK finds that main has no connected route of the NIC", "[check][drift]") {
  check_finds_route("route del 172.16.11.0/24 dev net1 table main\n",
                    {"wanted 172.16.11.0/24 dev net1 metric 101 table main", "nothing"});
  check_finds_route("route replace 172.16.11.0/24 via 169.254.1.1 dev eth0 metric 101\n",
                    {"wanted 172.16.11.0/24 dev net1 metric 101 table main",
                     "found 172.16.11.0/24 via 169.254.1.1 dev eth0 metric 101 table main"});
}

TEST_CASE("CHECK finds that the NIC's table has no default", "[check][drift]") {
  check_finds_route("route del default table 101\n",
                    {"route", "wanted default via 172.16.11.254 dev net1 table 101", "nothing"});
}

TEST_CASE("CHECK finds that the NIC's default has another gateway", "[check][drift]") {
  check_finds_route("route replace default via 172.16.11.253 dev net1 table 101\n",
                    {"wanted default via 172.16.11.254 dev net1 table 101",
                     "found default via 172.16.11.253 dev net1 table 101"});
}

TEST_CASE("CHECK finds that the NIC's default leaves by the overlay", "[check][drift]") {
  check_finds_route("route replace default via 169.254.1.1 dev eth0 table 101\n",
                    {"wanted default via 172.16.11.254 dev net1 table 101",
                     "found default via 169.254.1.1 dev eth0 table 101"});
}

TEST_CASE("CHECK finds that the NIC's table has no connected route", "[check][drift]") {
  check_finds_route("route del 172.16.11.0/24 table 101\n",
                    {"wanted 172.16.11.0/24 dev net1 src 172.16.11.10 table 101", "nothing"});
}

TEST_CASE("CHECK finds a connected route without its source address", "[check][drift]") {
  check_finds_route("route replace 172.16.11.0/24 dev net1 table 101\n",
                    {"wanted 172.16.11.0/24 dev net1 src 172.16.11.10 table 101",
                     "found 172.16.11.0/24 dev net1 table 101"});
}

TEST_CASE("CHECK finds that a rule is gone", "[check][drift]") {
  const auto [line, what] = GENERATE(table<const char*, const char*>(
      {{"rule del from 172.16.11.10\n", "wanted from 172.16.11.10 lookup 101"},
       {"rule del oif net1\n", "wanted from all oif net1 lookup 101"},
       {"rule del from 10.233.119.164\n", "wanted from 10.233.119.164 lookup 100"},
       {"rule del oif eth0\n", "wanted from all oif eth0 lookup 100"}}));
  const Drifted world(line);
  check_finds(world.runtime, {{"rule", what, "found nothing"}});
}

TEST_CASE("CHECK finds a rule of another priority or table", "[check][drift]") {
  const auto [line, found] = GENERATE(table<const char*, const char*>(
      {{"rule del from 172.16.11.10\nrule add from 172.16.11.10 lookup 101 priority 32500\n",
        "found from 172.16.11.10 lookup 101 priority 32500"},
       {"rule del from 172.16.11.10\nrule add from 172.16.11.10 lookup 7 priority 32101\n",
        "found from 172.16.11.10 lookup 7 priority 32101"}}));
  const Drifted world(line);
  check_finds(world.runtime, {{"wanted from 172.16.11.10 lookup 101 priority 32101", found}});
}

TEST_CASE("CHECK finds that a route of the cluster is gone from main", "[check][drift]") {
  const auto [line, what] = GENERATE(table<const char*, const char*>(
      {{"route del 10.233.0.0/18\n", "wanted 10.233.0.0/18 via 169.254.1.1 dev eth0"},
       {"route del 10.233.64.0/18\n", "wanted 10.233.64.0/18 via 169.254.1.1 dev eth0"},
       {"route del 169.254.0.0/16\n", "wanted 169.254.0.0/16 via 169.254.1.1 dev eth0"},
       {"route del 10.1.20.4\n", "wanted 10.1.20.4 via 169.254.1.1 dev eth0"}}));
  check_finds_route(line, {what, "src 10.233.119.164", "table main", "found nothing"});
}

TEST_CASE("CHECK finds that a route of the cluster leaves by the rail", "[check][drift]") {
  check_finds_route("route replace 10.233.0.0/18 via 172.16.11.254 dev net1\n",
                    {"wanted 10.233.0.0/18 via 169.254.1.1 dev eth0", "dev net1"});
}

TEST_CASE("CHECK finds that the overlay's table lacks a route", "[check][drift]") {
  const auto [line, what] = GENERATE(table<const char*, const char*>(
      {{"route del default table 100\n", "wanted default via 169.254.1.1 dev eth0 table 100"},
       {"route del 169.254.1.1 table 100\n", "wanted 169.254.1.1 dev eth0 table 100"}}));
  check_finds_route(line, {what, "found nothing"});
}

TEST_CASE("CHECK finds each sysctl that another value was written to", "[check][drift]") {
  const auto [key, wanted] = GENERATE(table<const char*, const char*>(
      {{"rp_filter", "2"}, {"arp_ignore", "1"}, {"arp_announce", "2"}, {"forwarding", "1"}}));
  const std::string path = std::string("ipv4/conf/net1/") + key;
  const Drifted world("", {{"sysctls", {{"net.ipv4.conf.IFNAME.forwarding", "1"}}}});
  put_sysctl("pod", path, "0");
  check_finds(world.runtime, {{path, std::string("wanted ") + wanted, "found 0"}});
}

TEST_CASE("CHECK finds a default of ours by the rail in main", "[check][drift]") {
  check_finds_route("route add default via 172.16.11.254 dev net1 metric 500 protocol 216\n",
                    {"wanted nothing", "found default via 172.16.11.254 dev net1 metric 500"});
}

TEST_CASE("CHECK finds a lease that is gone", "[check][drift]") {
  const Drifted world("");
  std::filesystem::remove(std::string(kLeaseDir) + "/gpu1-macvlan/172.16.11.10");
  const Answer answer = world.runtime.check(1);
  INFO(answer);
  CHECK_FALSE(answer.ok());
  CHECK(answer.message().find("host-local") != std::string::npos);
}

TEST_CASE("CHECK lists all differences in one error", "[check][drift]") {
  const Drifted world(
      "link set net1 mtu 1400\nrule del from 172.16.11.10\nroute del 10.1.20.4\n"
      "route del default table 101\n");
  put_sysctl("pod", "ipv4/conf/net1/arp_ignore", "0");
  check_finds(world.runtime, {{"link mtu"},
                              {"default via 172.16.11.254", "table 101"},
                              {"10.1.20.4 via 169.254.1.1"},
                              {"from 172.16.11.10 lookup 101"},
                              {"arp_ignore"}});
}

TEST_CASE("a new ADD repairs what CHECK has found", "[check][drift]") {
  Drifted world("rule flush protocol 216\nroute flush table all proto 216\n");
  CHECK(world.runtime.check(1).code() == kDifferences);
  check_ok(world.runtime.del(1));
  add_or_fail(world.runtime, 1);
  check_ok(world.runtime.check(1));
}

TEST_CASE("a master that has another MTU today is no difference", "[check]") {
  OnePod world({.rails = 1});
  add_or_fail(world.runtime, 1);
  ip({"link", "set", rail_master(1), "mtu", "4200"});
  check_ok(world.runtime.check(1));
  // The kernel lowers a macvlan with its master.
  ip({"link", "set", rail_master(1), "mtu", "1400"});
  const Answer checked = world.runtime.check(1);
  CHECK(checked.code() == 109);
  CHECK(checked.message().find("mtu: wanted 1500, found 1400") != std::string::npos);
}
