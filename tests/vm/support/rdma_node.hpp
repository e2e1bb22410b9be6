// SPDX-License-Identifier: Apache-2.0
/// \file
/// The reference scenario with RDMA: every rail has a device at either end, and peers at the far
/// end to talk to. The node is the virtual machine itself, since RDMA devices appear there.
///
///     pod ─ macvlan ─ enp11s0f0np0 (rxe1) ─── gw1 (far1), 172.16.11.254 ─ macvlan ─ peer
#pragma once

#include <string>
#include <vector>

#include "support/scenario.hpp"
#include "vm/support/machine.hpp"

namespace mvr::test {

/// The RDMA device of rail n's master, in the node: "rxe1" …
std::string rail_device(int n);

/// The one at the gateway's end: "far1" …
std::string far_device(int n);

/// A host on a rail.
struct Peer {
  std::string netns = {};  ///< name
  std::string nic = {};
  std::string address = {};
  std::string device = {};  ///< the RDMA device to use
};

/// Clears the machine before and after a case, also where it fails, and requires at its end that
/// the kernel has not complained.
class RdmaNode {
 public:
  explicit RdmaNode(RdmaMode mode, ScenarioOptions options = {.rails = 2});
  RdmaNode(const RdmaNode&) = delete;
  RdmaNode& operator=(const RdmaNode&) = delete;
  ~RdmaNode();

  [[nodiscard]] RdmaMode mode() const { return mode_; }
  Pod add_pod(const std::string& name, Overlay overlay = Overlay::calico);

  /// A namespace of this name with a macvlan "net1" at the far end of rail n. In exclusive mode it
  /// takes the far device, so a rail has one such peer then.
  Peer add_peer(const std::string& name, int n, int host = 100);

  /// The VLAN of rail n's master, and at the far end its counterpart with the gateway's address.
  /// \return the name of the former, as "enp11s0f0np0.7"
  static std::string add_vlan(int n, int vlan);

  /// An active-backup bond named bond0 over the masters of these rails; the first is active.
  static std::string add_bond(const std::vector<int>& rails);

 private:
  RdmaMode mode_;
  KernelLog log_;
  Scenario scenario_;
};

/// "172.17.11.HOST" for the VLAN of rail 1.
std::string vlan_address(int n, int host);

}  // namespace mvr::test
