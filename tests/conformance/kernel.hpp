// SPDX-License-Identifier: Apache-2.0
/// \file
/// What the kernel says, by the `ip` command: a reader that no plugin has a part in. A namespace is
/// given by the name that `ip netns` has for it; "" is our own, the host's.
#pragma once

#include <set>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace conformance {

using nlohmann::json;

/// Runs `ip ARGUMENTS` in a namespace. Throws std::runtime_error with its words if it fails.
std::string ip(const std::string& netns, std::vector<std::string> arguments);

/// The interface as `ip -json -details address show dev NAME` has it; null if there is none.
json find_link(const std::string& netns, const std::string& name);

/// What was configured on an interface, as "10.0.0.2/24": neither link-local addresses nor those
/// that the kernel made of a router's announcement.
std::set<std::string> addresses_of(const json& link);

/// A namespace's links, addresses, routes and rules, one a line, so that two moments can be
/// compared. What the kernel adds by itself and at its own pace is left out.
std::set<std::string> look_around(const std::string& netns);

/// Destinations of the routes that leave by an interface, from all tables, as "10.0.0.0/24" or
/// "default".
std::set<std::string> route_destinations(const std::string& netns, const std::string& device);

}  // namespace conformance
