// SPDX-License-Identifier: Apache-2.0
#include "ops/gc.hpp"

#include <getopt.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <map>
#include <optional>

#include "mvr/base/fd.hpp"
#include "mvr/base/text.hpp"
#include "mvr/plugin/collect.hpp"

namespace mvr::ops {
namespace {

using plugin::Collected;
using Fate = Collected::Fate;

constexpr std::string_view kHelp =
    "Usage: macvlan-rdma gc [--dry-run] [--state-dir DIR]\n"
    "Undoes what dead attachments have left on this node: links, routes, RDMA devices, VLANs, "
    "leases.\n"
    "Safe beside running pods and calls of the plugin.\n"
    "\n"
    "  -n, --dry-run        only say what would be undone\n"
    "      --state-dir DIR  where the journals are; else stateDir of the node's defaults file\n"
    "  -h, --help           this text\n"
    "\n"
    "Run it in the node's own namespaces, as root.\n"
    "Exit status: 0; 1 if something could not be undone; 2 for a wrong command line.\n";

struct Options {
  std::optional<std::string> state_dir;
  bool is_dry_run = false;
  bool wants_help = false;
};

void print(int out, const std::string& text) {
  static_cast<void>(write_all(out, text));
}

/// Nothing for a command line that is none; getopt(3) has said why.
std::optional<Options> parse(int argc, char** argv) {
  constexpr std::array<option, 4> kOptions{{{"dry-run", no_argument, nullptr, 'n'},
                                            {"state-dir", required_argument, nullptr, 's'},
                                            {"help", no_argument, nullptr, 'h'},
                                            {}}};
  Options options;
  for (int key = 0; (key = ::getopt_long(argc, argv, "nh", kOptions.data(), nullptr)) != -1;) {
    switch (key) {
      case 'n':
        options.is_dry_run = true;
        break;
      case 's':
        options.state_dir = ::optarg;
        break;
      case 'h':
        options.wants_help = true;
        break;
      default:
        return std::nullopt;
    }
  }
  if (::optind < argc) {
    print(STDERR_FILENO,
          "macvlan-rdma gc: unexpected argument \"" + printable(argv[::optind]) + "\"\n");
    return std::nullopt;
  }
  return options;
}

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
  constexpr std::size_t kLongest = 1024;
  std::string line(to_string(one.fate));
  line.resize(kWidth, ' ');
  line += one.attachment.network.empty() ? "" : printable(one.attachment.to_string());
  line += one.pod.empty() ? "" : " of " + printable(one.pod);
  line += one.reason.empty() || one.attachment.network.empty() ? "" : ": ";
  line += printable(one.reason, kLongest);
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

/// One that somebody has typed.
Result<std::string> check_directory(const std::string& path) {
  struct stat status {};
  if (!path.starts_with('/')) {
    return fail(Code::bad_config,
                "--state-dir \"" + printable(path) + "\": must be an absolute path");
  }
  if (::stat(path.c_str(), &status) != 0 || !S_ISDIR(status.st_mode)) {
    return fail(Code::bad_config,
                "--state-dir " + printable(path) + ": there is no such directory");
  }
  return path;
}

Result<std::string> find_directory(const Options& options) {
  if (options.state_dir) {
    return check_directory(*options.state_dir);
  }
  auto directory = plugin::default_state_dir();
  if (!directory) {
    directory.error().msg += "; correct it, or name the journals' directory by --state-dir";
  }
  return directory;
}

Result<bool> collect(const Options& options) {
  const plugin::CollectOptions todo{MVR_TRY(find_directory(options)), options.is_dry_run};
  Log log;
  log.set_level(LogLevel::warn);
  std::map<Fate, int> counts;
  const auto done = plugin::collect_dead(todo, log, [&](const Collected& one) {
    ++counts[one.fate];
    if (one.fate != Fate::alive) {
      print(STDOUT_FILENO, describe(one));
    }
  });
  if (done || !counts.empty()) {
    print(STDOUT_FILENO, summarize(counts));
  }
  return done ? Result<bool>(!counts.contains(Fate::failed)) : fail(done.error());
}

}  // namespace

int gc(int argc, char** argv) {
  constexpr int kUsage = 2;
  const auto options = parse(argc, argv);
  if (!options) {
    print(STDERR_FILENO, std::string(kHelp));
    return kUsage;
  }
  if (options->wants_help) {
    print(STDOUT_FILENO, std::string(kHelp));
    return 0;
  }
  const Result<bool> done = collect(*options);
  if (!done) {
    print(STDERR_FILENO, "macvlan-rdma gc: " + done.error().msg + '\n');
  }
  return done && *done ? 0 : 1;
}

}  // namespace mvr::ops
