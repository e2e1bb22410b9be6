// SPDX-License-Identifier: Apache-2.0
#include "webhook/patch.hpp"

#include <cstdint>

namespace mvr::webhook {

std::string make_pointer(std::initializer_list<std::string_view> members) {
  std::string pointer;
  for (const std::string_view member : members) {
    pointer += '/';
    for (const char c : member) {
      if (c == '~' || c == '/') {
        pointer += c == '~' ? "~0" : "~1";
      } else {
        pointer += c;
      }
    }
  }
  return pointer;
}

std::string to_document(const Patch& patch) {
  auto document = nlohmann::ordered_json::array();
  for (const Addition& addition : patch) {
    document.push_back({{"op", "add"}, {"path", addition.path}, {"value", addition.value}});
  }
  return document.dump(-1, ' ', /*ensure_ascii=*/false,
                       nlohmann::ordered_json::error_handler_t::replace);
}

std::string to_base64(std::string_view bytes) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t left = bytes.size() - i;
    std::uint32_t group = 0;
    for (std::size_t k = 0; k < 3; ++k) {
      group = group << 8U | (k < left ? static_cast<std::uint8_t>(bytes[i + k]) : 0U);
    }
    for (std::size_t k = 0; k < 4; ++k) {
      text += k <= left ? kDigits[group >> (18U - 6U * k) & 0x3fU] : '=';
    }
  }
  return text;
}

}  // namespace mvr::webhook
