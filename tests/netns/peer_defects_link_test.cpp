// SPDX-License-Identifier: Apache-2.0
// Defects that the standard macvlan and sbr plugins are known for, and that we do not share.
#include <sys/stat.h>

#include <algorithm>
#include <csignal>

#include "support/catch.hpp"
#include "support/ipam_scripts.hpp"
#include "support/link_state.hpp"
#include "support/namespaces.hpp"
#include "support/peer_rig.hpp"
#include "support/refusal.hpp"
#include "support/routing_lines.hpp"
#include "support/world.hpp"

using namespace mvr::test;

namespace {

Call with_fake(Call call, const FakeIpam& ipam) {
  call.config["ipam"] = ipam.section();
  call.cni_path = ipam.dir();
  return call;
}

/// An ADD that is killed while its IPAM plugin works.
void kill_add(const Call& call, const FakeIpam& ipam) {
  const std::size_t calls = ipam.calls().size();
  ipam.hang();
  Process process(make_command(call));
  REQUIRE(eventually([&] { return ipam.calls().size() > calls; }));
  process.signal(SIGKILL);
  CHECK(process.wait().status == -SIGKILL);
}

}  // namespace

TEST_CASE("macvlan's defect: the link does not stay when IPAM fails", "[peer][defects]") {
  const Refusals refusals;
  const FakeIpam ipam;
  ipam.fail("ADD", 11, "no address left");
  refusals.expect_call(with_fake(refusals.call(), ipam), 11, {"no address left"});
  CHECK(read_links("pod") == Lines{"eth0", "lo"});
  CHECK(ipam.calls() == Lines{"ADD", "DEL"});
}

TEST_CASE("macvlan's defect: after SIGKILL no link with a random name stays", "[peer][defects]") {
  const Refusals refusals;
  const FakeIpam ipam;
  Call call = with_fake(refusals.call(), ipam);
  kill_add(call, ipam);
  for (const std::string& name : read_links("pod")) {
    CHECK_FALSE(name.starts_with("veth"));
  }
  CHECK_FALSE(difference(json::object(), snapshot_files(std::string(kStateDir))).empty());
  ipam.answer_address(rail_address(1) + "/24", rail_gateway(1));

  SECTION("DEL removes all that the dead ADD left") {
    call.verb = "DEL";
    const Answer answer = run_plugin(call);
    INFO(answer);
    CHECK(answer.ok());
    CHECK(ipam.calls() == Lines{"ADD", "DEL"});
    refusals.expect_unchanged();
  }
  SECTION("so does the next ADD, before it does its own work") {
    const Answer answer = run_plugin(call);
    INFO(answer);
    CHECK(answer.ok());
    CHECK(ipam.calls() == Lines{"ADD", "DEL", "ADD"});
    CHECK(read_links("pod") == Lines{"eth0", "lo", "net1"});
    call.verb = "DEL";
    CHECK(run_plugin(call).ok());
    refusals.expect_unchanged();
  }
  SECTION("so does GC, which does not list it") {
    call.verb = "GC";
    call.config["cniVersion"] = "1.1.0";
    call.config["cni.dev/valid-attachments"] = json::array();
    const Answer answer = run_plugin(call);
    INFO(answer);
    CHECK(answer.ok());
    CHECK(ipam.calls() == Lines{"ADD", "DEL", "GC"});
    refusals.expect_unchanged();
  }
}

TEST_CASE("macvlan's defect: STATUS looks at the master", "[peer][defects]") {
  Refusals refusals;
  Call call = refusals.call({{"cniVersion", "1.1.0"}, {"ipam", nullptr}});
  call.verb = "STATUS";
  CHECK(run_plugin(call).ok());
  SECTION("that is down") {
    ip({"link", "set", rail_master(1), "down"});
    refusals.look_again();
    refusals.expect_call(call, 50, {"master " + rail_master(1) + " is down"});
  }
  SECTION("that is missing") {
    call.config["master"] = "nowhere";
    refusals.expect_call(call, 50, {"master \"nowhere\"", "no such interface"});
  }
  SECTION("whose MTU is too small") {
    call.config["mtu"] = 9000;
    refusals.expect_call(call, 50, {"mtu 9000", "the MTU of master"});
  }
}

TEST_CASE("macvlan's defect: GC removes what is not valid, and nothing else", "[peer][defects]") {
  Scenario scenario({.rails = 2});
  const Pod pod = scenario.add_pod("pod");
  Runtime dead(scenario.add_pod("dead"), "dead");
  Runtime alive(pod, "alive");
  const json version{{"cniVersion", "1.1.0"}};
  const json before = snapshot("dead");
  REQUIRE(dead.add(1, version).ok());
  REQUIRE(dead.add(2, version).ok());
  REQUIRE(alive.add(1, version).ok());
  const json keep = snapshot("pod");
  Call call = alive.call("GC", "net1");
  SECTION("the list is absent: nothing is removed") {
    const json all = snapshot_world({"pod", "dead"});
    CHECK(run_plugin(call).code() == 7);
    CHECK(difference(all, snapshot_world({"pod", "dead"})) == "");
  }
  SECTION("the list has the living one") {
    call.config["cni.dev/valid-attachments"] = {{{"containerID", "alive"}, {"ifname", "net1"}}};
    const Answer answer = run_plugin(call);
    INFO(answer);
    CHECK(answer.ok());
    CHECK(read_links("dead") == Lines{"eth0", "lo", "net2"});  // another network's
    CHECK(dead.del(2).ok());
    CHECK(difference(before, snapshot("dead")) == "");
  }
  CHECK(difference(keep, snapshot("pod")) == "");
  CHECK(alive.check(1).ok());
}

