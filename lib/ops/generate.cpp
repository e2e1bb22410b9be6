// SPDX-License-Identifier: Apache-2.0
// `macvlan-rdma generate`
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <memory>
#include <set>

#include "mvr/base/fd.hpp"
#include "mvr/base/text.hpp"
#include "ops/cluster_files.hpp"
#include "ops/commands.hpp"
#include "ops/input.hpp"
#include "ops/screen.hpp"

namespace mvr::ops {
namespace {

constexpr std::size_t kLargestFile = 16U << 20U;
constexpr std::string_view kSysfs = "/sys";

std::string node_name() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "";
}

std::string read_if_there(const std::string& path) {
  const auto text = read_file(path, kLargestFile);
  return text ? *text : "";
}

/// The last part of a path, which is cut off.
std::string take_name(std::string& path) {
  const std::size_t slash = path.rfind('/');
  std::string name = path.substr(slash == std::string::npos ? 0 : slash + 1);
  path.resize(slash == std::string::npos ? 0 : slash);
  return name;
}

/// A copy is kept below the name of its node, or bears it: "gpu-01" of "backup/gpu-01/sys/".
std::string name_of_copy(const std::string& sysfs) {
  const std::unique_ptr<char, decltype(&std::free)> real(::realpath(sysfs.c_str(), nullptr),
                                                         &std::free);
  std::string path = real != nullptr ? real.get() : sysfs;
  std::string name = take_name(path);
  const std::string above = name == "sys" ? take_name(path) : "";
  return above.empty() ? name : above;
}

/// A copied tree is another machine's: this one's routes say nothing about it.
Result<Inventory> read_here(const Arguments& arguments) {
  const std::string sysfs = arguments.value("sysfs").value_or(std::string(kSysfs));
  const bool is_ours = sysfs == kSysfs;
  const std::string name =
      arguments.value("node").value_or(is_ours ? node_name() : name_of_copy(sysfs));
  return in("--sysfs " + printable(sysfs),
            read_inventory(sysfs, name,
                           is_ours ? parse_default_routes(read_if_there("/proc/net/route"),
                                                          read_if_there("/proc/net/ipv6_route"))
                                   : std::set<std::string>{}));
}

std::string shown(const std::string& path) {
  return path == "-" ? "standard input" : printable(path);
}

/// Two inventories of one node are a file that was taken twice, or a node that was told of twice.
/// \param nodes of the first files; the last one is new
Result<void> check_name(const std::vector<std::string>& files,
                        const std::vector<Inventory>& nodes) {
  const std::string& name = nodes.back().node;
  const auto same = std::ranges::find(nodes, name, &Inventory::node);
  const auto other = static_cast<std::size_t>(same - nodes.begin());
  if (other + 1 == nodes.size()) {
    return {};
  }
  return fail(Code::bad_config, shown(files[nodes.size() - 1]) + " is of node \"" +
                                    printable(name) + "\", and so is " + shown(files[other]) +
                                    "; give each node's inventory once, or name the node by "
                                    "--node where it was printed");
}

Result<std::vector<Inventory>> read_nodes(const Arguments& arguments) {
  std::vector<Inventory> nodes;
  if (!arguments.has("from-nodes")) {
    nodes.push_back(MVR_TRY(read_here(arguments)));
    return nodes;
  }
  for (const std::string& path : arguments.operands) {
    const std::string text = MVR_TRY(read_input(path));
    nodes.push_back(MVR_TRY(in(shown(path), parse_inventory(text))));
    MVR_TRY(check_name(arguments.operands, nodes));
  }
  return nodes;
}

std::set<std::string> find_excluded(const Arguments& arguments) {
  const auto found = arguments.options.find("exclude");
  return found != arguments.options.end()
             ? std::set<std::string>(found->second.begin(), found->second.end())
             : std::set<std::string>{};
}

Result<void> check_excluded(const std::set<std::string>& excluded,
                            const std::vector<Inventory>& nodes) {
  for (const std::string& name : excluded) {
    const bool is_known = std::ranges::any_of(nodes, [&](const Inventory& node) {
      return std::ranges::find(node.nics, name, &Nic::name) != node.nics.end();
    });
    if (!is_known) {
      return fail(Code::bad_config, "--exclude " + printable(name) + ": there is no such NIC");
    }
  }
  return {};
}

Result<std::optional<RailsFile>> read_rails_file(const Arguments& arguments) {
  const auto path = arguments.value("rails");
  if (!path) {
    return std::nullopt;
  }
  const std::string text = MVR_TRY(in("--rails", read_file(*path, kLargestFile)));
  return MVR_TRY(in("--rails " + printable(*path), parse_rails_file(text)));
}

Result<ManifestOptions> read_options(const Arguments& arguments) {
  ManifestOptions options;
  options.name_space = arguments.value("namespace").value_or(options.name_space);
  options.resource_prefix = arguments.value("resource-prefix").value_or(options.resource_prefix);
  if (!is_label(options.name_space)) {
    return fail(Code::bad_config, "--namespace \"" + printable(options.name_space) +
                                      "\": must be lower-case letters, digits and '-'");
  }
  if (!std::ranges::all_of(split(options.resource_prefix, '.'), is_label)) {
    return fail(Code::bad_config, "--resource-prefix \"" + printable(options.resource_prefix) +
                                      "\": must be a domain, as spidernet.io");
  }
  return options;
}

Result<void> make_directory(const std::string& path) {
  if (::mkdir(path.c_str(), 0755) != 0 && errno != EEXIST) {
    return fail(sys_error(Code::io, errno, "make " + printable(path)));
  }
  return {};
}

Error refuse_other(const std::string& path) {
  return {Code::io, EEXIST,
          printable(path) +
              " is there with other content; move it away, or write to another directory"};
}

/// What somebody has changed since is not overwritten.
/// \return true if the file is there already, as it would be written
Result<bool> is_written(const std::string& path, const std::string& text) {
  const auto present = read_file(path, kLargestFile);
  return present && *present != text ? fail(refuse_other(path)) : Result<bool>(present.has_value());
}

Result<void> write_file(const std::string& path, const std::string& text) {
  if (MVR_TRY(is_written(path, text))) {
    return {};
  }
  const Fd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
  if (!file) {
    return fail(errno == EEXIST ? refuse_other(path)
                                : sys_error(Code::io, errno, "make " + printable(path)));
  }
  const Result<void> written = write_all(file.get(), text);
  if (!written) {
    ::unlink(path.c_str());  // ours, and half
  }
  return in("write " + printable(path), written);
}

/// All of them, or none if somebody has changed one.
Result<void> write_files(const std::string& directory, const std::vector<ManifestFile>& files) {
  for (const ManifestFile& file : files) {
    static_cast<void>(MVR_TRY(is_written(directory + '/' + file.path, file.text)));
  }
  MVR_TRY(make_directory(directory));
  for (const ManifestFile& file : files) {
    const std::string path = directory + '/' + file.path;
    if (const std::size_t slash = file.path.find('/'); slash != std::string::npos) {
      MVR_TRY(make_directory(directory + '/' + file.path.substr(0, slash)));
    }
    MVR_TRY(write_file(path, file.text));
    print_out(printable(path, path.size()) + '\n');
  }
  return {};
}

/// \return false if not all could be printed
Result<bool> generate(const Arguments& arguments) {
  const auto inventories = MVR_TRY(read_nodes(arguments));
  const auto excluded = find_excluded(arguments);
  MVR_TRY(check_excluded(excluded, inventories));
  std::vector<NodeRails> nodes;
  std::ranges::transform(inventories, std::back_inserter(nodes), [&](const Inventory& inventory) {
    return choose_rails(inventory, excluded);
  });
  const Survey survey = MVR_TRY(merge_nodes(std::move(nodes)));
  const std::string overview = make_overview(survey);
  if (survey.rails.empty()) {
    return fail(Code::bad_config, "there is no NIC for a rail\n" + overview);
  }
  const auto file = MVR_TRY(read_rails_file(arguments));
  const auto options = MVR_TRY(read_options(arguments));
  const auto rails = MVR_TRY(in(file ? "--rails " + printable(*arguments.value("rails")) : "rails",
                                plan_rails(survey, file)));
  const auto files = make_manifests(survey, rails, file, options);
  if (const auto directory = arguments.value("output")) {
    MVR_TRY(write_files(*directory, files));
    print_err(overview);
  } else if (!print_out(make_stream(overview, files))) {
    return false;
  }
  if (!file) {
    print_err("macvlan-rdma generate: without --rails addresses are left open; replace each " +
              std::string(kPlaceholder) + '\n');
  }
  return true;
}

Result<bool> print_inventory(const Arguments& arguments) {
  return print_out(format_inventory(MVR_TRY(read_here(arguments))));
}

bool has_any(const Arguments& arguments, std::span<const std::string_view> options) {
  return std::ranges::any_of(options,
                             [&](std::string_view option) { return arguments.has(option); });
}

/// Empty if the options go together.
std::string find_misuse(const Arguments& arguments) {
  if (!arguments.has("from-nodes") && !arguments.operands.empty()) {
    return "files are for --from-nodes";
  }
  if (arguments.has("from-nodes") && arguments.operands.empty()) {
    return "--from-nodes needs files, as --inventory prints them";
  }
  constexpr std::array<std::string_view, 3> kOfOneNode{"inventory", "sysfs", "node"};
  if (arguments.has("from-nodes") && has_any(arguments, kOfOneNode)) {
    return "--from-nodes reads files, not this node: no --inventory, no --sysfs, no --node";
  }
  constexpr std::array<std::string_view, 5> kOfNetworks{"rails", "exclude", "namespace",
                                                        "resource-prefix", "output"};
  if (arguments.has("inventory") && has_any(arguments, kOfNetworks)) {
    return "--inventory prints what this node has, and makes no networks: no --rails, no "
           "--exclude, no --namespace, no --resource-prefix, no --output";
  }
  return "";
}

int run(const Arguments& arguments) {
  if (const std::string misuse = find_misuse(arguments); !misuse.empty()) {
    print_err("macvlan-rdma generate: " + misuse + "\nTry \"macvlan-rdma generate --help\".\n");
    return kUsage;
  }
  const Result<bool> done =
      arguments.has("inventory") ? print_inventory(arguments) : generate(arguments);
  if (!done) {
    print_err("macvlan-rdma generate: " + done.error().msg + '\n');
  }
  return done && *done ? kDone : kFailed;
}

constexpr std::array kFlags{
    Flag{.name = "rails",
         .letter = 'r',
         .value = "FILE",
         .help = "addresses and names of the rails (conf/rails.yaml)",
         .check = check_not_empty},
    Flag{.name = "exclude",
         .letter = 'x',
         .value = "NIC",
         .help = "no rail; may be given more than once"},
    Flag{.name = "inventory", .letter = 'i', .help = "print what this node has, as JSON"},
    Flag{.name = "from-nodes", .help = "for the nodes whose inventories the files are"},
    Flag{.name = "sysfs",
         .value = "DIR",
         .help = "a copy of another node's /sys",
         .check = check_not_empty},
    Flag{.name = "node",
         .value = "NAME",
         .help = "the node's name; else the host's, or that of the copy's directory",
         .check = check_not_empty},
    Flag{
        .name = "namespace", .letter = 'n', .value = "NS", .help = "of the networks; else default"},
    Flag{.name = "resource-prefix",
         .value = "DOMAIN",
         .help = "of the RDMA resources; else spidernet.io"},
    Flag{.name = "output",
         .letter = 'o',
         .value = "DIR",
         .help = "write files there; else all goes to standard output",
         .check = check_not_empty}};

}  // namespace

constexpr Command kGenerate{
    .name = "generate",
    .operands = "[FILE…]",
    .most_operands = 10000,
    .summary = "write the networks for what this node has",
    .description =
        "Pairs this node's GPUs and RDMA NICs by their places on the PCIe tree and prints YAML "
        "for\n"
        "the cluster: a network for each rail, the device plugin's configuration, a pod.\n",
    .flags = kFlags,
    .notes =
        "Several kinds of nodes: run \"generate --inventory > NODE.json\" on each of them, then\n"
        "\"generate --from-nodes *.json\" anywhere; it says where they differ. - is standard "
        "input.\n"
        "Exit status: 0; 1 if it could not be done; 2 for a wrong command line.\n",
    .run = run};

}  // namespace mvr::ops
