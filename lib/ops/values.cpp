// SPDX-License-Identifier: Apache-2.0
#include "ops/values.hpp"

#include <nlohmann/json.hpp>

#include "cni/json.hpp"

namespace mvr::ops {

std::string text_of(const nlohmann::json* value) {
  const std::string* text = cni::as_string(value);
  return text != nullptr ? *text : std::string();
}

std::string escape_key(std::string_view key) {
  std::string text;
  for (const char c : key) {
    text += c == '~' ? "~0" : c == '/' ? "~1" : std::string(1, c);
  }
  return text;
}

}  // namespace mvr::ops
