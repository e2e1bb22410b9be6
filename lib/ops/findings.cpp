// SPDX-License-Identifier: Apache-2.0
#include "ops/findings.hpp"

#include <algorithm>
#include <map>

#include <nlohmann/json.hpp>

#include "mvr/base/text.hpp"
#include "ops/write.hpp"

namespace mvr::ops {
namespace {

constexpr std::size_t kLongest = 4096;

std::string name_of(const Finding& finding) {
  const std::string line = finding.line > 0 ? ':' + std::to_string(finding.line) : "";
  return printable(finding.file, kLongest) + line + ": ";
}

std::string to_line(const Finding& finding, const Painter& painter) {
  const bool is_warning = finding.severity == Severity::warning;
  return painter.paint(Colour::strong, name_of(finding)) +
         (is_warning ? painter.paint(Colour::warning, "warning: ") : "") +
         (finding.object.empty() ? "" : printable(finding.object) + ": ") +
         make_line(finding.text) + '\n';
}

}  // namespace

std::size_t Report::count(Severity severity) const {
  return static_cast<std::size_t>(std::ranges::count(findings, severity, &Finding::severity));
}

void put_in_order(std::vector<Finding>& findings) {
  std::map<std::string, std::size_t> ranks;
  for (const Finding& finding : findings) {
    ranks.try_emplace(finding.file, ranks.size());
  }
  std::ranges::stable_sort(findings, [&](const Finding& a, const Finding& b) {
    return std::pair(ranks[a.file], a.line) < std::pair(ranks[b.file], b.line);
  });
  std::vector<Finding> kept;
  for (Finding& finding : findings) {
    const auto is_same = [&](const Finding& other) { return other == finding; };
    const auto begin = std::ranges::find_if(kept, [&](const Finding& other) {
      return other.file == finding.file && other.line == finding.line;
    });
    if (std::find_if(begin, kept.end(), is_same) == kept.end()) {
      kept.push_back(std::move(finding));
    }
  }
  findings = std::move(kept);
}

std::string to_text(const Report& report, const Painter& painter) {
  std::string text;
  for (const Finding& finding : report.findings) {
    text += to_line(finding, painter);
  }
  const std::size_t problems = report.count(Severity::problem);
  const std::size_t warnings = report.count(Severity::warning);
  text += count_of(report.files, "file") + ", " + count_of(report.networks, "network") + ": ";
  text += problems == 0 ? painter.paint(Colour::good, "no problems")
                        : painter.paint(Colour::bad, count_of(problems, "problem"));
  return text + (warnings == 0 ? "" : ", " + count_of(warnings, "warning")) + '\n';
}

std::string to_json_text(const Report& report) {
  using Json = nlohmann::json;
  Json findings = Json::array();
  for (const Finding& finding : report.findings) {
    findings.push_back({{"severity", finding.severity == Severity::problem ? "problem" : "warning"},
                        {"file", finding.file},
                        {"line", finding.line},
                        {"object", finding.object},
                        {"text", finding.text}});
  }
  const Json all{{"files", report.files},
                 {"networks", report.networks},
                 {"problems", report.count(Severity::problem)},
                 {"warnings", report.count(Severity::warning)},
                 {"findings", findings}};
  return write_json(all);
}

}  // namespace mvr::ops
