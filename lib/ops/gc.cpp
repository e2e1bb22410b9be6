// SPDX-License-Identifier: Apache-2.0
// `macvlan-rdma gc`
#include <unistd.h>

#include <array>
#include <map>

#include "mvr/base/text.hpp"
#include "mvr/plugin/collect.hpp"
#include "ops/commands.hpp"
#include "ops/screen.hpp"
#include "ops/state_dir.hpp"

namespace mvr::ops {
namespace {

using plugin::Collected;
using Fate = Collected::Fate;

std::string_view to_string(Fate fate) {
  switch (fate) {
    case Fate::alive:
      return "alive";
    case Fate::busy:
      return "busy";
    case Fate::dead:
      return "dead";
    case Fate::undone:
      return "undone";
    case Fate::failed:
      break;
  }
  return "failed";
}

/// "undone  rail1/0123abcd/net1 of training/worker-0: its namespace is gone"
std::string describe(const Collected& one) {
  constexpr std::size_t kWidth = 8;
  std::string line(to_string(one.fate));
  line.resize(kWidth, ' ');
  line += one.attachment.network.empty() ? "" : printable(one.attachment.to_string());
  line += one.pod.empty() ? "" : " of " + printable(one.pod);
  line += one.reason.empty() || one.attachment.network.empty() ? "" : ": ";
  line += make_line(one.reason);
  return line + '\n';
}

/// "3 attachments: 2 alive, 1 undone"
std::string summarize(const std::map<Fate, int>& counts) {
  int all = 0;
  std::vector<std::string> parts;
  for (const auto& [fate, count] : counts) {
    all += count;
    parts.push_back(std::to_string(count) + ' ' + std::string(to_string(fate)));
  }
  const std::string head = std::to_string(all) + (all == 1 ? " attachment" : " attachments");
  return head + (parts.empty() ? "" : ": " + join(parts, ", ")) + '\n';
}

Result<bool> collect(const Arguments& arguments) {
  const plugin::CollectOptions todo{MVR_TRY(find_state_dir(arguments)), arguments.has("dry-run")};
  Log log;
  log.set_level(LogLevel::warn);
  std::map<Fate, int> counts;
  bool is_printed = true;
  const auto done = plugin::collect_dead(todo, log, [&](const Collected& one) {
    ++counts[one.fate];
    if (one.fate != Fate::alive) {
      is_printed = print_out(describe(one)) && is_printed;
    }
  });
  if (done || !counts.empty()) {
    is_printed = print_out(summarize(counts)) && is_printed;
  }
  return done ? Result<bool>(is_printed && !counts.contains(Fate::failed)) : fail(done.error());
}

int run(const Arguments& arguments) {
  if (::geteuid() != 0) {
    print_err("macvlan-rdma gc: must be run as root: it removes links, routes and leases\n");
    return kFailed;
  }
  const Result<bool> done = collect(arguments);
  if (!done) {
    print_err("macvlan-rdma gc: " + done.error().msg + '\n');
  }
  return done && *done ? kDone : kFailed;
}

constexpr std::array kFlags{
    Flag{.name = "dry-run", .letter = 'n', .help = "only say what would be undone"}, kStateDirFlag};

}  // namespace

constexpr Command kGc{
    .name = "gc",
    .summary = "undo what dead attachments have left",
    .description =
        "Undoes what dead attachments have left on this node: links, routes, RDMA devices, VLANs,\n"
        "leases. Safe beside running pods and calls of the plugin.\n",
    .flags = kFlags,
    .notes =
        "Run it in the node's own namespaces, as root.\n"
        "Exit status: 0; 1 if something could not be undone; 2 for a wrong command line.\n",
    .run = run};

}  // namespace mvr::ops
