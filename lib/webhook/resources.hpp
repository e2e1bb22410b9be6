// SPDX-License-Identifier: Apache-2.0
/// \file
/// The resources of RDMA devices in the containers of a pod.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "mvr/base/error.hpp"
#include "webhook/patch.hpp"

namespace mvr::webhook {

/// How many of each resource, in the order of the networks.
using Quantities = std::vector<std::pair<std::string, int>>;

/// Which containers get resources, by their place in the pod: the one with the name, else every one
/// that asks for a GPU, else the first. Fails if none has the name.
/// \param wanted the name; empty = none is named
Result<std::vector<std::size_t>> choose_containers(const nlohmann::json& pod,
                                                   std::string_view wanted,
                                                   const std::vector<std::string>& gpu_resources);

/// Adds to limits and requests of the chosen containers what they do not ask for yet. Of a resource
/// that other containers ask for, and none of the chosen, nobody gets more: somebody has seen to
/// it. \return the names of the containers that get something
std::vector<std::string> add_resources(const nlohmann::json& pod,
                                       const std::vector<std::size_t>& chosen,
                                       const Quantities& quantities, Patch& patch);

}  // namespace mvr::webhook
