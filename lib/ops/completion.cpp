// SPDX-License-Identifier: Apache-2.0
// `macvlan-rdma completion`: made from the same tables as the help.
#include "ops/commands.hpp"
#include "ops/screen.hpp"

namespace mvr::ops {
namespace {

std::string words_of(const Command& command) {
  std::string words;
  for (const Flag& flag : command.flags) {
    words += "--" + std::string(flag.name) + ' ';
  }
  return words + "--help";
}

/// The options whose values are files, directories or namespaces, which the shell can name.
std::string path_options() {
  std::string names;
  for (const Command* command : all_commands()) {
    for (const Flag& flag : command->flags) {
      const bool is_path = flag.value == "FILE" || flag.value == "DIR" || flag.value == "PATH";
      if (is_path && names.find("--" + std::string(flag.name)) == std::string::npos) {
        names += (names.empty() ? "--" : "|--") + std::string(flag.name);
      }
    }
  }
  return names;
}

/// For bash-completion(7): options behind "-", commands in the first place, files elsewhere.
std::string bash_script() {
  std::string names;
  std::string cases;
  for (const Command* command : all_commands()) {
    names += std::string(command->name) + ' ';
    cases += "    " + std::string(command->name) + ") words=\"" + words_of(*command) + "\" ;;\n";
  }
  return "# bash completion of macvlan-rdma\n"
         "_macvlan_rdma() {\n"
         "  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} words=\n"
         "  COMPREPLY=()\n"
         "  if ((COMP_CWORD == 1)); then\n"
         "    mapfile -t COMPREPLY < <(compgen -W \"" +
         names +
         "help version --help --version\" -- \"$current\")\n"
         "    return\n"
         "  fi\n"
         "  case ${COMP_WORDS[1]} in\n" +
         cases +
         "  esac\n"
         "  if [[ ${COMP_WORDS[1]} == help ]] && ((COMP_CWORD == 2)); then\n"
         "    mapfile -t COMPREPLY < <(compgen -W \"" +
         names +
         "\" -- \"$current\")\n"
         "    return\n"
         "  fi\n"
         "  case $previous in\n"
         "    " +
         path_options() +
         ") words= ;;\n"
         "  esac\n"
         "  if [[ $current == -* && -n $words ]]; then\n"
         "    mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$current\")\n"
         "  else\n"
         "    compopt -o filenames\n"
         "    mapfile -t COMPREPLY < <(compgen -f -- \"$current\")\n"
         "  fi\n"
         "}\n"
         "complete -F _macvlan_rdma macvlan-rdma\n";
}

int run(const Arguments& arguments) {
  if (arguments.operands.front() != "bash") {
    print_err("macvlan-rdma completion: there is one for bash only\n");
    return kUsage;
  }
  return print_out(bash_script()) ? kDone : kFailed;
}

}  // namespace

constexpr Command kCompletion{.name = "completion",
                              .operands = "bash",
                              .least_operands = 1,
                              .most_operands = 1,
                              .summary = "print the completion of the command line for a shell",
                              .description =
                                  "Prints what makes bash complete the words of macvlan-rdma:\n"
                                  "source <(macvlan-rdma completion bash)\n",
                              .run = run};

}  // namespace mvr::ops
