// SPDX-License-Identifier: Apache-2.0
/// \file
/// How near devices are to each other on the PCIe tree, and who belongs to whom.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "ops/inventory.hpp"

namespace mvr::ops {

/// In the words of `nvidia-smi topo -m`, nearest first.
/// \source nvidia-smi(1), topo; nvml.h, nvmlGpuTopologyLevel_t
enum class Distance {
  pix,   ///< behind one PCIe switch at most
  pxb,   ///< by several PCIe switches, and not by the processor
  phb,   ///< by the processor's host bridge
  node,  ///< by two host bridges of one NUMA node
  sys,   ///< by the link between NUMA nodes
};

/// "PIX"
std::string_view to_string(Distance distance);

/// "behind the same PCIe switch"
std::string_view explain(Distance distance);

Distance distance_between(const PciDevice& one, const PciDevice& other);

/// Gives each row a column of its own, or each column a row, so that as few pairs as possible have
/// the largest distance, then the next; of equal ones the pairs that keep the order of both. Always
/// the same answer for the same question.
/// \return for each row its column
std::vector<std::optional<std::size_t>> assign(const std::vector<std::vector<Distance>>& distances);

}  // namespace mvr::ops
