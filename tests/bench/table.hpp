// SPDX-License-Identifier: Apache-2.0
/// \file
/// Tables for people.
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace mvr::bench {

/// Rows below a head, in columns as wide as they need be; the first one to the left, figures to the
/// right, and a last column of words to the left again.
class Table {
 public:
  /// \param head titles with their units
  /// \param has_note the last column is words
  explicit Table(std::vector<std::string> head, bool has_note = false)
      : rows_{std::move(head)}, has_note_(has_note) {}

  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }

  /// Everything, each line with its end.
  [[nodiscard]] std::string text() const;

 private:
  std::vector<std::vector<std::string>> rows_;
  bool has_note_;
};

/// "12.35"; "-" of what is no number.
std::string show(const nlohmann::json& value, int digits = 2);

}  // namespace mvr::bench
