// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <sys/stat.h>

#include "ipam/outcome.hpp"
#include "ipam/spawn.hpp"
#include "mvr/base/text.hpp"
#include "mvr/cni/netconf.hpp"
#include "mvr/ipam/ipam.hpp"

namespace mvr::ipam {
namespace {

constexpr int kBusyRetries = 5;
constexpr std::chrono::milliseconds kBusyWait{20};
/// The newest version that every IPAM plugin in use speaks.
constexpr cni::Version kOlderVersion{1, 0, 0};

bool is_regular_file(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode);
}

/// An executable that is being copied to its place is "busy" until the copy is closed. The same
/// happens for an instant when a process forks while it has such a copy open.
Result<Process> spawn_patiently(const std::string& path, const std::vector<char*>& environment,
                                const Budget& budget) {
  for (int retries = 0;; ++retries) {
    Result<Process> process = spawn(path, environment);
    if (process || process.error().sys_errno != ETXTBSY || retries == kBusyRetries) {
      return process;
    }
    MVR_TRY(budget.wait(-1, 0, Clock::now() + kBusyWait));
  }
}

}  // namespace

Result<Plugin> Plugin::find(std::string_view type, std::string_view cni_path,
                            std::vector<std::string> variables) {
  std::vector<std::string> searched;
  for (const std::string_view directory : split(cni_path, ':')) {
    if (directory.empty()) {
      continue;
    }
    std::string path = std::string(directory) + '/' + std::string(type);
    if (is_regular_file(path)) {
      return Plugin(type, std::move(path), std::move(variables));
    }
    searched.push_back(printable(directory));
  }
  return fail({Code::ipam_failed, ENOENT,
               "ipam " + std::string(type) + ": no such file in CNI_PATH (" +
                   (searched.empty() ? "empty" : join(searched, ", ")) + ")"});
}

Result<Child> Plugin::start(std::string_view verb, std::string input, const Budget& budget) const {
  std::vector<std::string> variables = variables_;
  variables.push_back("CNI_COMMAND=" + std::string(verb));
  Result<Process> process = spawn_patiently(path_, make_environment(variables), budget);
  if (!process) {
    return fail(std::move(process).error().in("ipam " + type_));
  }
  Child child(type_, process->pid, std::move(process->streams), std::move(input));
  Result<void> opened = child.open_pidfd();
  if (!opened) {
    return fail(std::move(opened).error().in("ipam " + type_));
  }
  child.feed();
  return child;
}

/// Waits for the end; a plugin that is too old for the configuration is asked once more in its own
/// version.
Result<Child::Exit> Plugin::conclude(std::string_view verb, Child child, const std::string& config,
                                     const cni::Version& version, const Budget& budget) const {
  Result<Child::Exit> exit = judge(type_, MVR_TRY(child.finish(budget)));
  if (exit || !is_version_refusal(exit.error()) || version <= kOlderVersion ||
      is_unknown_verb(verb, exit.error())) {
    return exit;
  }
  Result<std::string> older = cni::downgrade_netconf(config);
  if (!older) {
    return fail(std::move(older).error().in("ipam " + type_));
  }
  Child again = MVR_TRY(start(verb, std::move(*older), budget));
  return judge(type_, MVR_TRY(again.finish(budget)));
}

Result<cni::AddResult> Plugin::add(const std::string& config, const cni::Version& version,
                                   const Budget& budget) const {
  Child child = MVR_TRY(start("ADD", config, budget));
  const Child::Exit exit = MVR_TRY(conclude("ADD", std::move(child), config, version, budget));
  return read_result(type_, exit, version);
}

Result<void> Plugin::call(std::string_view verb, const std::string& config,
                          const cni::Version& version, const Budget& budget) const {
  Child child = MVR_TRY(start(verb, config, budget));
  return collect(verb, std::move(child), config, version, budget);
}

Result<void> Plugin::collect(std::string_view verb, Child child, const std::string& config,
                             const cni::Version& version, const Budget& budget) const {
  const Result<Child::Exit> exit = conclude(verb, std::move(child), config, version, budget);
  if (!exit && !is_unknown_verb(verb, exit.error())) {
    return fail(exit.error());
  }
  return {};
}

}  // namespace mvr::ipam
