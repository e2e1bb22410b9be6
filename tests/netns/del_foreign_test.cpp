// SPDX-License-Identifier: Apache-2.0
/// \file
/// DEL takes what is this attachment's, and nothing of anybody else.
#include <filesystem>

#include "support/catch.hpp"
#include "support/link_wanted.hpp"
#include "support/namespaces.hpp"
#include "support/shell.hpp"

using namespace mvr::test;

namespace {

namespace fs = std::filesystem;

/// Interfaces of the name net1 that are not ours.
const std::string kVeth = "link add net1 type veth peer name peer\nlink set net1 up\n";

std::string foreign_macvlan(const std::string& netns, const std::string& more = "") {
  return "link add link " + rail_master(1) + " name net1 netns " + netns + more +
         " type macvlan mode bridge\n";
}

}  // namespace

TEST_CASE("DEL by another container or network leaves the NIC alone", "[del][foreign]") {
  OnePod world;
  add_or_fail(world.runtime, 1);
  const json before = snapshot_world({"pod"});
  const Runtime other(world.pod, "other-container");
  const json result = world.runtime.call("DEL", "net1").config.at("prevResult");
  json config = rail_config(1);
  check_ok(run_plugin(other.call("DEL", "net1", config)));
  config["prevResult"] = result;
  check_ok(run_plugin(other.call("DEL", "net1", config)));
  json other_network = rail_config(1);
  other_network["name"] = "another";
  check_ok(run_plugin(world.runtime.call("DEL", "net1", other_network)));
  CHECK(difference(before, snapshot_world({"pod"})).empty());
  check_ok(world.runtime.check(1));
}

TEST_CASE("DEL leaves a foreign interface of the name alone", "[del][foreign]") {
  OnePod world;
  const int kind = GENERATE(0, 1, 2);
  if (kind == 0) {
    ip_batch("pod", kVeth);
  } else {
    ip_batch("", foreign_macvlan("pod", kind == 1 ? "" : " group 216"));
  }
  const json before = snapshot_world({"pod"});
  check_ok(run_plugin(world.runtime.call("DEL", "net1", rail_config(1))));
  CHECK(difference(before, snapshot_world({"pod"})).empty());
}

TEST_CASE("DEL leaves an interface that took the name after ours was deleted", "[del][foreign]") {
  OnePod world;
  add_or_fail(world.runtime, 1);
  ip({"-n", "pod", "link", "del", "net1"});
  ip_batch("pod", kVeth);
  check_ok(world.runtime.del(1));
  CHECK(read_link("pod", "net1").at("linkinfo").at("info_kind") == "veth");
  CHECK(read_rules("pod") == wanted_rules(world.pod, {}));
  ip({"-n", "pod", "link", "del", "net1"});
  CHECK(world.changes().empty());
}

TEST_CASE("a journal of another namespace says nothing about this one", "[del][foreign]") {
  OnePod world;
  add_or_fail(world.runtime, 1);
  remove_netns("pod");
  add_netns("pod");
  ip_batch("", foreign_macvlan("pod"));
  const json before = snapshot("pod");
  Call call = world.runtime.call("DEL", "net1");
  call.config.erase("prevResult");
  check_ok(run_plugin(call));
  CHECK(difference(before, snapshot("pod")).empty());
  CHECK(count_journals() == 0);
  CHECK(snapshot_leases().empty());
}

TEST_CASE("the alias, the journal or prevResult is enough to know the NIC", "[del][foreign]") {
  const std::string witness = GENERATE("alias", "journal", "prevResult", "none");
  INFO(witness);
  OnePod world;
  add_or_fail(world.runtime, 1);
  Call call = world.runtime.call("DEL", "net1");
  if (witness != "alias") {
    ip({"-n", "pod", "link", "set", "net1", "alias", ""});
  }
  if (witness != "journal") {
    fs::remove_all(kStateDir);
  }
  if (witness != "prevResult") {
    call.config.erase("prevResult");
  }
  check_ok(run_plugin(call));
  CHECK(read_link("pod", "net1").is_null() == (witness != "none"));
}

