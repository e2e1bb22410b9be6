// SPDX-License-Identifier: Apache-2.0
/// \file
/// A NIC on a VLAN of its master: what is made, what goes over the wire, what is refused.
#include <algorithm>

#include "mvr/base/fd.hpp"
#include "support/capture.hpp"
#include "support/catch.hpp"
#include "support/link_wanted.hpp"
#include "support/namespaces.hpp"
#include "support/refusal.hpp"
#include "vm/support/rdma_pod.hpp"
#include "vm/support/vlan_node.hpp"

using namespace mvr::test;

namespace {

constexpr int kBadConfig = 7;
constexpr int kUnavailable = 50;
constexpr int kGatewayUnreachable = 104;
constexpr int kCheckFailed = 109;

const RdmaNic kNic{.pod = "pod"};

/// One attempt is enough where nobody is to answer.
const json kShortProbe{{"gatewayProbe", {{"attempts", 2}, {"interval", "20ms"}}}};

/// How the kernel remembers that somebody has asked for this MAC.
constexpr const char* kSetAddress = "3\n";

/// Asserts that a VLAN of ours is there, and what it is like.
void check_vlan(const std::string& name, const std::string& master, int vlan) {
  INFO(name);
  const json link = read_link("", name);
  const json lower = read_link("", master);
  REQUIRE(link.is_object());
  CHECK(link.at("linkinfo").at("info_kind") == "vlan");
  CHECK(link.at("linkinfo").at("info_data").at("id") == vlan);
  CHECK(link.at("linkinfo").at("info_data").at("protocol") == "802.1Q");
  CHECK(link.at("link") == master);
  CHECK(link.at("group") == "216");
  CHECK(link.at("address") == lower.at("address"));
  CHECK(link.at("mtu") == lower.at("mtu"));
  CHECK(is_up(link));
  const auto origin = mvr::read_file("/sys/class/net/" + name + "/addr_assign_type", 16);
  CHECK(origin.value_or("") == kSetAddress);
}

/// Asserts that the pod's NIC is a macvlan of this interface of the node.
void check_lower(const std::string& pod, const std::string& name) {
  const json nic = read_link(pod, "net1");
  REQUIRE(nic.is_object());
  CHECK(nic.at("link_index") == read_link("", name).at("ifindex"));
  CHECK(macvlan_of(nic).at("mode") == "bridge");
  CHECK(is_up(nic));
}

/// Asserts what ADD says of a NIC on a VLAN: its result, its log line and its journal.
void check_words(const VlanNode& world, const Answer& added, const std::string& name, int vlan) {
  json interface {
    {"name", "net1"}, { "mac", read_link("pod", "net1").at("address") }
  };
  interface["sandbox"] = world.pod().netns;
  CHECK(added.body.at("interfaces") == json::array({interface}));
  json ip{{"address", rail_address(1) + "/24"}, {"gateway", rail_gateway(1)}, {"interface", 0}};
  CHECK(added.body.at("ips") == json::array({ip}));
  CHECK(read_add_line(added).at("master") == name);
  const json journal = read_journal(kNic);
  CHECK(journal.at("master") == name);
  CHECK(journal.at("masterIndex") == read_link("", name).at("ifindex"));
  CHECK(journal.at("vlan").at("id") == vlan);
  CHECK(journal.at("vlan").at("master") == read_link("", rail_master(1)).at("ifindex"));
}

void check_rdma(VlanNode& world) {
  const bool is_exclusive = world.node().mode() == RdmaMode::exclusive;
  CHECK(snapshot_rdma("").contains("rxe1") == !is_exclusive);
  CHECK(exchange_verbs("ib_write_bw", {kGateways, far_device(1), rail_gateway(1)}, kNic.end()) ==
        "");
}

/// Asserts that CHECK finds this and nothing else.
void check_drift(VlanNode& world, const std::vector<std::string>& words) {
  const Answer answer = world.runtime().check(1);
  INFO(answer);
  CHECK(answer.code() == kCheckFailed);
  expect_words(answer.message(), words);
}

/// ADD of rail 1 that fails; nothing of it is left.
Answer refuse(VlanNode& world, const json& patch, int code, const std::vector<std::string>& words) {
  Answer answer = world.runtime().add(1, patch);
  INFO(answer);
  expect_error(answer, code);
  expect_words(answer.message(), words);
  CHECK(world.changes() == "");
  return answer;
}

Answer ask_status(const json& patch) {
  json config = rail_config(1);
  config["cniVersion"] = "1.1.0";
  config.merge_patch(patch);
  return run_plugin(
      {.verb = "STATUS", .container_id = "", .netns = "", .ifname = "", .config = config});
}

}  // namespace

