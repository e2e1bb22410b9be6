// SPDX-License-Identifier: Apache-2.0
/// \file
/// A configuration with `hostRuleTable`, and what it makes on the node.
#pragma once

#include "support/routing_lines.hpp"
#include "support/routing_world.hpp"

namespace mvr::test {

inline constexpr unsigned kTable = 500;
inline const json kPatch{{"hostRuleTable", kTable}};
inline const std::string kNode;  // the name of its namespace

inline const Lines kOurRule{"1000: from all lookup 500 ours"};

inline json with_table(json config) {
  config["hostRuleTable"] = kTable;
  return config;
}

/// The node's route to an address of rail n.
inline std::string node_route(const Pod& pod, int n, int host = 10) {
  return rail_address(n, host) + " via " + pod.address + " dev " + pod.host_nic +
         " src 10.1.20.4 ours";
}

}  // namespace mvr::test
