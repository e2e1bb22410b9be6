// SPDX-License-Identifier: Apache-2.0
#include "expectations.hpp"

#include <algorithm>
#include <istream>
#include <sstream>
#include <stdexcept>
#include <string_view>

namespace conformance {

namespace {

std::string trimmed(const std::string& text) {
  const std::size_t first = text.find_first_not_of(" \t\r");
  const std::size_t last = text.find_last_not_of(" \t\r");
  return first == std::string::npos ? "" : text.substr(first, last - first + 1);
}

}  // namespace

Expectations read_expectations(std::istream& text, const Points& points) {
  Expectations expectations;
  int number = 0;
  for (std::string line; std::getline(text, line);) {
    ++number;
    const std::size_t hash = line.find('#');
    const std::string id = trimmed(line.substr(0, hash));
    const std::string reason = hash == std::string::npos ? "" : trimmed(line.substr(hash + 1));
    const auto fail = [&](std::string_view why) {
      std::ostringstream message;
      message << "line " << number << ": " << why << ": " << line;
      throw std::runtime_error(message.str());
    };
    if (id.empty()) {
      continue;
    }
    if (reason.empty()) {
      fail("no '# reason'");
    }
    if (std::ranges::find(points, id, &Point::id) == points.end()) {
      fail("there is no such point");
    }
    if (!expectations.emplace(id, reason).second) {
      fail("named twice");
    }
  }
  return expectations;
}

}  // namespace conformance
