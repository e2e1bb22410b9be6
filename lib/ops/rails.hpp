// SPDX-License-Identifier: Apache-2.0
/// \file
/// Which of a node's NICs are rails, of which GPU, and what several nodes have in common.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "ops/topology.hpp"

namespace mvr::ops {

/// A NIC for pods. Rails are numbered from 1 on by their places in the list.
struct Rail {
  Nic nic;
  std::optional<std::size_t> gpu;  ///< index of the GPU whose NIC it is; nothing if it has none
  Distance distance = Distance::sys;

  bool operator==(const Rail&) const = default;
};

/// NICs that are no rails for the same reason.
struct LeftOut {
  std::string reason;
  std::vector<std::string> names;

  bool operator==(const LeftOut&) const = default;
};

struct NodeRails {
  std::string node;
  std::vector<PciDevice> gpus;
  std::vector<Rail> rails;  ///< in the order of their GPUs
  std::vector<LeftOut> left_out;
  std::vector<std::string> warnings;
  std::vector<std::string> names;  ///< of all its NICs
};

/// \param excluded names of NICs that somebody does not want as rails
NodeRails choose_rails(const Inventory& inventory, const std::set<std::string>& excluded);

/// The same rail of several nodes.
struct SharedRail {
  std::vector<std::string> masters;  ///< without repetitions, in the order of the nodes
  std::string model;                 ///< "cx7"; "rdma" if it is unknown or differs
};

struct Survey {
  std::vector<NodeRails> nodes;
  std::vector<SharedRail> rails;
  bool has_gpu_each = false;             ///< each rail has a GPU of its own, on each node
  std::vector<std::string> differences;  ///< between the nodes
};

/// Fails with Code::bad_config if one name stands for different rails: neither a list of masters
/// nor the device plugin could tell which one is meant. \param nodes one at least
Result<Survey> merge_nodes(std::vector<NodeRails> nodes);

/// "ConnectX-7"; else vendor and device.
std::string describe_model(const PciDevice& device);

}  // namespace mvr::ops
