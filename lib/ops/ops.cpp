// SPDX-License-Identifier: Apache-2.0
#include "mvr/ops/ops.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include "mvr/base/text.hpp"
#include "mvr/plugin/plugin.hpp"
#include "ops/commands.hpp"
#include "ops/screen.hpp"

namespace mvr::ops {
namespace {

constexpr std::array kCommands{&kInspect, &kDoctor,  &kValidate, &kPlan,      &kGenerate,
                               &kMigrate, &kInstall, &kGc,       &kCompletion};

std::string help() {
  std::size_t width = 0;
  for (const Command* command : kCommands) {
    width = std::max(width, command->name.size());
  }
  std::string text = plugin::about_text() + "\nCommands for people:\n";
  for (const Command* command : kCommands) {
    text += "  " + pad_right(command->name, width) + "  " + std::string(command->summary) + '\n';
  }
  return text + "\n\"macvlan-rdma COMMAND --help\" says more.\n";
}

}  // namespace

std::span<const Command* const> all_commands() {
  return kCommands;
}

/// A bare call gets the help on standard error, as from every CNI plugin.
int run(int argc, char** argv) {
  const std::string_view name = argc > 1 ? argv[1] : "";
  const auto* const found = std::ranges::find(kCommands, name, &Command::name);
  if (found != kCommands.end()) {
    return run_command(**found, argc - 1, argv + 1);
  }
  if (name == "-h" || name == "--help" || name == "--version") {
    return print_out(help()) ? kDone : kFailed;
  }
  if (!name.empty()) {
    print_err("macvlan-rdma: unknown command \"" + printable(name) + "\"\n\n");
  }
  print_err(help());
  return name.empty() ? kDone : kUsage;
}

}  // namespace mvr::ops
