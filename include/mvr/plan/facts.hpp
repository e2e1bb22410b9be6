// SPDX-License-Identifier: Apache-2.0
/// \file
/// What a plan is made from: the master and the pod as they are. Reads only.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "mvr/cni/netconf.hpp"
#include "mvr/plan/kernel.hpp"

namespace mvr::plan {

/// A pod's objects in one moment.
struct PodState {
  std::vector<net::Link> links;
  std::vector<net::IfAddress> addresses;
  std::vector<net::Route> routes;  ///< of all tables but local
  std::vector<net::Rule> rules;

  [[nodiscard]] const net::Link* find_link(const std::string& name) const;
  [[nodiscard]] const net::Link* find_link(net::IfIndex index) const;

  /// The link's name, or "" if it is gone.
  [[nodiscard]] std::string name_of(net::IfIndex index) const;
};

Result<PodState> observe_pod(Kernel& kernel);

/// The pod's interface that another CNI plugin made for the cluster's own traffic.
struct Overlay {
  net::Link link;
  std::vector<net::IfAddress> addresses;  ///< global ones, tentative ones as well
  /// The link-local address at the other end of its veth, on the node; looked for only where no
  /// IPv6 default route names a gateway.
  std::optional<ip::Address> peer = {};
};

/// How the node reaches an address of the overlay NIC.
struct NodePath {
  net::IfIndex nic = net::IfIndex::none;  ///< of the node
  ip::Address overlay;
  std::optional<ip::Address> source;  ///< the node's own address
};

struct Facts {
  Where master_in = Where::host;
  net::Link master;                         ///< or its VLAN, which may have no index yet
  std::vector<ip::Address> host_addresses;  ///< the node's, to be kept on the overlay NIC
  PodState pod;
  std::optional<Overlay> overlay;
  /// For each family that the overlay NIC has, or why there is none (Code::routing); looked for
  /// only with `hostRuleTable`.
  std::map<ip::Family, Result<NodePath>> node_paths;
  bool has_other_nics = false;  ///< other interfaces of ours in the pod
  bool has_ipv6 = true;         ///< the kernel
};

/// Everything an ADD or CHECK must know. Fails with Code::master_unusable if none of the masters
/// exists or the one that does cannot carry a macvlan.
Result<Facts> observe(Kernel& kernel, const cni::NetConf& conf, const std::string& ifname);

/// What the macvlan is to lie on: the master that the configuration means, or the VLAN of it, which
/// has no index (IfIndex::none) if it is not there yet. Checked for what makes it unusable.
/// Errors: Code::master_unusable; it names the candidates and why each is not it.
Result<net::Link> find_master(Kernel& kernel, const cni::NetConf& conf);

/// The interface of a namespace's default route of this family.
Result<std::optional<net::IfIndex>> find_default_interface(Kernel& kernel, Where where,
                                                           ip::Family family = ip::Family::v4);

/// The overlay NIC: `podDefaultCniNic` if the pod has it, else the owner of main's default route;
/// never `ifname` or another NIC of ours.
std::optional<Overlay> find_overlay(const PodState& pod, const std::string& wanted,
                                    const std::string& ifname);

}  // namespace mvr::plan
