// SPDX-License-Identifier: Apache-2.0
/// \file
/// Which definitions somebody means.
#pragma once

#include <string>
#include <string_view>

#include "webhook/view.hpp"

namespace mvr::webhook {

/// What a pod or its namespace asks for.
struct Wish {
  std::string_view key;  ///< kRdmaKey or kNetworkKey
  std::string value;
  std::string_view owner;  ///< "pod" or "namespace"
};

/// From where a pod looks for definitions.
struct Standpoint {
  std::string_view space;
  bool is_confined = false;  ///< to the definitions of that namespace
};

/// The definitions of the value, in the order of the NICs.
Group find_group(const View& view, const Standpoint& from, const Wish& wish);

/// Why there are none: what else there is. One line.
std::string explain_no_match(const View& view, const Standpoint& from, const Wish& wish);

}  // namespace mvr::webhook
