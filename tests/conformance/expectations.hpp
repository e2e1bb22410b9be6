// SPDX-License-Identifier: Apache-2.0
/// \file
/// Points that a plugin is known to fail, with the reasons.
#pragma once

#include <iosfwd>
#include <map>
#include <string>

#include "point.hpp"

namespace conformance {

/// Reason by ID.
using Expectations = std::map<std::string, std::string>;

/// Reads lines "id  # reason"; blank lines and those that begin with '#' are comments. Throws
/// std::runtime_error with the line for one that has no reason or names no point.
Expectations read_expectations(std::istream& text, const Points& points);

}  // namespace conformance
