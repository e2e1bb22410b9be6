// SPDX-License-Identifier: Apache-2.0
/// \file
/// All that the plugin may change, as one value: "nothing is left" is one comparison.
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace mvr::test {

/// Links, addresses, routes of all tables, rules, permanent neighbours and sysctls of one namespace
/// ("" = the node's). Left out is what changes by itself: other neighbours, counters, carrier,
/// lifetimes, and the kernel's own IPv6 link-local addresses and routes.
nlohmann::json snapshot(const std::string& netns);

/// The files below a directory and what is in them; empty when there is no such directory.
nlohmann::json snapshot_files(const std::string& dir);

/// The addresses that host-local has leased, as "NETWORK/ADDRESS". Its other files stay for ever.
nlohmann::json snapshot_leases();

/// The node, these namespaces, the state directory and the leases.
nlohmann::json snapshot_world(const std::vector<std::string>& netns);

/// Empty when the two are equal; else a line for each thing that appeared, vanished or changed.
std::string difference(const nlohmann::json& before, const nlohmann::json& after);

}  // namespace mvr::test
