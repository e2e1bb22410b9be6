// SPDX-License-Identifier: Apache-2.0
#include "support/go_json.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <string_view>
#include <vector>

#include "mvr/base/text.hpp"

namespace mvr::test {

namespace {

using nlohmann::json;

/// The shortest digits that mean the same, with an exponent only for what is very large or small.
std::string number_text(double value) {
  const double size = std::abs(value);
  const bool is_plain = size == 0 || (size >= 1e-6 && size < 1e21);
  const auto format = is_plain ? std::chars_format::fixed : std::chars_format::scientific;
  std::array<char, 64> buffer;
  const auto end = std::to_chars(buffer.begin(), buffer.end(), value, format).ptr;
  std::string text(buffer.begin(), end);
  // C++ gives the exponent two digits at least.
  if (const auto zero = text.find("e-0"); zero != std::string::npos) {
    text.erase(zero + 2, 1);
  }
  return text;
}

std::string string_text(const json& value) {
  std::string escaped;
  for (const char c : value.dump()) {
    switch (c) {
      case '<':
        escaped += "\\u003c";
        break;
      case '>':
        escaped += "\\u003e";
        break;
      case '&':
        escaped += "\\u0026";
        break;
      default:
        escaped += c;
    }
  }
  return escaped;
}

}  // namespace

std::string go_json(const json& value) {
  std::vector<std::string> parts;
  if (value.is_object()) {
    for (const auto& [key, entry] : value.items()) {
      parts.push_back(string_text(key) + ":" + go_json(entry));
    }
    return "{" + join(parts, ",") + "}";
  }
  if (value.is_array()) {
    for (const json& entry : value) {
      parts.push_back(go_json(entry));
    }
    return "[" + join(parts, ",") + "]";
  }
  if (value.is_number()) {
    return number_text(value.get<double>());
  }
  return value.is_string() ? string_text(value) : value.dump();
}

}  // namespace mvr::test