TEST_CASE("sbr's defect: CHECK sees a rule that is gone", "[peer][defects]") {
  Scenario scenario({.rails = 1});
  Runtime runtime(scenario.add_pod("pod"));
  REQUIRE(runtime.add(1).ok());
  REQUIRE(runtime.check(1).ok());
  SECTION("a rule") {
    ip({"-n", "pod", "rule", "del", "from", "172.16.11.10", "lookup", "101"});
    expect_words(runtime.check(1).message(), {"from 172.16.11.10", "lookup 101"});
  }
  SECTION("a route of the table") {
    ip({"-n", "pod", "route", "del", "default", "table", "101"});
    expect_words(runtime.check(1).message(), {"default", "172.16.11.254", "101"});
  }
  CHECK(runtime.check(1).code() == 109);
}

TEST_CASE("sbr's defect: rules have an explicit priority, and it is their table's",
          "[peer][defects]") {
  Scenario scenario({.rails = 2});
  Runtime runtime(scenario.add_pod("pod"));
  // Whoever takes the next free priority or table gets out of step with what others have.
  ip_batch("pod", "rule add from 10.9.0.1 lookup 77 priority 32000\n");
  REQUIRE(runtime.add(2).ok());
  REQUIRE(runtime.add(1).ok());
  CHECK(
      rules("pod") ==
      Lines{"32000: from 10.9.0.1 lookup 77", "32100: from 10.233.119.164 lookup 100 ours",
            "32100: from all oif eth0 lookup 100 ours", "32101: from 172.16.11.10 lookup 101 ours",
            "32101: from all oif net1 lookup 101 ours", "32102: from 172.16.12.10 lookup 102 ours",
            "32102: from all oif net2 lookup 102 ours"});
}

TEST_CASE("sbr's defect: the connected route stays in main", "[peer][defects]") {
  Scenario scenario({.rails = 1});
  Runtime runtime(scenario.add_pod("pod"));
  REQUIRE(runtime.add(1).ok());
  const json route = ip_json("pod", {"-4", "route", "show", rail_subnet(1)}).at(0);
  CHECK(route.at("dev") == "net1");
  CHECK(route.at("protocol") == "kernel");
  CHECK(route.at("prefsrc") == rail_address(1));
  CHECK(route.at("metric") == 101);
}

TEST_CASE("sbr's defect: DEL with an empty namespace path succeeds", "[peer][defects]") {
  Scenario scenario({.rails = 1});
  Runtime runtime(scenario.add_pod("pod"));
  const json before = snapshot_world({"pod"});
  REQUIRE(runtime.add(1).ok());
  Call call = runtime.call("DEL", "net1");
  call.netns = "";
  const Answer answer = run_plugin(call);
  INFO(answer);
  CHECK(answer.ok());
  CHECK(snapshot_leases() == before.at("leases"));
  CHECK(snapshot_files(std::string(kStateDir)) == before.at("state"));
  call.config.erase("prevResult");
  CHECK(run_plugin(call).ok());
}

TEST_CASE("sbr's defect: DEL with a vanished namespace makes no file at its path",
          "[peer][defects]") {
  Scenario scenario({.rails = 1});
  const Pod pod = scenario.add_pod("pod");
  Runtime runtime(pod);
  REQUIRE(runtime.add(1).ok());
  remove_netns("pod");
  CHECK(runtime.del(1).ok());
  CHECK(runtime.del(1).ok());
  struct stat status {};
  CHECK(lstat(pod.netns.c_str(), &status) == -1);
  CHECK(errno == ENOENT);
  CHECK(snapshot_leases().empty());
}

TEST_CASE("sbr's defect: what is not ours stays on its interface", "[peer][defects]") {
  const Refusals refusals;
  const FakeIpam ipam;
  ipam.answer_address(rail_address(1) + "/24", rail_gateway(1));
  Call call = with_fake(refusals.call(), ipam);
  REQUIRE(run_plugin(call).ok());
  CHECK(has_line(routes("pod", kMainTable), "default via 169.254.1.1 dev eth0"));
  CHECK(has_line(routes("pod", kMainTable), "169.254.1.1 dev eth0 scope link"));
  call.verb = "DEL";
  CHECK(run_plugin(call).ok());
  refusals.expect_unchanged();
}
