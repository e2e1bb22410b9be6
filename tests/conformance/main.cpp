// SPDX-License-Identifier: Apache-2.0
/// \file
/// cni-conformance: does a CNI plugin do what the CNI specification and its users expect?
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <optional>
#include <stdexcept>

#include <CLI/CLI.hpp>

#include "expectations.hpp"
#include "point.hpp"
#include "report.hpp"
#include "suite.hpp"
#include "world.hpp"

namespace {

using namespace conformance;
namespace fs = std::filesystem;

constexpr int kDiffers = 1;
constexpr int kCannotRun = 2;
constexpr int kNotRoot = 77;              // what CTest and automake take for a skipped test
constexpr std::size_t kLinkNameMax = 10;  // its peer has five more, and Linux allows 15

struct Options {
  Subject subject;
  WorldOptions world;
  std::string config_file;
  std::vector<std::string> only;
  std::vector<std::string> skip;
  std::string level;
  std::string version;
  std::string junit_file;
  std::string expect_file;
  bool is_list = false;
  bool is_markdown = false;
  bool is_verbose = false;
};

std::string default_cni_path() {
  const char* path = std::getenv("CNI_PATH");
  return path != nullptr && *path != '\0' ? path : "/opt/cni/bin:/usr/lib/cni:/usr/libexec/cni";
}

void declare(CLI::App& app, Options& options) {
  app.add_option("plugin", options.subject.plugin, "The plugin, a program")
      ->check(CLI::ExistingFile);
  app.add_option("config", options.config_file, "Its network configuration, one JSON object")
      ->check(CLI::ExistingFile);
  app.add_option("--link", options.world.links,
                 "Make this link on the host: a veth, up, with a peer LINK-peer; can be repeated")
      ->type_name("LINK");
  app.add_option("--setup", options.world.setups,
                 "Run this shell command on the host, after the links; can be repeated")
      ->type_name("COMMAND");
  app.add_option("--cni-path", options.subject.cni_path,
                 "Where IPAM plugins are; $CNI_PATH if that is set")
      ->type_name("DIR:DIR")
      ->default_val(default_cni_path());
  app.add_option("--ifname", options.subject.ifname, "CNI_IFNAME")->capture_default_str();
  app.add_option("--timeout", options.subject.timeout_s, "For one call, in seconds")
      ->capture_default_str()
      ->check(CLI::Range(1, 3600));
  app.add_option("--only", options.only, "Try these points alone")->type_name("ID");
  app.add_option("--skip", options.skip, "Leave these points out")->type_name("ID");
  app.add_option("--level", options.level, "Try points of this level alone")
      ->check(CLI::IsMember({"MUST", "SHOULD", "CUSTOM"}));
  app.add_option("--version", options.version, "Try this CNI version alone")->type_name("VERSION");
  app.add_option("--expect", options.expect_file,
                 "Succeed if exactly these points fail: lines 'ID  # reason'")
      ->check(CLI::ExistingFile);
  app.add_option("--junit", options.junit_file, "Write the results as JUnit")->type_name("FILE");
  app.add_flag("--list", options.is_list, "Print the table of points");
  app.add_flag("--markdown", options.is_markdown, "Print it as Markdown");
  app.add_flag("-v,--verbose", options.is_verbose, "Show each call");
}

/// The points that are asked for. Throws std::runtime_error for an ID that is none.
Points choose(const Options& options) {
  const Points all = all_points();
  for (const auto* ids : {&options.only, &options.skip}) {
    for (const std::string& id : *ids) {
      if (std::ranges::find(all, id, &Point::id) == all.end()) {
        throw std::runtime_error("there is no point '" + id + "'; --list shows all");
      }
    }
  }
  Points chosen;
  std::ranges::copy_if(all, std::back_inserter(chosen), [&](const Point& point) {
    const bool is_named = std::ranges::find(options.only, point.id) != options.only.end();
    const bool is_left_out = std::ranges::find(options.skip, point.id) != options.skip.end();
    return (options.only.empty() || is_named) && !is_left_out &&
           (options.level.empty() || options.level == to_text(point.level));
  });
  return chosen;
}

json read_config(const std::string& path) {
  std::ifstream file(path);
  json config = json::parse(file, nullptr, false);
  if (!config.is_object() || !config.contains("name")) {
    throw std::runtime_error(path + ": needs one JSON object with a name, as a plugin gets it");
  }
  if (config.contains("plugins")) {
    throw std::runtime_error(path + ": is a list; take one object of its plugins, and its name");
  }
  return config;
}

/// What is missing or wrong. Throws std::runtime_error.
void complete(Options& options) {
  if (options.subject.plugin.empty() || options.config_file.empty()) {
    throw std::runtime_error("needs a plugin and its network configuration; --help tells more");
  }
  for (const std::string& link : options.world.links) {
    if (link.empty() || link.size() > kLinkNameMax) {
      throw std::runtime_error("--link " + link +
                               ": at most 10 characters, since its peer has 5 more");
    }
  }
  options.subject.plugin = fs::absolute(options.subject.plugin);
  options.subject.config = read_config(options.config_file);
  options.subject.links = options.world.links;
}

/// Cuts the versions down to the one asked for.
void choose_versions(Options& options) {
  std::vector<Version>& supported = options.subject.supported;
  supported = supported_versions(options.subject);
  if (supported.empty()) {
    std::cout << "VERSION names no version from 0.3.0 on; 1.0.0 is tried\n";
    supported = {Version::v1_0_0};
  }
  if (options.version.empty()) {
    return;
  }
  const std::optional<Version> wanted = parse_version(options.version);
  if (!wanted || std::ranges::find(supported, *wanted) == supported.end()) {
    throw std::runtime_error("--version " + options.version + ": the plugin does not support it");
  }
  supported = {*wanted};
}

Expectations read_expected(const Options& options) {
  if (options.expect_file.empty()) {
    return {};
  }
  std::ifstream file(options.expect_file);
  try {
    return read_expectations(file, all_points());
  } catch (const std::runtime_error& error) {
    throw std::runtime_error(options.expect_file + ", " + error.what());
  }
}

int run_suite(Options& options) {
  complete(options);
  Points points = choose(options);
  const Expectations expected = read_expected(options);
  const LeaseDir lease_dir;
  choose_versions(options);
  if (!options.version.empty()) {
    std::erase_if(points, [&](const Point& point) {
      return versions_to_try(point.versions, options.subject.supported).empty();
    });
  }
  const Style style{.has_colour = isatty(STDOUT_FILENO) == 1, .is_verbose = options.is_verbose};
  std::vector<Tried> all;
  for (const Point& point : points) {
    all.push_back({point, try_point(point, options.subject, options.world)});
    print_outcome(std::cout, all.back(), expected, style);
  }
  if (!options.junit_file.empty()) {
    std::ofstream junit(options.junit_file);
    write_junit(junit, fs::path(options.subject.plugin).filename(), all);
  }
  return print_summary(std::cout, all, expected) ? EXIT_SUCCESS : kDiffers;
}

}  // namespace

int main(int argc, char** argv) {
  static_cast<void>(signal(SIGPIPE, SIG_IGN));
  CLI::App app(
      "Checks a CNI plugin against the CNI specification, 0.3.0 to 1.1.0.\n"
      "Exit status: 0 = as expected, 1 = not, 2 = could not be tried, 77 = not root.",
      "cni-conformance");
  Options options;
  declare(app, options);
  CLI11_PARSE(app, argc, argv);
  try {
    if (options.is_list || options.is_markdown) {
      (options.is_markdown ? print_markdown : print_list)(std::cout, choose(options));
      return EXIT_SUCCESS;
    }
    if (geteuid() != 0) {
      std::cerr << "cni-conformance: needs root, to make network namespaces\n";
      return kNotRoot;
    }
    return run_suite(options);
  } catch (const std::exception& error) {
    std::cerr << "cni-conformance: " << error.what() << '\n';
    return kCannotRun;
  }
}
