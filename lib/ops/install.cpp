// SPDX-License-Identifier: Apache-2.0
// `macvlan-rdma install`
#include <signal.h>

#include <algorithm>
#include <array>

#include "mvr/base/fd.hpp"
#include "mvr/base/text.hpp"
#include "mvr/plugin/collect.hpp"
#include "mvr/state/journal.hpp"
#include "ops/commands.hpp"
#include "ops/installation.hpp"
#include "ops/screen.hpp"
#include "ops/state_dir.hpp"

namespace mvr::ops {
namespace {

constexpr std::size_t kLargestProgram = 256U << 20U;

sigset_t ending_signals() {
  sigset_t signals;
  ::sigemptyset(&signals);
  ::sigaddset(&signals, SIGTERM);
  ::sigaddset(&signals, SIGINT);
  return signals;
}

/// Blocked from the start: as the first process of a container we would not be ended by a signal
/// that we do not wait for. \source pid_namespaces(7)
void block_signals() {
  const sigset_t signals = ending_signals();
  ::sigprocmask(SIG_BLOCK, &signals, nullptr);
}

void wait_for_signal() {
  const sigset_t signals = ending_signals();
  while (::sigwaitinfo(&signals, nullptr) < 0) {
  }
}

std::string describe(const Installation& done, const std::string& directory) {
  const std::string before = done.before.empty() ? "an unknown version" : done.before;
  const std::string where = ' ' + printable(directory);
  switch (done.what) {
    case Installed::anew:
      return "installed version " + done.version + " in" + where + '\n';
    case Installed::replaced:
      return "replaced " + before + " by version " + done.version + " in" + where + '\n';
    case Installed::present:
      break;
  }
  return "version " + done.version + " is already in" + where + '\n';
}

Result<void> install(const Arguments& arguments) {
  const std::string directory = arguments.value("to").value_or("");
  const std::string program = MVR_TRY(read_file("/proc/self/exe", kLargestProgram));
  const auto done = MVR_TRY(install_program(program, directory, arguments.has("force")));
  print_out(describe(done, directory));
  return {};
}

/// Those that have a journal: without the plugin no DEL and no gc can undo them.
Result<void> check_no_attachments(const Arguments& arguments) {
  constexpr std::size_t kMost = 8;
  const std::string directory = MVR_TRY(find_state_dir(arguments));
  const auto records = MVR_TRY(state::read_records(directory));
  const auto unreadable = MVR_TRY(state::find_unreadable(directory));
  if (!unreadable.empty()) {
    return fail(Code::io, "journal " + printable(unreadable.front()) +
                              " says nothing that is understood, so nobody knows what is left; "
                              "--force removes the plugin all the same");
  }
  if (records.empty()) {
    return {};
  }
  std::string text = std::to_string(records.size()) +
                     (records.size() == 1 ? " attachment is" : " attachments are") +
                     " left on this node, and nothing else can undo them:\n";
  for (std::size_t i = 0; i < std::min(kMost, records.size()); ++i) {
    const std::string& pod = records[i].pod;
    text += "  " + printable(records[i].attachment.to_string()) +
            (pod.empty() ? "" : " of " + printable(pod)) + '\n';
  }
  text += records.size() > kMost ? "  …\n" : "";
  return fail(Code::io, text +
                            "Delete the pods; \"macvlan-rdma gc\" undoes what dead ones have left. "
                            "--force removes the plugin all the same");
}

Result<void> uninstall(const Arguments& arguments) {
  const std::string directory = arguments.value("from").value_or("");
  if (!arguments.has("force")) {
    MVR_TRY(check_no_attachments(arguments));
  }
  const bool was_there = MVR_TRY(remove_program(directory));
  print_out((was_there ? "removed from " : "there is none in ") + printable(directory) + '\n');
  return {};
}

/// Empty if the options go together.
std::string find_misuse(const Arguments& arguments) {
  const bool removes = arguments.has("uninstall");
  const auto directory = arguments.value(removes ? "from" : "to");
  if (!directory || directory->empty()) {
    return removes ? "--uninstall needs --from DIR" : "--to DIR is missing, or --uninstall";
  }
  if (arguments.has(removes ? "to" : "from")) {
    return removes ? "--to is not for --uninstall" : "--from is for --uninstall";
  }
  if (removes && arguments.has("wait")) {
    return "--wait is not for --uninstall";
  }
  return !removes && arguments.has("state-dir") ? "--state-dir is for --uninstall" : "";
}

int run(const Arguments& arguments) {
  if (const std::string misuse = find_misuse(arguments); !misuse.empty()) {
    print_err("macvlan-rdma install: " + misuse + "\nTry \"macvlan-rdma install --help\".\n");
    return kUsage;
  }
  if (arguments.has("wait")) {
    block_signals();
  }
  const auto done = arguments.has("uninstall") ? uninstall(arguments) : install(arguments);
  if (!done) {
    print_err("macvlan-rdma install: " + done.error().msg + '\n');
    return kFailed;
  }
  if (arguments.has("wait")) {
    wait_for_signal();
  }
  return kDone;
}

constexpr std::array kFlags{
    Flag{.name = "to", .value = "DIR", .help = "the runtime's directory of plugins: /opt/cni/bin"},
    Flag{.name = "force", .letter = 'f', .help = "replace a newer one, remove one that is needed"},
    Flag{.name = "wait", .help = "then wait for SIGTERM, as a container of a DaemonSet has to"},
    Flag{.name = "uninstall", .help = "remove it instead"},
    Flag{.name = "from", .value = "DIR", .help = "where --uninstall removes it"},
    kStateDirFlag};

}  // namespace

constexpr Command kInstall{
    .name = "install",
    .summary = "copy this program to where the runtime looks for it",
    .description =
        "Copies this program into a directory of CNI plugins, whole or not at all, also while "
        "pods\n"
        "are started and stopped. Does nothing if it is there already.\n",
    .flags = kFlags,
    .notes = "Exit status: 0; 1 if it could not be done; 2 for a wrong command line.\n",
    .run = run};

}  // namespace mvr::ops
