// SPDX-License-Identifier: Apache-2.0
/// \file
/// The reference scenario in namespaces: a node with a management NIC and its rails, the rails'
/// gateways, what lies behind them, and pods with an overlay NIC.
///
///     outside ─ 10.1.0.1/16 ───── eno1 10.1.20.4/16 ┐
///                                                    node ─ overlay ─ eth0 of each pod
///     far ─ gateways ─ gw1 172.16.11.254/24 ─ enp11s0f0np0 ┘
///           192.168.100.0/24 between the two
#pragma once

#include <map>
#include <string>

#include "support/namespaces.hpp"

namespace mvr::test {

struct ScenarioOptions {
  int rails = 8;
  std::map<int, int> mtu = {};  ///< of single rails, where it is not 1500
  Host host = Host::fresh;
  bool has_ipv6 = false;  ///< see scenario_v6.hpp
};

/// Who made the pod's eth0.
enum class Overlay { none, calico, flannel, cilium };

/// What addresses the pod's eth0 has.
enum class Families { v4, dual, v6 };

struct Pod {
  std::string name = {};      ///< of its namespace, for ip -n
  std::string netns = {};     ///< path
  std::string address = {};   ///< eth0's; empty without overlay
  std::string next_hop = {};  ///< of eth0's default route
  std::string host_nic = {};  ///< the other end of eth0, in the node
  std::string address6 = {};  ///< eth0's; empty without IPv6
};

/// Names of the namespaces beside the node's own, which is "".
inline constexpr const char* kGateways = "gateways";
inline constexpr const char* kFar = "far";
inline constexpr const char* kOutside = "outside";

/// A host behind every rail's gateway, in `kFar`.
inline constexpr const char* kFarAddress = "192.168.100.2";

/// The node's management NIC.
inline constexpr const char* kNodeNic = "eno1";
inline constexpr const char* kNodeAddress = "10.1.20.4";

/// Rail n = 1 …: "enp11s0f0np0" …
std::string rail_master(int n);

/// The gateway's end of rail n, in `kGateways`: "gw1" …
std::string rail_gateway_nic(int n);

/// "172.16.11.254" for rail 1.
std::string rail_gateway(int n);

/// "172.16.11.HOST" for rail 1.
std::string rail_address(int n, int host = 10);

/// "172.16.11.0/24" for rail 1.
std::string rail_subnet(int n);

class Scenario {
 public:
  /// Isolates the process and builds everything but the pods.
  explicit Scenario(const ScenarioOptions& options = {});

  /// A network namespace with an overlay NIC as that CNI plugin leaves it. The first pod has the
  /// addresses of the reference scenario, later ones count up.
  /// IPv6 only in a scenario that has it, and only with Calico.
  Pod add_pod(const std::string& name, Overlay overlay = Overlay::calico,
              Families families = Families::v4);

  /// From now on the gateway of rail n answers no ARP, though its link stays up.
  static void silence_gateway(int n);
  static void wake_gateway(int n);

 private:
  int pods_ = 0;
};

}  // namespace mvr::test
