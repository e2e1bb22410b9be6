// SPDX-License-Identifier: Apache-2.0
/// \file
/// Masters that are no RoCE NIC themselves, and other ways to say which device is meant.
#include <filesystem>

#include "support/catch.hpp"
#include "support/namespaces.hpp"
#include "support/refusal.hpp"
#include "support/shell.hpp"
#include "vm/support/rdma_pod.hpp"

using namespace mvr::test;

namespace {

constexpr int kBusy = 106;
constexpr int kVlan = 7;

/// The NIC's name, its master and the address that it will have.
RdmaNic nic_named(const std::string& name, const std::string& address) {
  return {.pod = "pod", .name = name, .address = address};
}

/// On a VLAN of rail 1.
json vlan_config(const std::string& master) {
  json config = rail_config(1);
  config["name"] = "gpu1-vlan";
  config["master"] = master;
  json range = json::object();
  range["subnet"] = vlan_address(1, 0) + "/24";
  range["rangeStart"] = vlan_address(1, 10);
  range["gateway"] = vlan_address(1, 254);
  config["ipam"]["ranges"] = json::array({json::array({range})});
  return config;
}

VerbsEnd gateway_end(const std::string& address) {
  return {kGateways, far_device(1), address};
}

/// One program is enough where a device is tried once more. RDMA-CM is no use here: a bond's member
/// that is a backup has the same GIDs.
void check_write(const VerbsEnd& server, const VerbsEnd& client) {
  INFO(client.device << " in " << client.netns << " to " << server.address);
  REQUIRE(eventually([&] { return find_gid(server.netns, server.device, server.address); }));
  CHECK(exchange_verbs("ib_write_bw", server, client) == "");
}

/// Asserts where the device is while a NIC of the pod has it.
void check_place(const RdmaPod& world) {
  CHECK(snapshot_rdma("").contains("rxe1") == !world.is_exclusive());
  CHECK(snapshot_rdma("pod").contains("rxe1"));
}

/// ADD, traffic, CHECK and DEL of one NIC on a master.
void try_master(RdmaPod& world, const json& config, const RdmaNic& nic,
                const std::string& gateway) {
  INFO(config.at("master"));
  world.look();
  check_gid(nic, world.runtime.add(nic.name, config));
  check_place(world);
  check_write(gateway_end(gateway), nic.end());
  check_ok(world.runtime.check(nic.name));
  check_ok(world.runtime.del(nic.name));
  CHECK(world.changes() == "");
}

std::string add_vlan_on(const std::string& master) {
  const std::string name = master + "." + std::to_string(kVlan);
  ip_batch("", "link add link " + master + " name " + name + " type vlan id " +
                   std::to_string(kVlan) + "\nlink set " + name + " up\n");
  return name;
}

/// Of a device that has no RDMA, the machine's own bridge for example.
std::string any_pci_address() {
  const std::filesystem::directory_iterator devices("/sys/bus/pci/devices");
  REQUIRE(devices != std::filesystem::directory_iterator());
  return devices->path().filename();
}

json on_bond() {
  json config = rail_config(1);
  config["master"] = "bond0";
  return config;
}

/// ADD, CHECK and DEL of net1 with this patch, which leads to rail 1 and its device.
Answer try_patch(RdmaPod& world, const json& patch, const std::string& address) {
  INFO(patch);
  Answer added = world.runtime.add(1, patch);
  check_gid(nic_named("net1", address), added);
  CHECK(read_add_line(added).at("master") == rail_master(1));
  CHECK(read_link("pod", "net1").at("link_index") == read_link("", rail_master(1)).at("ifindex"));
  check_place(world);
  // Where the patch has the device's name, it leads to the master while the device is in the pod.
  check_ok(world.runtime.check(1));
  check_ok(world.runtime.del(1));
  CHECK(world.changes() == "");
  return added;
}

/// The device that was allotted is another one than the master's.
void check_allotted(RdmaPod& world) {
  const Answer added = world.runtime.add(1, {{"deviceID", any_pci_address()}});
  INFO(added);
  REQUIRE(added.ok());
  CHECK(read_add_line(added).count("rdma_device") == 0);
  CHECK(snapshot_rdma("").contains("rxe1"));
  check_ok(world.runtime.del(1));
}

}  // namespace

TEST_CASE("VLANs, bonds and VLANs on bonds have the device below", "[masters]") {
  RdmaPod world(GENERATE(RdmaMode::shared, RdmaMode::exclusive), {.rails = 2});
  const std::string vlan = RdmaNode::add_vlan(1, kVlan);
  try_master(world, vlan_config(vlan), nic_named("net1", vlan_address(1, 10)),
             vlan_address(1, 254));
  ip({"link", "del", vlan});
  RdmaNode::add_bond({1, 2});
  const std::string bond_vlan = add_vlan_on("bond0");
  try_master(world, vlan_config(bond_vlan), nic_named("net1", vlan_address(1, 11)),
             vlan_address(1, 254));
  // Two NICs with one device, which goes home with the last of them.
  world.look();
  const RdmaNic first = nic_named("net1", rail_address(1));
  const RdmaNic second = nic_named("net2", vlan_address(1, 12));
  check_gid(first, world.runtime.add("net1", on_bond()));
  check_gid(second, world.runtime.add("net2", vlan_config(bond_vlan)));
  check_write(gateway_end(rail_gateway(1)), first.end());
  check_ok(world.runtime.del("net1"));
  check_place(world);
  check_ok(world.runtime.check("net2"));
  check_ok(world.runtime.del("net2"));
  check_gid_gone(second);
  CHECK(world.changes() == "");
}

TEST_CASE("a device may be named as master, by rdma.device, not by a number", "[masters]") {
  RdmaPod world(GENERATE(RdmaMode::shared, RdmaMode::exclusive));
  const std::string mode = name_of(world.node.mode());
  try_patch(world, {{"master", "rxe1"}}, rail_address(1, 10));
  try_patch(world, {{"rdma", {{"device", "rxe1"}, {"mode", mode}}}}, rail_address(1, 11));
  const json number{{"deviceID", "3"}, {"logLevel", "debug"}};
  const Answer numbered = try_patch(world, number, rail_address(1, 12));
  CHECK(numbered.err.find("deviceID \\\"3\\\"") != std::string::npos);
  check_allotted(world);
  CHECK(world.changes() == "");
}

TEST_CASE("a master named by its device is found while a pod has that", "[masters]") {
  RdmaPod world(RdmaMode::exclusive);
  const json by_device{{"master", "rxe1"}};
  check_gid(rail_nic(world.pod, 1), world.runtime.add(1, by_device));
  Runtime other(world.node.add_pod("other", Overlay::none), "another-container");
  const Answer refused = other.add(1, by_device);
  INFO(refused);
  expect_error(refused, kBusy);
  expect_words(refused.message(), {"rxe1", rail_master(1), "training/pod"});
  remove_netns("other");
  check_ok(world.runtime.del(1));
  CHECK(world.changes() == "");
}
