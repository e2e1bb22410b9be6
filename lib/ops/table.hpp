// SPDX-License-Identifier: Apache-2.0
/// \file
/// Aligned columns for people.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "ops/screen.hpp"

namespace mvr::ops {

struct Cell {
  std::string text;
  Colour colour = Colour::none;
};

class Table {
 public:
  explicit Table(std::vector<std::string> head) : head_(std::move(head)) {}

  /// \param row as many cells as the head has; an empty text is empty space
  void add(std::vector<Cell> row) { rows_.push_back(std::move(row)); }

  /// One line each, the head first. A column in which no row has anything is left out. What is too
  /// wide for the painter's lines becomes several tables, one below the other, each of which has
  /// the first column; the last column, which says how things are, comes second then.
  [[nodiscard]] std::string format(const Painter& painter, std::string_view indent) const;

 private:
  using Columns = std::vector<std::size_t>;

  [[nodiscard]] std::vector<std::size_t> measure() const;
  [[nodiscard]] static std::vector<Columns> divide(const std::vector<std::size_t>& widths,
                                                   std::size_t limit);
  [[nodiscard]] std::string format_part(const Columns& columns,
                                        const std::vector<std::size_t>& widths,
                                        const Painter& painter, std::string_view indent) const;

  std::vector<std::string> head_;
  std::vector<std::vector<Cell>> rows_;
};

}  // namespace mvr::ops
