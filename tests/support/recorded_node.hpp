// SPDX-License-Identifier: Apache-2.0
/// \file
/// A node's files below a temporary directory, for what is read and not asked of the kernel.
#pragma once

#include <string>
#include <vector>

#include "ops/doctor.hpp"
#include "support/unit_dir.hpp"

namespace mvr::test {

class RecordedNode {
 public:
  RecordedNode();

  /// Writes a file of the node, and its directories. \param path as on the node, from "/" on
  void put(const std::string& path, const std::string& text = "", unsigned mode = 0644) const;

  void remove(const std::string& path) const;

  /// All that a node with two rails needs, masters enp11s0f0np0 and enp12s0f0np0.
  void make_ready() const;

  [[nodiscard]] const ops::System& system() const { return system_; }
  [[nodiscard]] ops::System& system() { return system_; }

 private:
  ScratchDir dir_;
  ops::System system_;
};

/// "fail RDMA enp11s0f0np0: there is no device … | load the driver …"
std::vector<std::string> lines_of(const ops::Diagnoses& all);

}  // namespace mvr::test
