// SPDX-License-Identifier: Apache-2.0
/// \file
/// What the cases of peers' tests have in common: all CNI versions, and IPAM results to order.
#pragma once

#include <array>
#include <string>

#include "support/plugin.hpp"
#include "support/routing_lines.hpp"

namespace mvr::test {

inline constexpr std::array kCniVersions{"0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"};

/// True when a version of the list above is at least the other one.
bool is_at_least(const std::string& version, const std::string& least);

/// True when a pod's link, as `read_link` returns it, lies on this interface of the node.
bool lies_on(const json& link, const std::string& master);

/// An address that IPAM answers with.
json make_ip(const std::string& address_with_length, const std::string& gateway = "");

/// An IPAM result of these addresses and routes.
json make_result(const json& ips, const json& routes = json::array());

/// One of the lines is this one.
bool has_line(const Lines& lines, const std::string& wanted);

}  // namespace mvr::test
