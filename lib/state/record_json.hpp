// SPDX-License-Identifier: Apache-2.0
/// \file
/// Reading a record's JSON, of which nothing is believed: numbers, texts and routes.
#pragma once

#include <concepts>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "mvr/net/types.hpp"

namespace mvr::state {

using Json = nlohmann::json;

/// The number, or nothing when it is none or the type cannot hold it.
template <std::integral T>
std::optional<T> to_number(const Json& json) {
  if (json.is_number_unsigned()) {
    const auto value = json.get<std::uint64_t>();
    return std::in_range<T>(value) ? std::optional(static_cast<T>(value)) : std::nullopt;
  }
  if (json.is_number_integer()) {
    const auto value = json.get<std::int64_t>();
    return std::in_range<T>(value) ? std::optional(static_cast<T>(value)) : std::nullopt;
  }
  return std::nullopt;
}

/// The field's value, or nothing when it is missing or of another type.
template <typename T>
std::optional<T> get(const Json& json, const char* key) {
  const auto field = json.find(key);
  if (field == json.end()) {
    return std::nullopt;
  }
  if constexpr (std::is_same_v<T, std::string>) {
    return field->is_string() ? std::optional(field->template get<T>()) : std::nullopt;
  } else if constexpr (std::is_same_v<T, bool>) {
    return field->is_boolean() ? std::optional(field->template get<T>()) : std::nullopt;
  } else {
    return to_number<T>(*field);
  }
}

/// A wrong or missing field leaves its default and clears `is_whole`.
template <typename T>
void read(const Json& json, const char* key, T& value, bool& is_whole) {
  const std::optional<T> found = get<T>(json, key);
  is_whole &= found.has_value();
  value = found.value_or(T{});
}

/// The same for a field that journals of before do not have: a pod's journal outlives the plugin
/// that wrote it.
template <typename T>
void read_if_there(const Json& json, const char* key, T& value, bool& is_whole) {
  if (json.contains(key)) {
    read(json, key, value, is_whole);
  }
}

Json format_routes(const std::vector<net::Route>& routes);

/// Nothing for what no `format_routes` wrote.
std::optional<std::vector<net::Route>> parse_routes(const Json& json);

}  // namespace mvr::state
