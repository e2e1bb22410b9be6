// SPDX-License-Identifier: Apache-2.0
/// \file
/// Who else has a VLAN: other pods, the node, somebody who was there first, somebody who was
/// killed.
#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <sys/file.h>

#include <csignal>
#include <ctime>
#include <filesystem>

#include "mvr/base/fd.hpp"
#include "support/capture.hpp"
#include "support/catch.hpp"
#include "support/link_wanted.hpp"
#include "support/namespaces.hpp"
#include "support/refusal.hpp"
#include "support/router_advertisement.hpp"
#include "vm/support/killer.hpp"
#include "vm/support/vlan_node.hpp"

using namespace mvr::test;

namespace {

using Names = std::vector<std::string>;

constexpr std::uint16_t kIpv6 = 0x86dd;

constexpr int kMasterUnusable = 100;
constexpr int kGatewayUnreachable = 104;

/// One attempt is enough where nobody is to answer.
const json kShortProbe{{"gatewayProbe", {{"attempts", 2}, {"interval", "20ms"}}}};

/// The name that we give a VLAN, and the command that makes one on rail 1's master.
std::string our_name() {
  return vlan_name(1, kLongVlan);
}

std::string add_command(const std::string& name, const std::string& more = "") {
  return "link add link " + rail_master(1) + " name " + name + more + " type vlan id 100\n";
}

int index_of(const std::string& name) {
  const json link = read_link("", name);
  REQUIRE(link.is_object());
  return link.at("ifindex");
}

/// Asserts that the pod's NIC lies on this interface of the node, and that it works.
void check_nic(VlanNode& world, const std::string& pod, const std::string& lower,
               const std::string& address) {
  INFO(pod);
  CHECK(read_link(pod, "net1").at("link_index") == index_of(lower));
  check_way(pod, address);
  check_ok(world.runtime(pod).check(1));
}

/// ADD, CHECK and DEL of a NIC that lies on this interface; then all is as it was.
void try_on(VlanNode& world, const std::string& lower) {
  INFO("on " << lower);
  const json result = world.add();
  check_nic(world, "pod", lower, address_in(result));
  check_ok(world.runtime().del(1));
  CHECK(world.changes() == "");
}

/// ADD fails, and all is as it was.
void refuse(VlanNode& world, int code, const Names& words) {
  const Answer answer = world.runtime().add(1, on_vlan(kLongVlan, kShortProbe));
  INFO(answer);
  expect_error(answer, code);
  expect_words(answer.message(), words);
  CHECK(world.changes() == "");
}

/// Rail 1's configuration on the VLAN.
json vlan_config(const json& patch = json::object()) {
  json config = rail_config(1);
  config["vlan"] = kLongVlan;
  config.merge_patch(patch);
  return config;
}

/// The pods' calls, with a probe that does not mind a busy machine.
std::vector<Call> calls_of(VlanNode& world, const std::string& verb, const Names& pods) {
  const json config = vlan_config({{"gatewayProbe", {{"attempts", 100}, {"interval", "100ms"}}}});
  std::vector<Call> calls;
  for (const std::string& pod : pods) {
    calls.push_back(world.runtime(pod).call(verb, "net1", config));
  }
  return calls;
}

/// Starts all of them, then waits for all.
void run_at_once(const std::vector<Call>& calls) {
  std::vector<Process> processes;
  processes.reserve(calls.size());
  for (const Call& call : calls) {
    processes.emplace_back(make_command(call));
  }
  for (Process& process : processes) {
    const Answer answer = make_answer(process.wait());
    INFO(answer);
    CHECK(answer.ok());
  }
}

std::vector<Call> operator+(std::vector<Call> first, const std::vector<Call>& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

/// Asserts that there is our VLAN and that all of these lie on it.
void check_all_on_vlan(const Names& pods) {
  REQUIRE(list_vlans() == Names{our_name()});
  for (const std::string& pod : pods) {
    INFO(pod);
    CHECK(read_link(pod, "net1").at("link_index") == index_of(our_name()));
  }
}

/// ADD is killed at its n-th change of a link, counted from 0: the VLAN's creation, its raise, the
/// macvlan's creation.
void kill_call(const Call& call, int n, Moment moment) {
  int count = 0;
  const auto is_it = [&](const Change& change) {
    const bool is_link = change.message_type == RTM_NEWLINK || change.message_type == RTM_SETLINK;
    return is_link && count++ == n;
  };
  REQUIRE(run_and_kill(make_command(call), is_it, moment).status == -SIGKILL);
}

void kill_add(VlanNode& world, int n, Moment moment) {
  kill_call(world.runtime().call("ADD", "net1", vlan_config()), n, moment);
  const bool is_made = n > 0 || moment == Moment::after;
  CHECK(list_vlans() == (is_made ? Names{our_name()} : Names{}));
}

void del_or_fail(VlanNode& world, const std::string& pod) {
  check_ok(run_plugin(world.runtime(pod).call("DEL", "net1", vlan_config())));
}

void collect_all() {
  json config = rail_config(1);
  config["cniVersion"] = "1.1.0";
  config["cni.dev/valid-attachments"] = json::array();
  check_ok(
      run_plugin({.verb = "GC", .container_id = "", .netns = "", .ifname = "", .config = config}));
}

}  // namespace

TEST_CASE("a VLAN goes with the last of its NICs", "[vlan]") {
  VlanNode world(kLongVlan, {"one", "two"});
  const Names order = GENERATE(Names{"one", "two"}, Names{"two", "one"});
  world.add("one");
  const int index = index_of(our_name());
  const std::string left = address_in(world.add("two"));
  CHECK(list_vlans() == Names{our_name()});
  // A second NIC of the pod counts as well.
  REQUIRE(world.runtime(order[0]).add("net2", vlan_config()).ok());
  check_ok(world.runtime(order[0]).del("net1"));
  check_ok(world.runtime(order[0]).check("net2"));
  check_ok(world.runtime(order[1]).del("net1"));
  CHECK(index_of(our_name()) == index);
  check_ok(world.runtime(order[0]).check("net2"));
  check_ok(world.runtime(order[0]).del("net2"));
  CHECK(world.changes() == "");
}

TEST_CASE("pods that come and go at the same time share a VLAN", "[vlan]") {
  const Names early{"pod1", "pod2", "pod3", "pod4"};
  const Names late{"pod5", "pod6", "pod7", "pod8"};
  VlanNode world(kLongVlan, {"pod1", "pod2", "pod3", "pod4", "pod5", "pod6", "pod7", "pod8"});
  for (int round = 0; round < 3; ++round) {
    INFO("round " << round);
    run_at_once(calls_of(world, "ADD", early));
    check_all_on_vlan(early);
    run_at_once(calls_of(world, "DEL", early) + calls_of(world, "ADD", late));
    check_all_on_vlan(late);
    run_at_once(calls_of(world, "DEL", late));
    REQUIRE(list_vlans().empty());
    REQUIRE(count_journals() == 0);
  }
  CHECK(world.changes() == "");
}

TEST_CASE("a VLAN is made and removed by one at a time", "[vlan]") {
  VlanNode world(kLongVlan, {"pod"});
  try_on(world, our_name());
  const timespec a_moment{0, 300'000'000};
  const mvr::Fd lock(open(std::string(kStateDir).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  REQUIRE(flock(lock.get(), LOCK_EX) == 0);
  Process add(make_command(world.runtime().call("ADD", "net1", vlan_config())));
  REQUIRE(eventually([] { return count_journals() == 1; }));
  nanosleep(&a_moment, nullptr);
  CHECK(list_vlans().empty());
  REQUIRE(flock(lock.get(), LOCK_UN) == 0);
  const Answer added = make_answer(add.wait());
  INFO(added);
  REQUIRE(added.ok());

  REQUIRE(flock(lock.get(), LOCK_EX) == 0);
  Process del(make_command(world.runtime().call("DEL", "net1", vlan_config())));
  REQUIRE(eventually([] { return read_link("pod", "net1").is_null(); }));
  nanosleep(&a_moment, nullptr);
  CHECK(list_vlans() == Names{our_name()});
  REQUIRE(flock(lock.get(), LOCK_UN) == 0);
  check_ok(make_answer(del.wait()));
  CHECK(world.changes() == "");
}

TEST_CASE("a VLAN of somebody else is used, and left as it is", "[vlan]") {
  VlanNode world(kLongVlan, {"pod"});
  const std::string ours = our_name();
  for (const std::string& name : {ours, std::string("storage")}) {
    ip_batch("", add_command(name, " group 42") + "link set " + name + " up\n");
    world.look();
    try_on(world, name);
    ip({"link", "set", name, "down"});
    world.look();
    refuse(world, kGatewayUnreachable, {"master " + name, "no carrier"});
    ip({"link", "del", name});
  }
  // Our name is another interface's.
  ip_batch("", "link add " + ours + " type bridge\n");
  world.look();
  refuse(world, kMasterUnusable, {"create VLAN 100 as " + ours, "EEXIST", "another interface"});
  ip_batch("", add_command("storage") + "link set storage up\n");
  world.look();
  try_on(world, "storage");
  ip_batch("", "link del " + ours + "\nlink set storage netns outside\n");
  world.look();
  refuse(world, kMasterUnusable, {"create VLAN 100 as " + ours, "EEXIST", "another network"});
}

TEST_CASE("a VLAN of another kind is another VLAN", "[vlan]") {
  VlanNode world(kLongVlan, {"pod"});
  ip_batch("", "link add link " + rail_master(1) +
                   " name service type vlan protocol 802.1ad id 100\n"
                   "link set service up\n");
  world.look();
  try_on(world, our_name());
}

TEST_CASE("a VLAN goes with the last NIC whose pod has vanished", "[vlan]") {
  VlanNode world(kLongVlan, {"gone", "late", "last", "pod"});
  world.add("gone");
  const std::string address = address_in(world.add("pod"));
  world.remove_pod("gone");
  check_ok(world.runtime("gone").del(1));
  check_nic(world, "pod", our_name(), address);
  check_ok(world.runtime().del(1));
  CHECK(world.changes() == "");

  world.add("late");
  world.remove_pod("late");
  check_ok(world.runtime("late").del(1));
  CHECK(world.changes() == "");

  world.add("last");
  world.remove_pod("last");
  world.add("pod");
  collect_all();
  CHECK(world.changes() == "");
}

TEST_CASE("an ADD that is killed leaves no VLAN that DEL or the next ADD misses", "[vlan]") {
  VlanNode world(kLongVlan, {"pod", "other"});
  for (int n = 0; n < 3; ++n) {
    for (const Moment moment : {Moment::before, Moment::after}) {
      INFO("killed " << (moment == Moment::before ? "before" : "after") << " change " << n);
      kill_add(world, n, moment);
      del_or_fail(world, "pod");
      CHECK(world.changes() == "");
      kill_add(world, n, moment);
      try_on(world, our_name());
    }
  }
  // Another pod finds the VLAN of the dead, which is down.
  kill_add(world, 1, Moment::before);
  CHECK_FALSE(is_up(read_link("", our_name())));
  const std::string address = address_in(world.add("other"));
  CHECK(is_up(read_link("", our_name())));
  del_or_fail(world, "pod");
  check_nic(world, "other", our_name(), address);
  check_ok(world.runtime("other").del(1));
  CHECK(world.changes() == "");
}

TEST_CASE("a VLAN that the node uses stays", "[vlan]") {
  VlanNode world(kLongVlan, {"pod"});
  ip_batch("", "link add red type vrf table 77\n");
  world.look();
  const std::string name = our_name();
  const auto [use, release] = GENERATE_COPY(table<std::string, std::string>(
      {{"addr add 172.16.11.1/24 dev NAME\n", "addr del 172.16.11.1/24 dev NAME\n"},
       {"link set NAME master red\n", "link set NAME nomaster\n"},
       {"link add link NAME name shim type macvlan mode bridge\n", "link del shim\n"},
       {"link add link NAME name NAME.5 type vlan id 5\n", "link del NAME.5\n"}}));
  INFO(use);
  const auto run_for = [&](std::string lines) {
    for (auto at = lines.find("NAME"); at != std::string::npos; at = lines.find("NAME")) {
      lines.replace(at, 4, name);
    }
    ip_batch("", lines);
  };
  world.add();
  run_for(use);
  const int index = index_of(name);
  check_ok(world.runtime().del(1));
  CHECK(index_of(name) == index);
  // It is still ours: the next NIC takes it along when the node has no use for it any more.
  run_for(release);
  world.add();
  CHECK(index_of(name) == index);
  check_ok(world.runtime().del(1));
  CHECK(world.changes() == "");
}

TEST_CASE("a VLAN that is the master of other NICs stays", "[vlan]") {
  VlanNode world(kLongVlan, {"pod", "named", "inner"});
  const std::string name = our_name();
  world.add();
  const std::string address =
      address_in(add_or_fail(world.runtime("named"), 1, {{"master", name}}));
  check_ok(world.runtime().del(1));
  check_nic(world, "named", name, address);
  check_ok(world.runtime("named").del(1));
  world.add();
  const json inner = vlan_config({{"master", name}, {"vlan", 5}, {"gatewayProbe", false}});
  // Its own VLAN is not there yet.
  kill_call(world.runtime("inner").call("ADD", "net1", inner), 0, Moment::before);
  check_ok(world.runtime().del(1));
  REQUIRE(world.runtime("inner").add("net1", inner).ok());
  check_ok(world.runtime("inner").check(1));
  check_ok(world.runtime("inner").del(1));
  // Its own NICs have gone before; the next one takes it along.
  world.add();
  check_ok(world.runtime().del(1));
  CHECK(world.changes() == "");
}

TEST_CASE("a VLAN stays under a NIC whose journal is lost", "[vlan]") {
  VlanNode world(kLongVlan, {"one", "two"});
  const std::string address = address_in(world.add("one"));
  std::filesystem::remove_all(kStateDir);
  world.add("two");
  const Answer gone = world.runtime("two").del(1);
  check_ok(gone);
  expect_words(gone.err, {"level=warn", our_name(), "no journal names"});
  check_nic(world, "one", our_name(), address);
  // It has no journal that names the VLAN; the next one that comes and goes takes that along.
  check_ok(world.runtime("one").del(1));
  CHECK(list_vlans() == Names{our_name()});
  world.add("two");
  check_ok(world.runtime("two").del(1));
  CHECK(world.changes() == "");
}

TEST_CASE("a router on a VLAN of ours gives the node nothing", "[vlan]") {
  VlanNode world(kLongVlan, {"pod", "other"});
  ip_batch(kGateways, "addr add fe80::fe/64 dev gw1.100 nodad\n");
  const std::string router = read_link(kGateways, "gw1.100").at("address");
  const auto advertise = [&] {
    Capture vlan("", our_name());
    advertise_router(kGateways, "gw1.100", "fe80::fe", "fd00:172:11::");
    const auto is_it = [&](const Frame& frame) {
      return frame.ethertype == kIpv6 && frame.src == router;
    };
    REQUIRE(vlan.wait_for(is_it));
    const timespec a_moment{0, 200'000'000};
    nanosleep(&a_moment, nullptr);
    CHECK(ip({"-6", "address", "show", "dev", our_name(), "scope", "global"}).empty());
    CHECK(ip({"-6", "route", "show", "default"}).empty());
  };
  world.add();
  advertise();
  check_ok(world.runtime().del(1));
  CHECK(world.changes() == "");

  // Also one that was raised by another than who made it.
  kill_add(world, 1, Moment::before);
  world.add("other");
  advertise();
  check_ok(world.runtime("other").del(1));
  del_or_fail(world, "pod");
  CHECK(world.changes() == "");
}
