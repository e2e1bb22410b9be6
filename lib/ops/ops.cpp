// SPDX-License-Identifier: Apache-2.0
#include "mvr/ops/ops.hpp"

#include <unistd.h>

#include <string_view>

#include "mvr/base/fd.hpp"
#include "mvr/base/text.hpp"
#include "mvr/plugin/plugin.hpp"
#include "ops/gc.hpp"

namespace mvr::ops {
namespace {

constexpr int kUsage = 2;

/// What was asked for goes to standard output; a bare call gets it on standard error, as from every
/// CNI plugin.
int show_help(int out) {
  return write_all(out, plugin::help_text()) ? 0 : 1;
}

}  // namespace

int run(int argc, char** argv) {
  const std::string_view command = argc > 1 ? argv[1] : "";
  if (command == "gc") {
    return gc(argc - 1, argv + 1);
  }
  if (command == "-h" || command == "--help" || command == "--version") {
    return show_help(STDOUT_FILENO);
  }
  if (!command.empty()) {
    static_cast<void>(write_all(
        STDERR_FILENO, "macvlan-rdma: unknown command \"" + printable(command) + "\"\n\n"));
  }
  const int shown = show_help(STDERR_FILENO);
  return command.empty() ? shown : kUsage;
}

}  // namespace mvr::ops
