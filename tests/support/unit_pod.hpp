// SPDX-License-Identifier: Apache-2.0
/// \file
/// A node with rails, pods as the overlay networks leave them, and configurations for the planner.
#pragma once

#include <string>
#include <vector>

#include "mvr/cni/netconf.hpp"
#include "mvr/plan/desired.hpp"
#include "mvr/state/attachment.hpp"
#include "support/fake_world.hpp"
#include "support/print.hpp"

namespace mvr::test {

ip::Address addr(const std::string& text);
ip::Prefix prefix(const std::string& text);
ip::Mac mac(const std::string& text);

/// The overlay NIC's index in every pod here, and that of the NIC in calls of `plan_nic`.
inline constexpr net::IfIndex kEth0{3};
inline constexpr net::IfIndex kNet1{1001};

/// An Ethernet interface that is up.
net::Link ethernet(int index, const std::string& name, std::uint32_t mtu = 1500);

/// A macvlan of ours.
net::Link our_macvlan(int index, const std::string& name);

net::IfAddress address_of(net::IfIndex nic, const std::string& text);

/// A route of somebody else (protocol boot) in main; `gateway` may be empty.
net::Route foreign_route(const std::string& dst, const std::string& gateway, net::IfIndex nic);

/// Rules of somebody else, and of ours.
net::Rule rule_of(std::uint8_t protocol, const std::string& from, const std::string& oif,
                  std::uint32_t table, std::uint32_t priority);

/// The node 10.1.20.4 with its default route by bond0 and the masters enp11s0f0np0 and
/// enp12s0f0np0, and a pod of Calico: 10.233.119.164/32, everything by 169.254.1.1.
World calico_world();

/// The same node with a pod of no overlay network.
World plain_world();

/// The pod's part of a world, as it is observed.
plan::PodState pod_of(const World& world);

/// What ADD would find in this world for an interface; the node's address is 10.1.20.4.
plan::Facts facts_of(const World& world, const std::string& ifname = "net1");

/// Rail 1's configuration: master enp11s0f0np0, IPAM host-local, the cluster's CIDRs.
cni::NetConf rail_conf();

/// What rail 1's IPAM gives: 172.16.11.10/24 with the gateway 172.16.11.254.
cni::AddResult rail_lease();

state::Attachment rail_attachment(const std::string& ifname = "net1");

/// The place of net1 in a pod with an overlay NIC.
plan::Place rail_place();

/// Routes and rules in iproute2's words, for an index that the pod of `facts` knows or kNet1.
std::vector<std::string> texts(const std::vector<net::Route>& routes, const plan::Facts& facts);
std::vector<std::string> texts(const std::vector<net::Rule>& rules);

/// True if the text has each of the parts.
bool has_all(const std::string& text, const std::vector<std::string>& parts);

/// The error of something that must fail.
template <typename T>
Error refused(const Result<T>& result) {
  REQUIRE_FALSE(result);
  return result.error();
}

}  // namespace mvr::test
