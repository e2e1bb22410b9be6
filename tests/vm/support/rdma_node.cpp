// SPDX-License-Identifier: Apache-2.0
#include "vm/support/rdma_node.hpp"

#include "mvr/base/text.hpp"
#include "support/catch.hpp"
#include "support/namespaces.hpp"
#include "support/shell.hpp"

namespace mvr::test {

namespace {

/// Runs `rdma ARGUMENTS` in a namespace and fails the test if it fails.
void rdma(const std::string& netns, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "rdma");
  const Output output = run({.argv = arguments, .netns = netns_path(netns)});
  if (output.status != 0) {
    FAIL(join(arguments, " ") << ": " << output.err);
  }
}

/// The machine as a new one, in this mode. Runs before anything else of the node is made.
RdmaMode prepare_machine(RdmaMode mode) {
  require_vm();
  clear_machine();
  set_rdma_mode(mode);
  return mode;
}

/// In exclusive mode a device appears in the machine's namespace, wherever its netdev is.
void add_devices(int n, RdmaMode mode) {
  rdma("", {"link", "add", rail_device(n), "type", "rxe", "netdev", rail_master(n)});
  rdma(kGateways, {"link", "add", far_device(n), "type", "rxe", "netdev", rail_gateway_nic(n)});
  if (mode == RdmaMode::exclusive) {
    rdma("", {"dev", "set", far_device(n), "netns", kGateways});
  }
}

ScenarioOptions on_machine(ScenarioOptions options) {
  options.host = Host::machine;
  return options;
}

}  // namespace

std::string rail_device(int n) {
  return "rxe" + std::to_string(n);
}

std::string far_device(int n) {
  return "far" + std::to_string(n);
}

std::string vlan_address(int n, int host) {
  return "172.17." + std::to_string(10 + n) + "." + std::to_string(host);
}

RdmaNode::RdmaNode(RdmaMode mode, ScenarioOptions options)
    : mode_(prepare_machine(mode)), scenario_(on_machine(options)) {
  for (int n = 1; n <= options.rails; ++n) {
    add_devices(n, mode);
  }
}

RdmaNode::~RdmaNode() {
  try {
    clear_machine();
    CHECK(log_.complaints() == "");
  } catch (...) {
    // Catch2 has noted the failure before it threw, and nothing may leave a destructor.
  }
}

Pod RdmaNode::add_pod(const std::string& name, Overlay overlay) {
  return scenario_.add_pod(name, overlay);
}

Peer RdmaNode::add_peer(const std::string& name, int n, int host) {
  const std::string address = rail_address(n, host);
  add_netns(name);
  ip_batch(kGateways, "link add link " + rail_gateway_nic(n) + " name net1 netns " + name +
                          " type macvlan mode bridge\n");
  ip_batch(name, "addr add " + address + "/24 dev net1\nlink set net1 up\n");
  if (mode_ == RdmaMode::exclusive) {
    rdma(kGateways, {"dev", "set", far_device(n), "netns", name});
  }
  return {.netns = name, .nic = "net1", .address = address, .device = far_device(n)};
}

std::string RdmaNode::add_vlan(int n, int vlan) {
  const std::string id = std::to_string(vlan);
  const std::string name = rail_master(n) + "." + id;
  const std::string far = rail_gateway_nic(n) + "." + id;
  ip_batch("", "link add link " + rail_master(n) + " name " + name + " type vlan id " + id +
                   "\nlink set " + name + " up\n");
  ip_batch(kGateways, "link add link " + rail_gateway_nic(n) + " name " + far + " type vlan id " +
                          id + "\naddr add " + vlan_address(n, 254) + "/24 dev " + far +
                          "\nlink set " + far + " up\n");
  return name;
}

std::string RdmaNode::add_bond(const std::vector<int>& rails) {
  std::string lines = "link add bond0 type bond mode active-backup miimon 100\n";
  for (const int n : rails) {
    lines += "link set " + rail_master(n) + " down\nlink set " + rail_master(n) + " master bond0\n";
  }
  ip_batch("", lines + "link set bond0 up\n");
  return "bond0";
}

}  // namespace mvr::test
