// SPDX-License-Identifier: Apache-2.0
#include "report.hpp"

#include <algorithm>
#include <iomanip>
#include <ostream>
#include <sstream>

namespace conformance {

namespace {

constexpr int kIdWidth = 24;
constexpr int kLevelWidth = 8;
constexpr int kVersionsWidth = 13;

std::string_view mark(State state) {
  switch (state) {
    case State::passed:
      return "✓";
    case State::failed:
      return "✗";
    case State::skipped:
      break;
  }
  return "-";
}

std::string_view colour(State state) {
  switch (state) {
    case State::passed:
      return "\x1b[32m";
    case State::failed:
      return "\x1b[31m";
    case State::skipped:
      break;
  }
  return "\x1b[2m";
}

std::string indented(const std::string& text) {
  std::istringstream lines(text);
  std::string result;
  for (std::string line; std::getline(lines, line);) {
    result += "    " + line + "\n";
  }
  return result;
}

std::ptrdiff_t count(const std::vector<Tried>& all, State state) {
  return std::ranges::count_if(all,
                               [&](const Tried& tried) { return tried.outcome.state == state; });
}

/// For text and attributes in XML; characters that XML cannot have become '?'.
std::string xml(const std::string& text) {
  std::string result;
  for (const char letter : text) {
    switch (letter) {
      case '&':
        result += "&amp;";
        break;
      case '<':
        result += "&lt;";
        break;
      case '>':
        result += "&gt;";
        break;
      case '"':
        result += "&quot;";
        break;
      default:
        result += static_cast<unsigned char>(letter) < 0x20 && letter != '\n' ? '?' : letter;
    }
  }
  return result;
}

void write_case(std::ostream& out, const std::string& plugin, const Tried& tried) {
  const Outcome& outcome = tried.outcome;
  out << "  <testcase classname=\"" << xml(plugin) << "\" name=\"" << tried.point.id << "\" time=\""
      << std::chrono::duration<double>(outcome.time).count() << "\">";
  if (outcome.state == State::skipped) {
    out << "<skipped message=\"" << xml(outcome.expected) << "\"/>";
  } else if (outcome.state == State::failed) {
    out << "<failure message=\"" << xml("expected " + outcome.expected) << "\">"
        << xml(outcome.version + ": found " + outcome.found + "\n");
    for (const std::string& call : outcome.calls) {
      out << xml(call);
    }
    out << "</failure>";
  }
  out << "</testcase>\n";
}

}  // namespace

void print_outcome(std::ostream& out, const Tried& tried, const Expectations& expected,
                   const Style& style) {
  const auto& [point, outcome] = tried;
  out << (style.has_colour ? colour(outcome.state) : "") << mark(outcome.state)
      << (style.has_colour ? "\x1b[0m " : " ") << std::left << std::setw(kIdWidth) << point.id
      << ' ' << std::setw(kLevelWidth) << to_text(point.level) << point.statement;
  if (outcome.state == State::skipped) {
    out << " (" << outcome.expected << ')';
  }
  out << '\n';
  if (outcome.state == State::failed) {
    const auto reason = expected.find(std::string(point.id));
    if (reason != expected.end()) {
      out << indented("known: " + reason->second);
    }
    out << indented("in " + outcome.version + ": expected " + outcome.expected + "\n" +
                    "found: " + outcome.found);
  }
  const bool is_news = outcome.state == State::failed && !expected.contains(std::string(point.id));
  if (style.is_verbose) {
    for (const std::string& call : outcome.calls) {
      out << indented(call);
    }
  } else if (is_news && !outcome.calls.empty()) {
    out << indented(outcome.calls.back());
  }
  out << std::flush;
}

bool print_summary(std::ostream& out, const std::vector<Tried>& all, const Expectations& expected) {
  bool is_as_expected = true;
  for (const auto& [point, outcome] : all) {
    const bool has_failed = outcome.state == State::failed;
    const bool is_expected = expected.contains(std::string(point.id));
    is_as_expected = is_as_expected && has_failed == is_expected;
    if (has_failed && !is_expected && !expected.empty()) {
      out << "not expected to fail: " << point.id << '\n';
    } else if (!has_failed && is_expected) {
      out << "expected to fail, but " << (outcome.state == State::passed ? "passed: " : "skipped: ")
          << point.id << '\n';
    }
  }
  if (is_as_expected && count(all, State::failed) > 0) {
    out << "all failures are known\n";
  }
  out << count(all, State::passed) << " passed, " << count(all, State::failed) << " failed, "
      << count(all, State::skipped) << " skipped\n";
  return is_as_expected;
}

void write_junit(std::ostream& out, const std::string& plugin, const std::vector<Tried>& all) {
  out << "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"cni-conformance\" tests=\""
      << all.size() << "\" failures=\"" << count(all, State::failed) << "\" skipped=\""
      << count(all, State::skipped) << "\">\n";
  for (const Tried& tried : all) {
    write_case(out, plugin, tried);
  }
  out << "</testsuite>\n";
}

void print_list(std::ostream& out, const Points& points) {
  for (const Point& point : points) {
    // setw counts bytes, and the dash between versions has three.
    const std::string versions = to_text(point.versions);
    const int width = kVersionsWidth + (versions.size() > 5 ? 2 : 0);
    out << std::left << std::setw(kIdWidth) << point.id << ' ' << std::setw(kLevelWidth)
        << to_text(point.level) << std::setw(width) << versions << point.statement << " ["
        << point.source << "]\n";
  }
}

void print_markdown(std::ostream& out, const Points& points) {
  out << "| point | level | versions | statement | source |\n|---|---|---|---|---|\n";
  for (const Point& point : points) {
    out << "| `" << point.id << "` | " << to_text(point.level) << " | " << to_text(point.versions)
        << " | " << point.statement << " | " << point.source << " |\n";
  }
}

}  // namespace conformance
