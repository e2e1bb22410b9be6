// SPDX-License-Identifier: Apache-2.0
/// \file
/// What is wrong with files that people write, and where.
#pragma once

#include <string>
#include <vector>

#include "ops/screen.hpp"

namespace mvr::ops {

enum class Severity { problem, warning };

struct Finding {
  Severity severity = Severity::problem;
  std::string file;
  int line = 0;        ///< from 1 on; 0 = the file as a whole
  std::string object;  ///< the network's name; may be empty
  std::string text;

  bool operator==(const Finding&) const = default;
};

struct Report {
  std::size_t files = 0;
  std::size_t networks = 0;  ///< configurations for this plugin
  std::vector<Finding> findings;

  [[nodiscard]] std::size_t count(Severity severity) const;
};

/// By file in the order of their first appearance, then by line; the same finding once.
void put_in_order(std::vector<Finding>& findings);

/// A line for each finding, and one that counts them.
std::string to_text(const Report& report, const Painter& painter);

/// The same for programs: one JSON object with a line end.
std::string to_json_text(const Report& report);

}  // namespace mvr::ops
