// SPDX-License-Identifier: Apache-2.0
/// \file
/// The order in which people count names: enp2s0 before enp10s0.
#pragma once

#include <compare>
#include <string_view>

namespace mvr::webhook {

/// Runs of digits compare as numbers of any length, all other bytes as they are. Texts that are the
/// same but for leading zeros have the order of their bytes, so that only equal texts are equal.
std::strong_ordering natural_compare(std::string_view left, std::string_view right);

struct NaturalLess {
  bool operator()(std::string_view left, std::string_view right) const {
    return natural_compare(left, right) < 0;
  }
};

}  // namespace mvr::webhook
