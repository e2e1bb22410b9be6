// SPDX-License-Identifier: Apache-2.0
#include "webhook/message.hpp"

#include <algorithm>

#include "mvr/base/text.hpp"

namespace mvr::webhook {

std::string show_annotation(std::string_view key, std::string_view value) {
  return std::string(key) + ": " + show_value(value);
}

std::string show_value(std::string_view value) {
  constexpr std::size_t kLongest = 100;
  return '"' + printable(value, kLongest) + '"';
}

std::string shorten(std::string text, std::size_t limit) {
  constexpr std::string_view kEllipsis = "…";
  if (text.size() <= limit) {
    return text;
  }
  std::size_t end = limit - kEllipsis.size();
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0U) == 0x80) {
    --end;
  }
  text.resize(end);
  return text += kEllipsis;
}

std::string list_some(std::vector<std::string> names, std::size_t most) {
  const std::size_t count = names.size();
  names.resize(std::min(count, most));
  const std::string text = join(names, ", ");
  return count > most ? text + " and " + std::to_string(count - most) + " more" : text;
}

std::string count_networks(std::size_t count) {
  return std::to_string(count) + (count == 1 ? " network" : " networks");
}

}  // namespace mvr::webhook
