// SPDX-License-Identifier: Apache-2.0
/// \file
/// What the tier stands on: RDMA devices that behave as a RoCE NIC's, without the plugin.
#include <sys/mount.h>

#include <algorithm>
#include <filesystem>

#include "support/catch.hpp"
#include "support/namespaces.hpp"
#include "support/shell.hpp"
#include "vm/support/rdma_node.hpp"
#include "vm/support/rdma_state.hpp"
#include "vm/support/verbs_traffic.hpp"

using namespace mvr::test;

namespace {

using Names = std::vector<std::string>;

/// `rdma dev set` takes names only, so the node needs one.
constexpr const char* kNode = "node";

void name_node() {
  put_file(netns_path(kNode), "");
  REQUIRE(mount("/proc/self/ns/net", netns_path(kNode).c_str(), nullptr, MS_BIND, nullptr) == 0);
}

/// A macvlan of rail n in the pod, as the plugin would make it.
VerbsEnd add_nic(const Pod& pod, int n) {
  ip_batch("", "link add link " + rail_master(n) + " name net1 netns " + pod.name +
                   " type macvlan mode bridge\n");
  ip_batch(pod.name, "addr add " + rail_address(n) + "/24 dev net1\nlink set net1 up\n");
  return {.netns = pod.name, .device = rail_device(n), .address = rail_address(n)};
}

VerbsEnd end_of(const Peer& peer) {
  return {.netns = peer.netns, .device = peer.device, .address = peer.address};
}

void move_device(const std::string& device, const std::string& from, const std::string& to) {
  const Output output =
      run({.argv = {"rdma", "dev", "set", device, "netns", to}, .netns = netns_path(from)});
  INFO(output.err);
  REQUIRE(output.status == 0);
}

void check_traffic(const VerbsEnd& server, const VerbsEnd& client) {
  REQUIRE(eventually([&] { return find_gid(client.netns, client.device, client.address); }));
  REQUIRE(eventually([&] { return find_gid(server.netns, server.device, server.address); }));
  CHECK(exchange_verbs("ib_write_bw", server, client) == "");
  CHECK(exchange_verbs("ib_read_lat", client, server) == "");
  CHECK(exchange_rping(server, client) == "");
}

}  // namespace

TEST_CASE("the machine has RDMA and a place for everything", "[smoke]") {
  require_vm();
  clear_machine();
  CHECK(std::filesystem::is_character_file("/dev/infiniband/rdma_cm"));
  CHECK(std::filesystem::exists("/sys/fs/cgroup/cgroup.controllers"));
  for (const char* kind : {"bond", "dummy", "veth"}) {
    INFO(kind);
    ip({"link", "add", "x0", "type", kind});
    ip({"link", "del", "x0"});
  }
  CHECK(ip_json("", {"link", "show"}).size() == 1);
}

TEST_CASE("the mode switches both ways, though namespaces were there a moment ago", "[smoke]") {
  const RdmaMode mode = GENERATE(RdmaMode::exclusive, RdmaMode::shared, RdmaMode::exclusive);
  const RdmaNode node(mode);
  CHECK(read_rdma_mode() == mode);
}

TEST_CASE("the kernel's complaints are seen", "[smoke]") {
  require_vm();
  const KernelLog log;
  put_file("/dev/kmsg", "<4>nothing of interest\n");
  CHECK(log.complaints() == "");
  put_file("/dev/kmsg", "<4>unregister_netdevice: waiting for net1 to become free\n");
  CHECK(log.complaints() == "unregister_netdevice: waiting for net1 to become free\n");
  CHECK(KernelLog().complaints() == "");
}

