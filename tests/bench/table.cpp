// SPDX-License-Identifier: Apache-2.0
#include "bench/table.hpp"

#include <algorithm>
#include <iomanip>
#include <sstream>

namespace mvr::bench {

namespace {

/// In characters: of the bytes of UTF-8, those that do not begin one are left out.
std::size_t width_of(const std::string& text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char byte) { return (byte & '\xc0') != '\x80'; }));
}

}  // namespace

std::string Table::text() const {
  std::vector<std::size_t> widths(rows_.front().size());
  for (const auto& row : rows_) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], width_of(row[i]));
    }
  }
  std::string text;
  for (const auto& row : rows_) {
    std::string line = " ";
    for (std::size_t i = 0; i < row.size(); ++i) {
      const bool is_words = i == 0 || (has_note_ && i + 1 == widths.size());
      const std::string fill(widths[i] - width_of(row[i]), ' ');
      line += (i == 0 ? " " : "  ") + (is_words ? row[i] + fill : fill + row[i]);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + '\n';
  }
  return text;
}

std::string show(const nlohmann::json& value, int digits) {
  if (!value.is_number()) {
    return "-";
  }
  std::ostringstream text;
  text << std::fixed << std::setprecision(digits) << value.get<double>();
  return text.str();
}

}  // namespace mvr::bench
