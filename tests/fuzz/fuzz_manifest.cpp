// SPDX-License-Identifier: Apache-2.0
// Files with networks: YAML or JSON, what validate finds in them and what migrate makes of them.
#include <algorithm>
#include <string>

#include "fuzz.hpp"
#include "ops/document.hpp"
#include "ops/migrate.hpp"
#include "ops/validate.hpp"
#include "ops/write.hpp"

using mvr::fuzz::require;
namespace ops = mvr::ops;

namespace {

/// What is written is read as the same.
void check_writers(const nlohmann::json& value) {
  const auto read = ops::parse_documents(ops::write_yaml(value));
  require(read && read->size() == 1 && read->front().value == value);
  require(nlohmann::json::parse(ops::write_json(value)) == value);
}

void check_finding(const ops::Finding& finding, std::ptrdiff_t lines) {
  require(!finding.text.empty());
  require(finding.line >= 0 && finding.line <= lines);
}

void check_report(const ops::InputFile& file, std::ptrdiff_t lines) {
  const ops::Report report = ops::validate({file}, file);
  std::ranges::for_each(report.findings, [&](const auto& one) { check_finding(one, lines); });
  const std::string text = ops::to_text(report, ops::Painter(false));
  require(std::ranges::count(text, '\n') ==
          static_cast<std::ptrdiff_t>(report.findings.size()) + 1);
  require(std::ranges::none_of(text, [](char c) {
    return c != '\n' && (static_cast<unsigned char>(c) < 0x20 || c == 0x7f);
  }));
  require(nlohmann::json::parse(ops::to_json_text(report)).is_object());
}

void check_migration(const ops::InputFile& file, std::ptrdiff_t lines) {
  const ops::Migration migration = ops::migrate_file(file);
  for (const auto* findings : {&migration.problems, &migration.changes, &migration.losses}) {
    std::ranges::for_each(*findings, [&](const auto& one) { check_finding(one, lines); });
  }
  require(!migration.text.empty() || !migration.problems.empty());
  if (migration.problems.empty()) {
    const ops::Migration again = ops::migrate_file({"again", migration.text});
    require(again.text == migration.text && again.problems.empty());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ops::InputFile file{"file", std::string(mvr::fuzz::text_of(data, size))};
  if (const auto documents = ops::parse_documents(file.text)) {
    for (const ops::Document& document : *documents) {
      check_writers(document.value);
    }
  }
  // An error at the end of the text is in the line behind the last one. YAML has more line ends.
  const auto lines = static_cast<std::ptrdiff_t>(size) + 2;
  check_report(file, lines);
  check_migration(file, lines);
  return 0;
}
