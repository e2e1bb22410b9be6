// SPDX-License-Identifier: Apache-2.0
#include "ops/command.hpp"

#include <getopt.h>

#include <algorithm>

#include "mvr/base/text.hpp"
#include "ops/screen.hpp"

namespace mvr::ops {
namespace {

constexpr Flag kHelp{.name = "help", .letter = 'h', .help = "this text"};

/// Behind all letters.
constexpr int kFirstFlag = 256;

std::vector<Flag> flags_of(const Command& command) {
  std::vector<Flag> flags(command.flags.begin(), command.flags.end());
  flags.push_back(kHelp);
  return flags;
}

/// "-s, --state-dir DIR"
std::string spell(const Flag& flag) {
  const std::string letter =
      flag.letter != '\0' ? '-' + std::string(1, flag.letter) + ", " : std::string(4, ' ');
  return letter + "--" + std::string(flag.name) + (flag.value.empty() ? "" : " ") +
         std::string(flag.value);
}

std::string usage_of(const Command& command) {
  std::string text = "Usage: macvlan-rdma " + std::string(command.name);
  text += command.flags.empty() ? "" : " [OPTION]…";
  text += (command.operands.empty() ? "" : " ") + std::string(command.operands);
  return text + '\n';
}

/// The tables that getopt_long(3) wants; a flag's number is its place behind kFirstFlag.
struct Getopt {
  std::string letters = "+:";  // no reordering, errors are ours to tell
  std::vector<std::string> names;
  std::vector<option> options;

  explicit Getopt(const std::vector<Flag>& flags) {
    names.reserve(flags.size());
    for (std::size_t i = 0; i < flags.size(); ++i) {
      names.emplace_back(flags[i].name);
      const int takes = flags[i].value.empty() ? no_argument : required_argument;
      options.push_back({names.back().c_str(), takes, nullptr, kFirstFlag + static_cast<int>(i)});
      if (flags[i].letter != '\0') {
        letters += flags[i].letter;
        letters += takes == required_argument ? ":" : "";
      }
    }
    options.push_back({});
  }
};

std::string complain_about(int key, char* const* argv) {
  // Of several letters in one word only the wrong one is named.
  const bool is_letter = key == '?' && ::optopt > 0 && ::optopt < kFirstFlag;
  const std::string what = is_letter ? "-" + printable(std::string(1, static_cast<char>(::optopt)))
                                     : printable(argv[::optind - 1]);
  return key == ':' ? "option " + what + " needs a value" : "there is no option " + what;
}

/// The text is what is wrong; empty if nothing is.
std::string read(const std::vector<Flag>& flags, int argc, char** argv, Arguments& arguments) {
  const Getopt tables(flags);
  int key = 0;
  // The options may stand between the operands.
  while (::optind < argc) {
    key = ::getopt_long(argc, argv, tables.letters.c_str(), tables.options.data(), nullptr);
    if (key == '?' || key == ':') {
      return complain_about(key, argv);
    }
    if (key == -1) {
      const bool is_end = std::string_view(argv[::optind - 1]) == "--";
      const int last = is_end ? argc : std::min(argc, ::optind + 1);
      arguments.operands.insert(arguments.operands.end(), argv + ::optind, argv + last);
      ::optind = last;
      continue;
    }
    const auto flag = key >= kFirstFlag
                          ? flags.begin() + (key - kFirstFlag)
                          : std::ranges::find(flags, static_cast<char>(key), &Flag::letter);
    arguments.options[std::string(flag->name)].emplace_back(flag->value.empty() ? "" : ::optarg);
  }
  return {};
}

/// The values that the options know something of.
std::string check_values(const std::vector<Flag>& flags, const Arguments& arguments) {
  for (const Flag& flag : flags) {
    const auto given = arguments.options.find(flag.name);
    if (flag.check == nullptr || given == arguments.options.end()) {
      continue;
    }
    for (const std::string& value : given->second) {
      if (const std::string problem = flag.check(value); !problem.empty()) {
        return "--" + std::string(flag.name) + " \"" + printable(value) + "\": " + problem;
      }
    }
  }
  return {};
}

std::string count_operands(const Command& command, const Arguments& arguments) {
  const std::size_t count = arguments.operands.size();
  if (count > command.most_operands) {
    return "unexpected argument \"" + printable(arguments.operands[command.most_operands]) + '"';
  }
  return count < command.least_operands ? std::string(command.operands) + " is missing" : "";
}

}  // namespace

std::optional<std::string> Arguments::value(std::string_view name) const {
  const auto found = options.find(name);
  return found != options.end() ? std::optional(found->second.back()) : std::nullopt;
}

std::string check_not_empty(const std::string& value) {
  return value.empty() ? "must not be empty" : "";
}

std::string help_of(const Command& command) {
  const std::vector<Flag> flags = flags_of(command);
  std::size_t width = 0;
  for (const Flag& flag : flags) {
    width = std::max(width, spell(flag).size());
  }
  std::string text = usage_of(command) + std::string(command.description) + "\n";
  for (const Flag& flag : flags) {
    std::string line = spell(flag);
    line.resize(width, ' ');
    text += "  " + line + "  " + std::string(flag.help) + '\n';
  }
  return text + (command.notes.empty() ? "" : "\n") + std::string(command.notes);
}

int run_command(const Command& command, int argc, char** argv) {
  Arguments arguments;
  ::optind = 1;
  std::string problem = read(flags_of(command), argc, argv, arguments);
  if (problem.empty() && arguments.has(kHelp.name)) {
    return print_out(help_of(command)) ? kDone : kFailed;
  }
  problem += problem.empty() ? count_operands(command, arguments) : "";
  problem += problem.empty() ? check_values(flags_of(command), arguments) : "";
  if (!problem.empty()) {
    const std::string name = "macvlan-rdma " + std::string(command.name);
    print_err(name + ": " + problem + "\nTry \"" + name + " --help\".\n");
    return kUsage;
  }
  return command.run(arguments);
}

}  // namespace mvr::ops