TEST_CASE("each rail has a device whose netdev is the master", "[smoke]") {
  const RdmaNode node(GENERATE(RdmaMode::shared, RdmaMode::exclusive));
  CHECK(read_rdma_netdev("", rail_device(1)) == rail_master(1));
  CHECK(read_rdma_netdev("", rail_device(2)) == rail_master(2));
  CHECK(read_rdma_netdev(kGateways, far_device(1)) == rail_gateway_nic(1));
  const Names all{"far1", "far2", "rxe1", "rxe2"};
  const bool is_shared = node.mode() == RdmaMode::shared;
  CHECK(read_rdma_devices("") == (is_shared ? all : Names{"rxe1", "rxe2"}));
  CHECK(read_rdma_devices(kGateways) == (is_shared ? all : Names{"far1", "far2"}));
  CHECK(std::filesystem::is_character_file("/dev/infiniband/uverbs0"));
}

TEST_CASE("a device moves into a namespace, back, and back by itself", "[smoke]") {
  RdmaNode node(RdmaMode::exclusive, {.rails = 1});
  node.add_pod("pod", Overlay::none);
  name_node();
  move_device("rxe1", "", "pod");
  CHECK(read_rdma_devices("").empty());
  CHECK(read_rdma_devices("pod") == Names{"rxe1"});
  CHECK(read_gids("", "rxe1").empty());
  move_device("rxe1", "pod", kNode);
  CHECK(read_rdma_devices("") == Names{"rxe1"});
  move_device("rxe1", "", "pod");
  remove_netns("pod");
  CHECK(eventually([] { return read_rdma_devices("") == Names{"rxe1"}; }));
}

TEST_CASE("two readers agree about a macvlan's GIDs", "[smoke]") {
  RdmaNode node(RdmaMode::shared, {.rails = 1});
  const VerbsEnd nic = add_nic(node.add_pod("pod", Overlay::none), 1);
  REQUIRE(eventually([&nic] { return find_gid("", "rxe1", nic.address); }));
  const auto index = find_gid("pod", "rxe1", nic.address);
  const auto entries = query_gids("pod", "rxe1");
  const auto found = std::find_if(entries.begin(), entries.end(), [&index](const json& entry) {
    return entry.at("index") == *index;
  });
  REQUIRE(found != entries.end());
  CHECK(found->at("gid") == "::ffff:172.16.11.10");
  CHECK(found->at("type") == "RoCE v2");
  CHECK(found->at("ndev_index") == ip_json("pod", {"link", "show", "net1"}).at(0).at("ifindex"));
}

TEST_CASE("pods talk by the masters' devices in shared mode", "[smoke]") {
  RdmaNode node(RdmaMode::shared, {.rails = 1});
  const VerbsEnd nic = add_nic(node.add_pod("pod"), 1);
  check_traffic(end_of(node.add_peer("peer", 1)), nic);
}

TEST_CASE("pods talk by their own devices in exclusive mode", "[smoke]") {
  RdmaNode node(RdmaMode::exclusive, {.rails = 1});
  const VerbsEnd nic = add_nic(node.add_pod("pod"), 1);
  const Peer peer = node.add_peer("peer", 1);
  move_device("rxe1", "", "pod");
  check_traffic(end_of(peer), nic);
  name_node();
  move_device("rxe1", "pod", kNode);
  CHECK(read_rdma_devices("") == Names{"rxe1"});
}

TEST_CASE("a VLAN's and a bond's macvlans have GIDs of the device below", "[smoke]") {
  RdmaNode node(RdmaMode::shared, {.rails = 2});
  node.add_pod("pod", Overlay::none);
  const bool is_vlan = GENERATE(true, false);
  const std::string master = is_vlan ? RdmaNode::add_vlan(1, 7) : RdmaNode::add_bond({1, 2});
  const std::string address = is_vlan ? vlan_address(1, 10) : rail_address(1);
  ip_batch("", "link add link " + master + " name net1 netns pod type macvlan mode bridge\n");
  ip_batch("pod", "addr add " + address + "/24 dev net1\nlink set net1 up\n");
  CHECK(eventually([&address] { return find_gid("pod", "rxe1", address); }));
  const VerbsEnd gateway{.netns = kGateways,
                         .device = far_device(1),
                         .address = is_vlan ? vlan_address(1, 254) : rail_gateway(1)};
  CHECK(exchange_verbs("ib_write_bw", gateway,
                       {.netns = "pod", .device = "rxe1", .address = address}) == "");
}
