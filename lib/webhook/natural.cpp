// SPDX-License-Identifier: Apache-2.0
#include "webhook/natural.hpp"

#include <algorithm>

namespace mvr::webhook {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool begins_with_digit(std::string_view text) {
  return !text.empty() && is_digit(text.front());
}

/// Takes the number that the text begins with, without its leading zeros.
std::string_view take_number(std::string_view& text) {
  const auto length =
      static_cast<std::size_t>(std::ranges::find_if_not(text, is_digit) - text.begin());
  std::string_view digits = text.substr(0, length);
  text.remove_prefix(length);
  digits.remove_prefix(std::min(digits.find_first_not_of('0'), digits.size()));
  return digits;
}

std::strong_ordering compare_first(std::string_view& left, std::string_view& right) {
  if (begins_with_digit(left) && begins_with_digit(right)) {
    const std::string_view a = take_number(left);
    const std::string_view b = take_number(right);
    return a.size() != b.size() ? a.size() <=> b.size() : a.compare(b) <=> 0;
  }
  const auto a = static_cast<unsigned char>(left.front());
  const auto b = static_cast<unsigned char>(right.front());
  left.remove_prefix(1);
  right.remove_prefix(1);
  return a <=> b;
}

}  // namespace

std::strong_ordering natural_compare(std::string_view left, std::string_view right) {
  std::string_view rest_left = left;
  std::string_view rest_right = right;
  while (!rest_left.empty() && !rest_right.empty()) {
    if (const auto order = compare_first(rest_left, rest_right); order != 0) {
      return order;
    }
  }
  if (rest_left.empty() != rest_right.empty()) {
    return rest_left.size() <=> rest_right.size();
  }
  return left.compare(right) <=> 0;
}

}  // namespace mvr::webhook
