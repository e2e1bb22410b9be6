// SPDX-License-Identifier: Apache-2.0
// `macvlan-rdma doctor`
#include "ops/doctor.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>

#include <nlohmann/json.hpp>

#include "mvr/base/text.hpp"
#include "mvr/plugin/collect.hpp"
#include "ops/commands.hpp"
#include "ops/state_dir.hpp"

namespace mvr::ops {
namespace {

constexpr std::array<const char*, 2> kUsualDirs{"/opt/cni/bin", "/usr/lib/cni"};

constexpr std::array kFileChecks{check_modules,  check_device_plugin, check_cni,
                                 check_managers, check_neighbours,    check_vlans};
constexpr std::array kKernelChecks{check_masters, check_rdma_mode, check_tables};

bool is_ready(const Diagnoses& all) {
  return std::ranges::count(all, Grade::fail, &Diagnosis::grade) == 0;
}

std::string_view to_string(Grade grade) {
  switch (grade) {
    case Grade::ok:
      return "ok";
    case Grade::warn:
      return "warn";
    case Grade::fail:
      break;
  }
  return "fail";
}

Colour colour_of(Grade grade) {
  switch (grade) {
    case Grade::ok:
      return Colour::good;
    case Grade::warn:
      return Colour::warning;
    case Grade::fail:
      break;
  }
  return Colour::bad;
}

std::vector<std::string> find_plugin_dirs() {
  const char* path = std::getenv("CNI_PATH");
  std::vector<std::string> dirs;
  for (const std::string_view dir : split(path != nullptr ? path : "", ':')) {
    if (!dir.empty()) {
      dirs.emplace_back(dir);
    }
  }
  return dirs.empty() ? std::vector<std::string>(kUsualDirs.begin(), kUsualDirs.end()) : dirs;
}

void append(Diagnoses& all, Diagnoses more) {
  std::ranges::move(more, std::back_inserter(all));
}

/// A file that is wrong does not keep the others from being looked at.
Diagnoses read_files(const std::vector<std::string>& files, System& system) {
  Diagnoses all;
  for (const std::string& file : files) {
    append(all, read_networks(file, system.networks));
  }
  if (!system.networks.empty()) {
    all.push_back({Grade::ok, "networks", "",
                   std::to_string(system.networks.size()) + " in the files of --config"});
  }
  return all;
}

/// Which need not be there before the first ADD. A defaults file that is wrong is a finding.
std::string choose_state_dir(const std::optional<std::string>& wanted, Diagnoses& all) {
  const auto usual = wanted ? Result<std::string>(*wanted) : plugin::default_state_dir();
  if (!usual) {
    all.push_back({Grade::fail, "defaults file", "", usual.error().msg, "correct the file"});
  }
  return usual.value_or(cni::NetConf().state_dir);
}

Diagnoses look(const std::vector<std::string>& files, const std::optional<std::string>& state_dir) {
  Diagnoses all;
  System system{"", "/proc/self/exe", find_plugin_dirs(), choose_state_dir(state_dir, all), {}};
  append(all, read_files(files, system));
  const auto with_kernel = [&]() -> Result<void> {
    const net::Netns host = MVR_TRY(net::open_own_netns());
    const auto kernel = MVR_TRY(plan::open_linux_kernel(host, host));
    for (const auto check : kKernelChecks) {
      append(all, check(system, *kernel));
    }
    return {};
  };
  if (const auto done = with_kernel(); !done) {
    all.push_back(
        {Grade::fail, "kernel", "", done.error().msg, "run it as root on the node itself"});
  }
  for (const auto check : kFileChecks) {
    append(all, check(system));
  }
  append(all, check_state(system));
  return all;
}

/// What is said of one or more subjects.
struct Line {
  Diagnosis form;   ///< without the subject, with NAME where it stands in the text
  Diagnosis shown;  ///< that of the only subject, or the form
  std::vector<std::string> subjects;

