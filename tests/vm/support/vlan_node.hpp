// SPDX-License-Identifier: Apache-2.0
/// \file
/// A rail whose gateway is in a VLAN, pods that call for it, and the VLANs of the node as others
/// see them.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "mvr/base/fd.hpp"
#include "support/plugin.hpp"
#include "support/shell.hpp"
#include "vm/support/rdma_node.hpp"

namespace mvr::test {

/// With it the VLAN has the name of rail 1's master, in 14 characters.
inline constexpr int kShortVlan = 7;

/// With this one the name would have 16, one more than the kernel takes.
inline constexpr int kLongVlan = 100;

/// "mvr11.100", or "enp11s0f0np0.7": what the plugin calls a VLAN of rail n's master.
std::string vlan_name(int n, int vlan);

/// The patch that puts rail n's NIC on a VLAN.
json on_vlan(int vlan, const json& patch = json::object());

/// A node with RDMA and pods. Each rail's gateway is to be reached by the rail's VLAN alone.
class VlanNode {
 public:
  VlanNode(int vlan, const std::vector<std::string>& pods, int rails = 1,
           Overlay overlay = Overlay::none, RdmaMode mode = RdmaMode::shared);

  [[nodiscard]] RdmaNode& node() { return node_; }
  [[nodiscard]] const Pod& pod(const std::string& name = "pod") const { return pods_.at(name); }
  [[nodiscard]] Runtime& runtime(const std::string& name = "pod") { return runtimes_.at(name); }

  /// ADD of rail 1 as net1 on the VLAN, in the pod of this name; returns the result, or fails the
  /// test.
  json add(const std::string& pod = "pod", const json& patch = json::object());

  /// The namespace loses its path, and is no more of interest.
  void remove_pod(const std::string& name);

  /// The world as it is now becomes what `changes` compares with.
  void look();

  /// What is not as it was, when the kernel has had the time to end what was removed; a line each.
  [[nodiscard]] std::string changes() const;

 private:
  [[nodiscard]] json take_snapshot() const;

  int vlan_;
  RdmaNode node_;
  std::map<std::string, Pod> pods_ = {};
  std::map<std::string, Runtime> runtimes_ = {};
  json before_ = {};
};

/// The VLAN devices of the node, sorted by name.
std::vector<std::string> list_vlans();

/// The first address of a result, without its length.
std::string address_in(const json& result);

/// Asserts that a UDP packet gets from a pod's address to rail 1's gateway and back.
void check_way(const std::string& pod, const std::string& address);

/// The VLAN tags of frames, recorded as they come in over an interface.
class TagCapture {
 public:
  TagCapture(const std::string& netns, const std::string& nic);

  /// The numbers in the frames of this source address so far; 0 for those without a tag.
  std::set<int> tags_from(const std::string& mac);

 private:
  struct Tagged {
    std::string source;
    int tag = 0;
  };

  void read_all();

  Fd socket_;
  std::vector<Tagged> frames_ = {};
};

}  // namespace mvr::test
