// SPDX-License-Identifier: Apache-2.0
// `macvlan-rdma inspect`
#include "ops/inspect.hpp"

#include <errno.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "mvr/base/text.hpp"
#include "ops/commands.hpp"
#include "ops/state_dir.hpp"

namespace mvr::ops {
namespace {

/// The text is what is wrong with the command line; empty if nothing is.
std::string complain(const Arguments& arguments) {
  constexpr std::array<std::string_view, 3> kChoices{"netns", "pid", "all"};
  const auto is_chosen = [&](std::string_view choice) { return arguments.has(choice); };
  if (std::ranges::count_if(kChoices, is_chosen) > 1) {
    return "--netns, --pid and --all exclude each other";
  }
  if (arguments.has("json") && arguments.has("dot")) {
    return "--json and --dot exclude each other";
  }
  const auto pid = arguments.value("pid");
  const bool is_bad = pid && parse_number<pid_t>(*pid).value_or(0) <= 0;
  return is_bad ? "--pid \"" + printable(*pid) + "\": must be the number of a process" : "";
}

/// The path that the process or the option says.
std::optional<std::string> find_path(const Arguments& arguments) {
  const auto pid = arguments.value("pid");
  return pid ? "/proc/" + *pid + "/ns/net" : arguments.value("netns");
}

Error explain(Error error, const Arguments& arguments) {
  const bool is_of_path = error.code == Code::bad_netns && error.sys_errno == ENOENT;
  if (is_of_path && arguments.has("pid")) {
    error.msg = "there is no process " + *arguments.value("pid");
  } else if (error.code == Code::bad_netns && arguments.has("netns")) {
    error.msg += "; see \"ip netns\", or name a process of the pod by --pid";
  }
  return error;
}

Result<plugin::NodeView> look(const Arguments& arguments) {
  if (::geteuid() != 0) {
    return fail(Code::io, "must be run as root: it enters the pods' network namespaces");
  }
  const plugin::InspectOptions options{MVR_TRY(find_state_dir(arguments)), find_path(arguments),
                                       !arguments.has("no-probe")};
  return plugin::inspect(options);
}

int run(const Arguments& arguments) {
  if (const std::string problem = complain(arguments); !problem.empty()) {
    print_err("macvlan-rdma inspect: " + problem + "\nTry \"macvlan-rdma inspect --help\".\n");
    return kUsage;
  }
  const auto node = look(arguments);
  if (!node) {
    print_err("macvlan-rdma inspect: " + explain(node.error(), arguments).msg + '\n');
    return kFailed;
  }
  const bool is_printed = print_out(arguments.has("json")  ? format_json(*node)
                                    : arguments.has("dot") ? format_dot(*node)
                                                           : format_text(*node, Painter()));
  return is_printed && plugin::is_healthy(*node) ? kDone : kFailed;
}

constexpr std::array kFlags{
    Flag{.name = "netns",
         .value = "PATH",
         .help = "the pod with this network namespace",
         .check = check_not_empty},
    Flag{.name = "pid", .value = "N", .help = "the pod of this process"},
    Flag{.name = "all", .letter = 'a', .help = "all pods of the node; the default"},
    Flag{.name = "no-probe", .help = "do not ask the gateways"},
    Flag{.name = "json", .help = "for programs"},
    Flag{.name = "dot", .help = "a picture for Graphviz: … --dot | dot -Tsvg > node.svg"},
    kStateDirFlag};

}  // namespace

constexpr Command kInspect{
    .name = "inspect",
    .summary = "show the NICs of pods, and what is wrong with them",
    .description =
        "Shows what ADD has made for the pods of this node, as it is now: NICs, masters, "
        "addresses,\n"
        "gateways and whether they answer, routing, RDMA devices, journals, and what has been "
        "changed\n"
        "since. Asks the gateways from inside the pods; changes nothing.\n",
    .flags = kFlags,
    .notes =
        "Run it in the node's own namespaces, as root.\n"
        "Exit status: 0 if all is well; 1 if not; 2 for a wrong command line.\n",
    .run = run};

}  // namespace mvr::ops
