// SPDX-License-Identifier: Apache-2.0
#include "webhook/settings.hpp"

#include <algorithm>
#include <array>

namespace mvr::webhook {
namespace {

/// By their number.
constexpr std::array<std::string_view, 3> kChoices{"merge", "refuse", "keep"};

bool has(const std::vector<std::string>& names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

}  // namespace

bool Settings::covers(std::string_view space) const {
  return !has(namespace_exclude, space) &&
         (namespace_include.empty() || has(namespace_include, space));
}

std::optional<OnConflict> parse_on_conflict(std::string_view text) {
  const auto* const found = std::ranges::find(kChoices, text);
  return found == kChoices.end() ? std::nullopt
                                 : std::optional(static_cast<OnConflict>(found - kChoices.begin()));
}

std::string_view to_text(OnConflict choice) {
  return kChoices.at(static_cast<std::size_t>(choice));
}

}  // namespace mvr::webhook