TEST_CASE("prevResult with another MAC or sandbox does not name the NIC", "[del][foreign]") {
  OnePod world;
  add_or_fail(world.runtime, 1);
  ip({"-n", "pod", "link", "set", "net1", "alias", ""});
  fs::remove_all(kStateDir);
  Call call = world.runtime.call("DEL", "net1");
  const auto [key, value] = GENERATE(table<const char*, const char*>(
      {{"mac", "02:00:00:00:00:01"}, {"sandbox", "/run/netns/other"}, {"name", "net2"}}));
  INFO(key);
  call.config["prevResult"]["interfaces"][0][key] = value;
  check_ok(run_plugin(call));
  CHECK_FALSE(read_link("pod", "net1").is_null());
}

TEST_CASE("foreign routes and rules survive every DEL", "[del][foreign]") {
  OnePod world({.rails = 2});
  add_or_fail(world.runtime, 1);
  add_or_fail(world.runtime, 2);
  ip_batch("pod",
           "rule add from 10.9.0.0/16 lookup 101 priority 32101 protocol boot\n"
           "rule add from 10.8.0.0/16 lookup 100 priority 32100 protocol static\n"
           "rule add to 172.16.11.10 lookup 7 priority 5 protocol boot\n"
           "route add 10.9.0.0/24 via 169.254.1.1 dev eth0 table 101 protocol static\n"
           "route add 10.9.1.0/24 via 169.254.1.1 dev eth0 table 100\n"
           "route add 10.9.2.0/24 via 169.254.1.1 dev eth0\n"
           "route add 10.233.0.0/18 via 169.254.1.1 dev eth0 metric 9 protocol static\n"
           "route add unreachable 10.9.3.0/24 table 7\n");
  const int first = GENERATE(1, 2);
  check_ok(world.runtime.del(first));
  check_ok(world.runtime.del(3 - first));
  CHECK(read_rules("pod") == Lines{"0 from all lookup local proto kernel",
                                   R"(5 from all lookup 7 proto boot {"dst":"172.16.11.10"})",
                                   R"(32100 from 10.8.0.0 lookup 100 proto static {"srclen":16})",
                                   R"(32101 from 10.9.0.0 lookup 101 proto boot {"srclen":16})",
                                   "32766 from all lookup main proto kernel",
                                   "32767 from all lookup default proto kernel"});
  CHECK(read_table("pod", 101) == Lines{"10.9.0.0/24 via 169.254.1.1 dev eth0 proto static"});
  CHECK(read_table("pod", 100) == Lines{"10.9.1.0/24 via 169.254.1.1 dev eth0 proto boot"});
  CHECK(read_table("pod", 7) == Lines{"unreachable 10.9.3.0/24 proto boot"});
  CHECK(read_table("pod", "main") ==
        sorted(wanted_main(world.pod, {}) +
               Lines{"10.9.2.0/24 via 169.254.1.1 dev eth0 proto boot",
                     "10.233.0.0/18 via 169.254.1.1 dev eth0 proto static metric 9"}));
}

TEST_CASE("a missing IPAM plugin does not keep the NIC, and a later DEL ends it",
          "[del][foreign]") {
  OnePod world({.rails = 2});
  add_or_fail(world.runtime, 1);
  Call call = world.runtime.call("DEL", "net1");
  call.cni_path = std::string(kScratchDir);
  const Answer answer = run_plugin(call);
  INFO(answer);
  CHECK_FALSE(answer.ok());
  CHECK(answer.message().find("host-local") != std::string::npos);
  CHECK(difference(world.before.at("pod"), snapshot("pod")).empty());
  CHECK(count_journals() == 1);
  CHECK(snapshot_leases().size() == 1);
  check_ok(world.runtime.del(1));
  CHECK(world.changes().empty());
}

TEST_CASE("an IPAM plugin that fails does not keep the NIC, and a later DEL ends it",
          "[del][foreign]") {
  OnePod world;
  const FakeIpam ipam;
  ipam.answer_address("172.16.11.10/24", rail_gateway(1));
  Call call = add_call(world.runtime, ipam);
  REQUIRE(run_plugin(call).ok());

  ipam.fail("DEL", 11, "the store is away");
  call.verb = "DEL";
  const Answer answer = run_plugin(call);
  INFO(answer);
  CHECK(answer.code() == 11);
  CHECK(answer.message().find("ipam fake: the store is away") != std::string::npos);
  CHECK(difference(world.before.at("pod"), snapshot("pod")).empty());
  CHECK(count_journals() == 1);

  ipam.script("DEL", ":");
  check_ok(run_plugin(call));
  CHECK(world.changes().empty());
  CHECK(ipam.calls() == std::vector<std::string>{"ADD", "DEL", "DEL"});
}
