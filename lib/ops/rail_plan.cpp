// SPDX-License-Identifier: Apache-2.0
// Which of the file's settings are whose, and the overview.
#include <algorithm>
#include <set>

#include "mvr/base/text.hpp"
#include "ops/cluster_files.hpp"
#include "ops/table.hpp"

namespace mvr::ops {
namespace {

Error at_line(const RailSettings& settings, const std::string& text) {
  return {Code::bad_config, 0, "line " + std::to_string(settings.line) + ": " + text};
}

/// "; on n1 it was left out: no RDMA device", or nothing.
std::string find_reason(const Survey& survey, const std::string& nic) {
  for (const NodeRails& node : survey.nodes) {
    for (const LeftOut& left_out : node.left_out) {
      if (std::ranges::find(left_out.names, nic) != left_out.names.end()) {
        return "; on " + printable(node.node) + " it was left out: " + left_out.reason;
      }
    }
  }
  return "";
}

/// The index of the rail that is meant.
Result<std::size_t> find_rail(const Survey& survey, const RailSettings& settings) {
  for (const std::string& nic : settings.nics) {
    for (std::size_t i = 0; i < survey.rails.size(); ++i) {
      const auto& masters = survey.rails[i].masters;
      if (std::ranges::find(masters, nic) != masters.end()) {
        return i;
      }
    }
  }
  if (!settings.nics.empty()) {
    const std::string& nic = settings.nics.front();
    return fail(at_line(settings, printable(nic) + " is no rail" + find_reason(survey, nic)));
  }
  if (settings.index > survey.rails.size()) {
    return fail(at_line(settings, "there is no rail " + std::to_string(settings.index) +
                                      "; found were " + std::to_string(survey.rails.size())));
  }
  return settings.index - 1;
}

Result<void> place_settings(const Survey& survey, const RailsFile& file,
                            std::vector<PlannedRail>& rails) {
  for (const RailSettings& settings : file.rails) {
    PlannedRail& rail = rails[MVR_TRY(find_rail(survey, settings))];
    if (rail.settings) {
      return fail(at_line(settings, "says again what line " + std::to_string(rail.settings->line) +
                                        " says of the rail of " + join(rail.masters, ", ")));
    }
    rail.settings = settings;
    rail.name = settings.name.empty() ? rail.name : settings.name;
  }
  for (std::size_t i = 0; i < rails.size(); ++i) {
    if (!rails[i].settings) {
      return fail(Code::bad_config, "nothing is said of rail " + std::to_string(i + 1) + " (" +
                                        printable(join(rails[i].masters, ", ")) +
                                        "); add it, or leave the NIC out by --exclude");
    }
  }
  return {};
}

std::string speed_of(const Nic& nic) {
  constexpr std::int64_t kMegabitsPerGigabit = 1000;
  return nic.speed_mbps > 0 ? std::to_string(nic.speed_mbps / kMegabitsPerGigabit) + "G" : "?";
}

/// Column of what the NIC's GPU is; empty on a node without.
constexpr std::size_t kGpu = 7;

std::string describe_rails(const NodeRails& node) {
  if (node.rails.empty()) {
    return "  no NIC here can be a rail\n";
  }
  Table table({"rail", "NIC", "RDMA", "PCI", "NUMA", "speed", "MTU", "GPU", "its PCI", "distance"});
  for (std::size_t i = 0; i < node.rails.size(); ++i) {
    const auto& [nic, gpu, distance] = node.rails[i];
    std::vector<Cell> row{{std::to_string(i + 1)},
                          {printable(nic.name)},
                          {printable(nic.rdma)},
                          {nic.pci.address()},
                          {nic.pci.numa < 0 ? "?" : std::to_string(nic.pci.numa)},
                          {speed_of(nic)},
                          {std::to_string(nic.mtu)},
                          {},
                          {},
                          {}};
    if (gpu) {
      row[kGpu] = {std::to_string(*gpu)};
      row[kGpu + 1] = {printable(node.gpus[*gpu].address())};
      row[kGpu + 2] = {std::string(to_string(distance))};
    }
    table.add(std::move(row));
  }
  return table.format(Painter(false), "  ");
}

/// "  left out: vf0, vf1, vf2 and 13 more: a virtual function"
std::string describe_left_out(const LeftOut& left_out) {
  constexpr std::size_t kMost = 4;
  std::vector<std::string> names;
  for (const std::string& name : left_out.names) {
    names.push_back(printable(name));
  }
  const std::size_t more = names.size() > kMost ? names.size() - kMost : 0;
  names.resize(names.size() - more);
  return "  left out: " + join(names, ", ") +
         (more > 0 ? " and " + std::to_string(more) + " more" : "") + ": " +
         printable(left_out.reason) + '\n';
}

std::string as_comment(const std::string& text) {
  std::string comment;
  for (const std::string_view line : split(text, '\n')) {
    comment += line.empty() ? "" : "# " + std::string(line) + '\n';
  }
  return comment;
}

}  // namespace

Result<std::vector<PlannedRail>> plan_rails(const Survey& survey,
                                            const std::optional<RailsFile>& file) {
  std::vector<PlannedRail> rails;
  for (const SharedRail& shared : survey.rails) {
    const std::string number = std::to_string(rails.size() + 1);
    rails.push_back(
        {(survey.has_gpu_each ? "gpu" : "rail") + number, {}, {}, shared.masters, std::nullopt});
  }
  if (file) {
    MVR_TRY(place_settings(survey, *file, rails));
  }
  std::set<std::string> names;
  for (std::size_t i = 0; i < rails.size(); ++i) {
    rails[i].network = rails[i].name + "-macvlan";
    rails[i].resource = "shared_" + survey.rails[i].model + '_' + rails[i].name;
    if (!names.insert(rails[i].name).second) {
      return fail(Code::bad_config, "two rails have the name " + rails[i].name);
    }
  }
  return rails;
}

std::string make_overview(const Survey& survey) {
  std::string text;
  for (const NodeRails& node : survey.nodes) {
    text += "Node " + printable(node.node) + ": " + count_of(node.gpus.size(), "GPU") + ", " +
            count_of(node.rails.size(), "rail") + '\n' + describe_rails(node);
    for (const LeftOut& left_out : node.left_out) {
      text += describe_left_out(left_out);
    }
    for (const std::string& warning : node.warnings) {
      text += "  warning: " + printable(warning, warning.size()) + '\n';
    }
  }
  for (const std::string& difference : survey.differences) {
    text += "Nodes differ: " + difference + '\n';
  }
  return text;
}

std::string make_stream(const std::string& overview, const std::vector<ManifestFile>& files) {
  std::string text = as_comment(overview);
  for (const ManifestFile& file : files) {
    text += "---\n" + file.text;
  }
  return text;
}

}  // namespace mvr::ops
