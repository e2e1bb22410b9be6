// SPDX-License-Identifier: Apache-2.0
/// \file
/// What the program prints: for people, as JUnit, and the list of points.
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

#include "expectations.hpp"
#include "point.hpp"
#include "suite.hpp"

namespace conformance {

struct Tried {
  Point point;
  Outcome outcome;
};

struct Style {
  bool has_colour = false;  ///< for a terminal
  bool is_verbose = false;  ///< shows each call
};

/// One line, and below it why a point failed and the call with which it did.
void print_outcome(std::ostream& out, const Tried& tried, const Expectations& expected,
                   const Style& style);

/// What differs from the expectations, and the closing line. True if nothing does: no failure that
/// is not expected, and no expected one that did not happen.
bool print_summary(std::ostream& out, const std::vector<Tried>& all, const Expectations& expected);

/// One test case for each point. Expected failures are failures here as well.
void write_junit(std::ostream& out, const std::string& plugin, const std::vector<Tried>& all);

/// The table of points, for a terminal or as Markdown.
void print_list(std::ostream& out, const Points& points);
void print_markdown(std::ostream& out, const Points& points);

}  // namespace conformance
