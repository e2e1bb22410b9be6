// SPDX-License-Identifier: Apache-2.0
#include "ops/table.hpp"

#include <algorithm>

namespace mvr::ops {
namespace {

constexpr std::string_view kGap = "  ";

/// Blanks are not painted: they end a line invisibly.
std::string format_row(const std::vector<Cell>& row, const std::vector<std::size_t>& widths,
                       const Painter& painter, std::string_view indent) {
  std::string line(indent);
  std::size_t blanks = 0;
  for (std::size_t i = 0; i < row.size(); ++i) {
    if (widths[i] == 0) {
      continue;
    }
    if (!row[i].text.empty()) {
      line.append(blanks, ' ').append(painter.paint(row[i].colour, row[i].text));
      blanks = 0;
    }
    blanks += widths[i] - width_of(row[i].text) + kGap.size();
  }
  return line + '\n';
}

}  // namespace

/// 0 for a column that is left out.
std::vector<std::size_t> Table::measure() const {
  std::vector<std::size_t> widths;
  for (std::size_t i = 0; i < head_.size(); ++i) {
    std::size_t width = 0;
    for (const auto& row : rows_) {
      width = std::max(width, width_of(row[i].text));
    }
    widths.push_back(width == 0 ? 0 : std::max(width, width_of(head_[i])));
  }
  return widths;
}

std::string Table::format(const Painter& painter, std::string_view indent) const {
  const std::vector<std::size_t> widths = measure();
  std::vector<Cell> head;
  for (const std::string& title : head_) {
    head.push_back({title, Colour::faint});
  }
  std::string text = format_row(head, widths, painter, indent);
  for (const auto& row : rows_) {
    text += format_row(row, widths, painter, indent);
  }
  return text;
}

}  // namespace mvr::ops