TEST_CASE("a NIC on a VLAN has an address, a device and tagged frames", "[vlan]") {
  const auto [vlan, mode] = GENERATE(
      table<int, RdmaMode>({{kShortVlan, RdmaMode::shared}, {kLongVlan, RdmaMode::exclusive}}));
  VlanNode world(vlan, {"pod"}, 1, Overlay::calico, mode);
  const std::string name = vlan_name(1, vlan);
  INFO(name);
  CHECK(name.size() < 16);
  TagCapture rail(kGateways, rail_gateway_nic(1));
  Answer added = world.runtime().add(1, on_vlan(vlan));
  INFO(added);
  REQUIRE(added.ok());
  CHECK(list_vlans() == std::vector{name});
  check_vlan(name, rail_master(1), vlan);
  check_lower("pod", name);
  check_words(world, added, name, vlan);
  check_routing(world.pod(), wanted_nics({1}));
  check_gid(kNic, added);
  check_way("pod", rail_address(1));
  CHECK(rail.tags_from(read_link("pod", "net1").at("address")) == std::set{vlan});
  check_rdma(world);
  check_ok(world.runtime().check(1));
  check_ok(world.runtime().del(1));
  CHECK(world.changes() == "");
}

TEST_CASE("a VLAN that has been changed is found, one that is gone is missed", "[vlan]") {
  VlanNode world(kLongVlan, {"pod"});
  const std::string name = vlan_name(1, kLongVlan);
  world.add();
  ip_batch("",
           "link set " + name + " down\nlink set " + name + " name storage\nlink set storage up\n");
  check_ok(world.runtime().check(1));
  check_way("pod", rail_address(1));
  check_ok(world.runtime().del(1));
  CHECK(world.changes() == "");

  world.add();
  ip({"link", "del", name});
  check_drift(world, {"link: wanted a macvlan, found nothing"});
  check_ok(world.runtime().del(1));
  CHECK(world.changes() == "");

  // Another macvlan has taken its place.
  world.add();
  const std::string mac = read_link("pod", "net1").at("address");
  ip_batch("pod", "link del net1\n");
  ip_batch("", "link add link " + rail_master(1) + " name net1 address " + mac +
                   " netns pod type macvlan mode bridge\n");
  check_drift(world, {"link master"});
  check_ok(world.runtime().del(1));
  CHECK(world.changes() == "");
}

TEST_CASE("an ADD that fails leaves no VLAN", "[vlan]") {
  VlanNode world(kLongVlan, {"pod"}, 1, Overlay::calico);
  const std::string name = vlan_name(1, kLongVlan);
  const json probe = on_vlan(kLongVlan, kShortProbe);
  ip_batch(kGateways, "link set gw1.100 arp off\n");
  refuse(world, probe, kGatewayUnreachable, {rail_gateway(1), "master " + name, "2 ARP requests"});
  ip_batch(kGateways, "link set gw1.100 arp on\n");
  const FakeIpam ipam;
  ipam.fail("ADD", 11, "the store is away");
  Call call = add_call(world.runtime(), ipam);
  call.config["vlan"] = kLongVlan;
  CHECK(run_plugin(call).code() == 11);
  CHECK(world.changes() == "");
  // The gateway is on another VLAN, and there is none without.
  refuse(world, on_vlan(101, kShortProbe), kGatewayUnreachable, {vlan_name(1, 101)});
  refuse(world, kShortProbe, kGatewayUnreachable, {"master " + rail_master(1)});
  world.add();
  check_ok(world.runtime().del(1));
  CHECK(world.changes() == "");
}

TEST_CASE("a VLAN waits for its master", "[vlan]") {
  VlanNode world(kLongVlan, {"pod"});
  const std::string master = rail_master(1);
  ip({"link", "set", master, "down"});
  world.look();
  refuse(world, on_vlan(kLongVlan, kShortProbe), kGatewayUnreachable,
         {rail_gateway(1), "master " + vlan_name(1, kLongVlan), "no carrier", "is down"});
  CHECK(ask_status(on_vlan(kLongVlan)).code() == kUnavailable);

  // The master comes up while ADD waits for carrier.
  const json patient{{"gatewayProbe", {{"attempts", 10}, {"interval", "10s"}}}};
  json config = rail_config(1);
  config.merge_patch(on_vlan(kLongVlan, patient));
  Process add(make_command(world.runtime().call("ADD", "net1", config)));
  REQUIRE(eventually([] { return read_link("pod", "net1").is_object(); }));
  ip({"link", "set", master, "up"});
  const Answer added = make_answer(add.wait());
  INFO(added);
  REQUIRE(added.ok());
  check_vlan(vlan_name(1, kLongVlan), master, kLongVlan);
  check_way("pod", address_in(added.body));
  check_ok(ask_status(on_vlan(kLongVlan)));

  // Somebody has set ours down: an ADD would set it up.
  ip({"link", "set", vlan_name(1, kLongVlan), "down"});
  check_ok(ask_status(on_vlan(kLongVlan)));
  ip({"link", "set", master, "down"});
  CHECK(ask_status(on_vlan(kLongVlan)).code() == kUnavailable);
  ip({"link", "set", master, "up"});

  // Without carrier, the other end is down.
  check_ok(run_plugin(world.runtime().call("DEL", "net1", config)));
  ip_batch(kGateways, "link set gw1 down\n");
  world.look();
  refuse(world, on_vlan(kLongVlan, kShortProbe), kGatewayUnreachable,
         {"master " + vlan_name(1, kLongVlan), "no carrier"});
}

