// SPDX-License-Identifier: Apache-2.0
/// \file
/// One moment of the cluster, as reviews look things up in it.
#pragma once

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <vector>

#include "webhook/cluster.hpp"
#include "webhook/definition.hpp"
#include "webhook/shards.hpp"

namespace mvr::webhook {

/// Definitions of one value, in the order of the NICs.
using Group = std::vector<DefinitionPtr>;
using GroupPtr = std::shared_ptr<const Group>;

/// What a namespace asks for on behalf of its pods; either may be empty.
struct Space {
  std::string rdma;
  std::string network;

  bool operator==(const Space&) const = default;
};

struct View {
  std::array<bool, 3> is_listed = {};  ///< by Kind
  Shards<GroupPtr> rdma = {};          ///< by the value of kRdmaKey
  Shards<GroupPtr> network = {};       ///< by the value of kNetworkKey
  Shards<Space> spaces = {};           ///< all of them, by name

  [[nodiscard]] bool is_synced() const { return std::ranges::count(is_listed, false) == 0; }
};

}  // namespace mvr::webhook
