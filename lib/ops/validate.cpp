// SPDX-License-Identifier: Apache-2.0
// `validate`: everything that is wrong with files, before anybody uses them.
#include "ops/validate.hpp"

#include <algorithm>
#include <array>
#include <limits>

#include "ops/commands.hpp"
#include "ops/input.hpp"

namespace mvr::ops {
namespace {

/// One that cannot be read is a finding as well.
std::vector<InputFile> read_files(const std::vector<std::string>& names,
                                  std::vector<Finding>& findings) {
  std::vector<InputFile> files;
  for (const std::string& name : names) {
    const std::string shown = name == "-" ? "standard input" : name;
    auto text = read_input(name);
    if (text) {
      files.push_back({shown, *std::move(text)});
    } else {
      findings.push_back({Severity::problem, shown, 0, "", without_name(text.error())});
    }
  }
  return files;
}

/// Of files that hold networks and others some may hold the others only; but somebody who has
/// nothing judged at all is to know that.
void check_any(const std::vector<InputFile>& files, const std::vector<Manifest>& manifests,
               std::vector<Finding>& findings) {
  const auto has_something = [](const Manifest& manifest) {
    return manifest.is_empty || !manifest.networks.empty() || !manifest.definitions.empty();
  };
  if (std::ranges::any_of(manifests, has_something)) {
    return;
  }
  for (const InputFile& file : files) {
    const bool is_told = std::ranges::any_of(findings, [&](const Finding& finding) {
      return finding.file == file.name && finding.severity == Severity::problem;
    });
    if (!is_told) {
      findings.push_back({Severity::problem, file.name, 0, "",
                          "holds no network: neither a " + std::string(kNetworkKind) +
                              " nor a configuration of type " + kOurType});
    }
  }
}

int run(const Arguments& arguments) {
  std::vector<Finding> unread;
  const std::vector<InputFile> files = read_files(arguments.operands, unread);
  std::optional<InputFile> defaults;
  if (const auto name = arguments.value("defaults")) {
    auto read = read_files({*name}, unread);
    defaults = read.empty() ? std::nullopt : std::optional(std::move(read.front()));
  }
  Report report = validate(files, defaults);
  report.files = arguments.operands.size();
  report.findings.insert(report.findings.begin(), unread.begin(), unread.end());
  const bool is_printed =
      print_out(arguments.has("json") ? to_json_text(report) : to_text(report, Painter()));
  const bool is_well =
      report.count(Severity::problem) == 0 && (!arguments.has("strict") || report.findings.empty());
  return is_printed && is_well ? kDone : kFailed;
}

constexpr std::array kFlags{Flag{.name = "defaults",
                                 .letter = 'd',
                                 .value = "FILE",
                                 .help = "the node's defaults file; without it none is read",
                                 .check = check_not_empty},
                            Flag{.name = "strict", .letter = 's', .help = "warnings are failures"},
                            Flag{.name = "json", .help = "as JSON"}};

}  // namespace

Report validate(const std::vector<InputFile>& files, const std::optional<InputFile>& defaults) {
  Report report;
  report.files = files.size();
  std::vector<ReadNetwork> networks;
  std::vector<Definition> definitions;
  std::vector<Manifest> manifests;
  for (const InputFile& file : files) {
    const Manifest& manifest = manifests.emplace_back(read_manifest(file, report.findings));
    std::ranges::copy(manifest.definitions, std::back_inserter(definitions));
    report.networks += manifest.networks.size();
    for (const Network& network : manifest.networks) {
      if (auto read = check_network(network, defaults ? &*defaults : nullptr, report.findings)) {
        networks.push_back(*std::move(read));
      }
    }
  }
  check_together(networks, definitions, report.findings);
  check_any(files, manifests, report.findings);
  put_in_order(report.findings);
  return report;
}

constexpr Command kValidate{
    .name = "validate",
    .operands = "FILE…",
    .least_operands = 1,
    .most_operands = std::numeric_limits<std::size_t>::max(),
    .summary = "say all that is wrong with configurations, with the lines",
    .description =
        "Says all that is wrong with files, a line each: \"FILE:LINE: NETWORK: what\". A file (- "
        "is\n"
        "standard input) is a network configuration, a list of plugins or "
        "NetworkAttachmentDefinitions,\n"
        "in JSON or YAML.\n",
    .flags = kFlags,
    .notes =
        "Looks at no node: whether the master is there, for example, \"plan\" and \"doctor\" say.\n"
        "Exit status: 0; 1 if something is wrong; 2 for a wrong command line.\n",
    .run = run};

}  // namespace mvr::ops