  [[nodiscard]] std::string title() const {
    const std::size_t count = subjects.size();
    const std::string which = count == 1 ? printable(subjects[0]) : "x" + std::to_string(count);
    return shown.what + (which.empty() ? "" : ' ' + which);
  }
};

std::string replace_all(std::string text, const std::string& what, std::string_view with) {
  for (std::size_t at = 0; !what.empty() && (at = text.find(what, at)) != std::string::npos;
       at += with.size()) {
    text.replace(at, what.size(), with);
  }
  return text;
}

std::vector<Line> merge(const Diagnoses& all) {
  constexpr std::string_view kName = "NAME";
  std::vector<Line> lines;
  for (const Diagnosis& one : all) {
    const Diagnosis form{one.grade, one.what, "", replace_all(one.cause, one.subject, kName),
                         replace_all(one.remedy, one.subject, kName)};
    const auto same = std::ranges::find(lines, form, &Line::form);
    if (same != lines.end() && !one.subject.empty()) {
      same->shown = form;
      same->subjects.push_back(one.subject);
    } else {
      lines.push_back({form, one, {one.subject}});
    }
  }
  return lines;
}

/// In one line, or on a terminal that is too narrow for it in several.
std::string format(const Line& line, std::size_t width, const Painter& painter) {
  constexpr std::size_t kGradeWidth = 6;
  constexpr std::string_view kRemedy = "remedy: ";
  const std::string_view grade = to_string(line.shown.grade);
  const std::string cause = make_line(
      line.shown.cause + (line.subjects.size() > 1 ? " (" + join(line.subjects, ", ") + ')' : ""));
  const std::string remedy = make_line(line.shown.remedy);
  const std::string title = line.title();
  const std::string head = painter.paint(colour_of(line.shown.grade), grade) +
                           std::string(kGradeWidth - grade.size(), ' ') +
                           painter.paint(Colour::strong, title);
  const std::size_t length = kGradeWidth + width + width_of(cause) + width_of(remedy) + 4;
  if (painter.width() == 0 || length <= painter.width()) {
    return head + std::string(width - width_of(title) + 2, ' ') + cause +
           (remedy.empty() ? "" : "; " + painter.paint(Colour::faint, remedy)) + '\n';
  }
  const std::string indent = '\n' + std::string(kGradeWidth, ' ');
  return head + indent + painter.fold(kGradeWidth, Colour::none, cause) +
         (remedy.empty() ? ""
                         : indent + std::string(kRemedy) +
                               painter.fold(kGradeWidth + kRemedy.size(), Colour::faint, remedy)) +
         '\n';
}

int run(const Arguments& arguments) {
  if (::geteuid() != 0) {
    print_err("macvlan-rdma doctor: must be run as root: else half of the node cannot be seen\n");
    return kFailed;
  }
  const auto state_dir = arguments.value(kStateDirFlag.name);
  const auto files = arguments.options.find("config");
  const bool has_files = files != arguments.options.end();
  const Diagnoses all = look(has_files ? files->second : std::vector<std::string>(), state_dir);
  const bool is_printed =
      print_out(arguments.has("json") ? format_json(all) : format_text(all, Painter()));
  return is_printed && is_ready(all) ? kDone : kFailed;
}

constexpr std::array kFlags{
    Flag{.name = "config",
         .letter = 'c',
         .value = "FILE",
         .help = "networks that the node is to serve; may be given more than once",
         .check = check_not_empty},
    Flag{.name = "json", .help = "for programs"}, kStateDirFlag};

}  // namespace

std::string format_text(const Diagnoses& all, const Painter& painter) {
  const std::vector<Line> lines = merge(all);
  std::size_t width = 0;
  for (const Line& line : lines) {
    width = std::max(width, width_of(line.title()));
  }
  std::string text;
  std::array<std::size_t, 3> counts{};
  for (const Line& line : lines) {
    counts.at(static_cast<std::size_t>(line.shown.grade)) += line.subjects.size();
    text += format(line, width, painter);
  }
  const Grade worst = counts[2] != 0 ? Grade::fail : counts[1] != 0 ? Grade::warn : Grade::ok;
  const std::string summary = std::to_string(counts[2]) + " fail, " + std::to_string(counts[1]) +
                              " warn, " + std::to_string(counts[0]) + " ok";
  return text + '\n' + painter.paint(colour_of(worst), summary) + '\n';
}

std::string format_json(const Diagnoses& all) {
  using nlohmann::ordered_json;
  constexpr int kIndent = 2;
  auto findings = ordered_json::array();
  for (const Diagnosis& one : all) {
    findings.push_back({{"grade", to_string(one.grade)},
                        {"what", one.what},
                        {"subject", one.subject},
                        {"cause", one.cause},
                        {"remedy", one.remedy}});
  }
  const ordered_json document{
      {"version", 1}, {"ready", is_ready(all)}, {"findings", std::move(findings)}};
  return document.dump(kIndent, ' ', /*ensure_ascii=*/true,
                       ordered_json::error_handler_t::replace) +
         '\n';
}

constexpr Command kDoctor{
    .name = "doctor",
    .summary = "say whether this node is ready",
    .description =
        "Looks at what networks need on this node: masters, RDMA devices and modules, IPAM "
        "plugins,\n"
        "directories, sockets, limits, leftovers. One line for each finding, with cause and "
        "remedy.\n"
        "Changes nothing.\n",
    .flags = kFlags,
    .notes =
        "FILE is a configuration, a list of plugins or a NetworkAttachmentDefinition, YAML or "
        "JSON.\n"
        "Without one the masters are the netdevs that have an RDMA device. CNI_PATH, if it is "
        "set,\n"
        "says where plugins are; else /opt/cni/bin and /usr/lib/cni.\n"
        "Exit status: 0; 1 if a line says fail; 2 for a wrong command line.\n",
    .run = run};

}  // namespace mvr::ops
