// SPDX-License-Identifier: Apache-2.0
#include "mvr/net/vlan.hpp"

#include "mvr/base/fd.hpp"
#include "mvr/base/text.hpp"

namespace mvr::net {
namespace {

std::string_view strip(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t");
  const std::size_t last = text.find_last_not_of(" \t");
  return first == std::string_view::npos ? "" : text.substr(first, last - first + 1);
}

}  // namespace

std::vector<std::string> parse_vlans(std::string_view text, std::uint16_t id) {
  std::vector<std::string> names;
  for (const std::string_view line : split(text, '\n')) {
    // "ens1f0.100     | 100  | ens1f0". A bar may be part of a name.
    const std::size_t second = line.rfind(" | ");
    const std::size_t first = line.substr(0, second).rfind("| ");
    if (second == std::string_view::npos || first == std::string_view::npos) {
      continue;
    }
    if (parse_number<std::uint16_t>(strip(line.substr(first + 1, second - first - 1))) == id) {
      names.emplace_back(strip(line.substr(0, first)));
    }
  }
  return names;
}

std::vector<std::string> list_vlans(std::uint16_t id) {
  constexpr std::size_t kLimit = 16UL * 1024 * 1024;
  const Result<std::string> text = read_file("/proc/self/net/vlan/config", kLimit);
  return text ? parse_vlans(*text, id) : std::vector<std::string>();
}

}  // namespace mvr::net
