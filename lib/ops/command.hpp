// SPDX-License-Identifier: Apache-2.0
/// \file
/// What a command of the command line is: its options, its words, what it does. Everything that
/// tells people about commands is made from these values.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace mvr::ops {

/// Exit statuses of all commands.
inline constexpr int kDone = 0;
inline constexpr int kFailed = 1;  ///< it could not be done, or what was looked at is not well
inline constexpr int kUsage = 2;   ///< the command line is none

struct Flag {
  std::string_view name;        ///< without its "--"
  char letter = '\0';           ///< without its "-"; '\0' = it has none
  std::string_view value = {};  ///< what stands behind it, as "DIR"; empty = nothing does
  std::string_view help;
  /// What is wrong with its value, for people, or empty; nothing = every value may be right.
  std::string (*check)(const std::string& value) = {};
};

/// What was typed behind a command's name. An option without a value counts as "".
struct Arguments {
  std::map<std::string, std::vector<std::string>, std::less<>> options;  ///< by their names
  std::vector<std::string> operands;

  [[nodiscard]] bool has(std::string_view name) const { return options.contains(name); }

  /// The option's value, the last one if it was given more than once.
  [[nodiscard]] std::optional<std::string> value(std::string_view name) const;
};

/// For options whose value must be something.
std::string check_not_empty(const std::string& value);

struct Command {
  std::string_view name;
  std::string_view operands = {};  ///< for people, as "FILE…"
  std::size_t least_operands = 0;
  std::size_t most_operands = 0;
  std::string_view summary;           ///< for the list of all commands, at most 60 characters
  std::string_view description;       ///< what it does, in lines
  std::span<const Flag> flags = {};   ///< without --help, which each has
  std::string_view notes = {};        ///< what else to know, in lines
  int (*run)(const Arguments&) = {};  ///< \return the exit status
};

/// "Usage: macvlan-rdma gc [--dry-run] …" and all else that there is to say.
std::string help_of(const Command& command);

/// Reads the arguments and carries the command out, or says what is wrong with them.
/// \param argv the command's own, from its name on
/// \return the exit status
int run_command(const Command& command, int argc, char** argv);

}  // namespace mvr::ops