TEST_CASE("the MTU of a NIC is that of the VLAN below it at most", "[vlan]") {
  VlanNode world(kLongVlan, {"pod"});
  const std::string name = vlan_name(1, kLongVlan);
  refuse(world, on_vlan(kLongVlan, {{"mtu", 1501}}), kBadConfig, {"mtu 1501", "1500", name});
  world.add("pod", {{"mtu", 1400}});
  CHECK(read_link("pod", "net1").at("mtu") == 1400);
  CHECK(read_link("", name).at("mtu") == 1500);
  check_ok(world.runtime().check(1));
  check_ok(world.runtime().del(1));
  CHECK(world.changes() == "");

  ip_batch("", "link add link " + rail_master(1) +
                   " name narrow mtu 1400 type vlan id 100\n"
                   "link set narrow up\n");
  world.look();
  refuse(world, on_vlan(kLongVlan, {{"mtu", 1500}}), kBadConfig, {"mtu 1500", "1400", "narrow"});
  world.add();
  CHECK(read_link("pod", "net1").at("mtu") == 1400);
  check_ok(world.runtime().check(1));
  check_ok(world.runtime().del(1));
  CHECK(world.changes() == "");
}

TEST_CASE("a VLAN of a bond has the device below", "[vlan]") {
  const RdmaMode mode = GENERATE(RdmaMode::shared, RdmaMode::exclusive);
  VlanNode world(kShortVlan, {"pod"}, 2, Overlay::none, mode);
  RdmaNode::add_bond({1, 2});
  world.look();
  const Answer added = world.runtime().add(1, on_vlan(kShortVlan, {{"master", "bond0"}}));
  INFO(added);
  REQUIRE(added.ok());
  check_vlan("bond0.7", "bond0", kShortVlan);
  check_lower("pod", "bond0.7");
  check_gid(kNic, added);
  check_rdma(world);
  check_ok(world.runtime().check(1));
  check_ok(world.runtime().del(1));
  CHECK(world.changes() == "");
}

TEST_CASE("a VLAN of a VLAN is tagged twice", "[vlan]") {
  VlanNode world(kShortVlan, {"pod"});
  const std::string outer = vlan_name(1, kShortVlan);
  ip_batch("", "link add link " + rail_master(1) + " name " + outer + " type vlan id 7\nlink set " +
                   outer + " up\n");
  ip_batch(kGateways,
           "addr flush dev gw1.7 scope global\n"
           "link add link gw1.7 name gw1.7.100 type vlan id 100\n"
           "addr add " +
               rail_gateway(1) + "/24 dev gw1.7.100\nlink set gw1.7.100 up\n");
  world.look();
  const json patch = on_vlan(kLongVlan, {{"master", outer}});
  const Answer added = world.runtime().add(1, patch);
  INFO(added);
  REQUIRE(added.ok());
  const std::string inner = "mvr" + read_link("", outer).at("ifindex").dump() + ".100";
  check_vlan(inner, outer, kLongVlan);
  check_lower("pod", inner);
  check_gid(kNic, added);
  check_way("pod", rail_address(1));
  check_ok(world.runtime().check(1));
  check_ok(world.runtime().del(1));
  CHECK(world.changes() == "");
}

TEST_CASE("the node's addresses on a VLAN and below it are kept on the overlay NIC", "[vlan]") {
  VlanNode world(kShortVlan, {"pod"}, 1, Overlay::calico);
  const std::string name = vlan_name(1, kShortVlan);
  ip_batch("", "addr add 172.16.11.1/32 dev " + rail_master(1) + "\nlink add link " +
                   rail_master(1) + " name " + name + " type vlan id 7\nlink set " + name +
                   " up\naddr add 172.16.11.2/24 dev " + name + "\n");
  world.look();
  check_ok(ask_status(on_vlan(kShortVlan)));
  world.add();
  const Lines main = read_table("pod", "main");
  for (const char* address : {"172.16.11.1", "172.16.11.2", kNodeAddress}) {
    const std::string route =
        std::string(address) + " via 169.254.1.1 dev eth0 proto 216 src " + world.pod().address;
    INFO(route);
    CHECK(std::find(main.begin(), main.end(), route) != main.end());
  }
  check_ok(world.runtime().check(1));
  check_ok(world.runtime().del(1));
  CHECK(world.changes() == "");
  ip({"link", "set", name, "down"});
  const Answer down = ask_status(on_vlan(kShortVlan));
  CHECK(down.code() == kUnavailable);
  expect_words(down.message(), {name, "down"});
}
