// SPDX-License-Identifier: Apache-2.0
/// \file
/// Small text helpers that the standard library lacks.
#pragma once

#include <charconv>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace mvr {

/// The pieces between separators; "a::b" has three, "" has one empty piece.
std::vector<std::string_view> split(std::string_view text, char separator);

/// "a, b, c"
std::string join(const std::vector<std::string>& parts, std::string_view separator);

/// Lower case of ASCII letters; other bytes stay.
std::string to_lower(std::string_view text);
char to_lower(char c);

/// Text that is safe on one line of a log or a terminal: quotes and backslashes escaped, control
/// characters and what is no UTF-8 as \xNN, at most `limit` bytes of input (then "…").
std::string printable(std::string_view text, std::size_t limit = 256);

/// The same as a JSON string with its quotes; what is no UTF-8 becomes U+FFFD.
std::string json_string(std::string_view text, std::size_t limit = 256);

/// The known word that somebody most likely meant: at most two letters are others, missing or too
/// many. Empty if there is none.
std::string_view find_similar(std::string_view word, std::span<const std::string_view> known);

/// Lower-case hexadecimal, two digits a byte.
std::string to_hex(const std::uint8_t* bytes, std::size_t count);

/// The whole text as a number, nothing before or after it.
template <typename Integer>
std::optional<Integer> parse_number(std::string_view text, int base = 10) {
  Integer value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc{} || end != text.data() + text.size()) {
    return std::nullopt;
  }
  return value;
}

}  // namespace mvr
