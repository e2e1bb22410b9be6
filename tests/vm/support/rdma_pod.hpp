// SPDX-License-Identifier: Apache-2.0
/// \file
/// A pod on a node with RDMA, and what others say of its NICs' devices and GIDs, against which the
/// plugin's own words are held.
#pragma once

#include <string>
#include <vector>

#include "support/link_wanted.hpp"
#include "support/log_lines.hpp"
#include "vm/support/rdma_node.hpp"
#include "vm/support/rdma_state.hpp"
#include "vm/support/verbs_traffic.hpp"

namespace mvr::test {

/// `rdma ARGUMENTS` in a namespace ("" = ours), as an operator would; fails the test if it fails.
void change_rdma(const std::string& netns, std::vector<std::string> arguments);

/// The devices that a namespace sees, each with its netdev.
json snapshot_rdma(const std::string& netns);

/// A node with RDMA and one pod, as they were before anything was added.
struct RdmaPod {
  explicit RdmaPod(RdmaMode mode, const ScenarioOptions& options = {.rails = 1},
                   Overlay overlay = Overlay::calico);

  /// The world becomes what `changes` compares with.
  void look();

  /// What is not as it was: links, routing, leases, journals, RDMA devices.
  [[nodiscard]] std::string changes() const;

  [[nodiscard]] bool is_exclusive() const { return node.mode() == RdmaMode::exclusive; }

  RdmaNode node;
  Pod pod;
  Runtime runtime;
  json before;
};

/// A NIC as the test expects it.
struct RdmaNic {
  std::string pod = {};  ///< name of its namespace
  std::string name = "net1";
  std::string device = "rxe1";
  std::string address = rail_address(1);

  [[nodiscard]] VerbsEnd end() const { return {pod, device, address}; }
};

/// "net2" of rail 2 with the address that host-local gives first.
RdmaNic rail_nic(const Pod& pod, int n);

/// The NIC's journal; fails the test without one.
json read_journal(const RdmaNic& nic);

/// The line that an ADD has at its end.
LogLine read_add_line(const Answer& answer);

/// The warnings among the lines.
std::vector<std::string> read_warnings(const Answer& answer);

/// Asserts that ADD succeeded without a warning, and that sysfs, libibverbs, its log line and its
/// journal name the same entry of the GID table for the NIC's address.
void check_gid(const RdmaNic& nic, const Answer& added);

/// Asserts that the address' entry leaves the table of a device that is on the node.
void check_gid_gone(const RdmaNic& nic);

/// Asserts that all three programs work between these ends.
void check_traffic(const std::vector<VerbsPair>& pairs);

}  // namespace mvr::test
