// SPDX-License-Identifier: Apache-2.0
#include "mvr/ops/ops.hpp"

#include <signal.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

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

const Command* find_command(std::string_view name) {
  const auto* const found = std::ranges::find(kCommands, name, &Command::name);
  return found != kCommands.end() ? *found : nullptr;
}

/// What was most likely meant: the rest of the word, or other letters.
std::string_view guess(std::string_view name) {
  std::vector<std::string_view> names{"help", "version"};
  std::ranges::transform(kCommands, std::back_inserter(names), &Command::name);
  const auto begun = [&](std::string_view one) { return one.starts_with(name); };
  return std::ranges::count_if(names, begun) == 1 ? *std::ranges::find_if(names, begun)
                                                  : find_similar(name, names);
}

int refuse(std::string_view name) {
  const std::string_view meant = guess(name);
  print_err("macvlan-rdma: unknown command \"" + printable(name) + '"' +
            (meant.empty() ? "; see" : "; did you mean " + std::string(meant) + "? See") +
            " \"macvlan-rdma --help\"\n");
  return kUsage;
}

int show(const std::string& text) {
  return print_out(text) ? kDone : kFailed;
}

/// `help` or `help COMMAND`.
int show_help(int argc, char** argv) {
  const std::string_view name = argc > 1 ? argv[1] : "--help";
  if (name == "--help" || name == "-h") {
    return show(help());
  }
  if (argc > 2) {
    print_err("macvlan-rdma help: unexpected argument \"" + printable(argv[2]) + "\"\n");
    return kUsage;
  }
  const Command* command = find_command(name);
  return command != nullptr ? show(help_of(*command)) : refuse(name);
}

/// A bare call gets the help on standard error, as from every CNI plugin.
int carry_out(int argc, char** argv) {
  const std::string_view name = argc > 1 ? argv[1] : "";
  if (const Command* command = find_command(name)) {
    return run_command(*command, argc - 1, argv + 1);
  }
  if (name == "-h" || name == "--help" || name == "help") {
    return show_help(name == "help" ? argc - 1 : 1, argv + 1);
  }
  if (name == "-V" || name == "--version" || name == "version") {
    return show(plugin::about_text());
  }
  if (argc > 1) {
    return refuse(name);
  }
  print_err(help());
  return kDone;
}

}  // namespace

std::span<const Command* const> all_commands() {
  return kCommands;
}

/// A reader that has gone does not keep a command from its work, but from its end: that is the one
/// of all programs in a pipe.
int run(int argc, char** argv) {
  const auto before = ::signal(SIGPIPE, SIG_IGN);
  const int status = carry_out(argc, argv);
  if (has_lost_reader() && before != SIG_IGN) {
    static_cast<void>(::signal(SIGPIPE, SIG_DFL));
    static_cast<void>(::raise(SIGPIPE));
  }
  return status;
}

}  // namespace mvr::ops
