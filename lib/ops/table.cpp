// SPDX-License-Identifier: Apache-2.0
#include "ops/table.hpp"

#include <algorithm>
#include <numeric>

namespace mvr::ops {
namespace {

constexpr std::string_view kGap = "  ";

/// Blanks are not painted: they end a line invisibly.
std::string format_row(const std::vector<Cell>& row, const std::vector<std::size_t>& columns,
                       const std::vector<std::size_t>& widths, const Painter& painter,
                       std::string_view indent) {
  std::string line(indent);
  std::size_t blanks = 0;
  for (const std::size_t i : columns) {
    if (!row[i].text.empty()) {
      line.append(blanks, ' ').append(painter.paint(row[i].colour, row[i].text));
      blanks = 0;
    }
    blanks += widths[i] - width_of(row[i].text) + kGap.size();
  }
  return line + '\n';
}

/// What the columns take beside each other.
std::size_t sum_of(const std::vector<std::size_t>& columns,
                   const std::vector<std::size_t>& widths) {
  std::size_t sum = 0;
  for (const std::size_t i : columns) {
    sum += (sum == 0 ? 0 : kGap.size()) + widths[i];
  }
  return sum;
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

/// In one part if that fits.
std::vector<Table::Columns> Table::divide(const std::vector<std::size_t>& widths,
                                          std::size_t limit) {
  Columns all(widths.size());
  std::iota(all.begin(), all.end(), 0);
  std::erase_if(all, [&](std::size_t i) { return widths[i] == 0; });
  if (all.size() <= 2 || sum_of(all, widths) <= limit) {
    return {all};
  }
  std::rotate(all.begin() + 1, all.end() - 1, all.end());
  std::vector<Columns> parts{{all.front()}};
  for (std::size_t i = 1; i < all.size(); ++i) {
    Columns wider = parts.back();
    wider.push_back(all[i]);
    if (wider.size() > 2 && sum_of(wider, widths) > limit) {
      wider = {all.front(), all[i]};
      parts.push_back(wider);
    }
    parts.back() = std::move(wider);
  }
  return parts;
}

/// Without the rows that have nothing there.
std::string Table::format_part(const Columns& columns, const std::vector<std::size_t>& widths,
                               const Painter& painter, std::string_view indent) const {
  std::vector<Cell> head;
  for (const std::string& title : head_) {
    head.push_back({title, Colour::faint});
  }
  std::string text = format_row(head, columns, widths, painter, indent);
  for (const auto& row : rows_) {
    if (std::ranges::any_of(columns, [&](std::size_t i) { return !row[i].text.empty(); })) {
      text += format_row(row, columns, widths, painter, indent);
    }
  }
  return text;
}

std::string Table::format(const Painter& painter, std::string_view indent) const {
  const std::vector<std::size_t> widths = measure();
  const std::size_t width = painter.width();
  const std::size_t limit = width > indent.size() ? width - indent.size() : SIZE_MAX;
  std::string text;
  for (const Columns& columns : divide(widths, limit)) {
    text += (text.empty() ? "" : "\n") + format_part(columns, widths, painter, indent);
  }
  return text;
}

}  // namespace mvr::ops
