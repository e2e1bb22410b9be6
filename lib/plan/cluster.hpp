// SPDX-License-Identifier: Apache-2.0
/// \file
/// Which destinations belong to the cluster.
#pragma once

#include <vector>

#include "mvr/plan/facts.hpp"

namespace mvr::plan {

/// What the configuration keeps on the overlay NIC: services, pods, hijacked prefixes, the node's
/// addresses; each once.
std::vector<ip::Prefix> cluster_prefixes(const cni::NetConf& conf, const Facts& facts);

}  // namespace mvr::plan
