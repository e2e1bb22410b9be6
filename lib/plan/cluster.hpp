// SPDX-License-Identifier: Apache-2.0
/// \file
/// What the files of this part share: which destinations belong to the cluster, which tables are
/// whose.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "mvr/plan/facts.hpp"

namespace mvr::plan {

/// What the configuration keeps on the overlay NIC: services, pods, hijacked prefixes, the node's
/// addresses; each once.
std::vector<ip::Prefix> cluster_prefixes(const cni::NetConf& conf, const Facts& facts);

/// 0 and 253 to 255, which the kernel gives a meaning.
bool is_reserved(std::uint32_t table);

/// The NIC of ours whose `oif` rule leads to the table, if that NIC exists; else "".
std::string find_nic_of_table(const PodState& pod, std::uint32_t table);

}  // namespace mvr::plan
