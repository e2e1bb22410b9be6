// SPDX-License-Identifier: Apache-2.0
// What `doctor` finds of plugins and of the runtime's configurations.
#include <sys/stat.h>

#include <set>

#include "mvr/base/fd.hpp"
#include "mvr/base/text.hpp"
#include "ops/doctor.hpp"
#include "ops/installation.hpp"

namespace mvr::ops {
namespace {

Diagnosis check_ipam(const System& system, const std::string& type) {
  constexpr const char* kWhat = "IPAM";
  for (const std::string& dir : system.plugin_dirs) {
    const std::string path = (dir + '/').append(type);
    struct stat status {};
    if (::stat((system.root + path).c_str(), &status) != 0 || !S_ISREG(status.st_mode)) {
      continue;
    }
    if ((status.st_mode & S_IXUSR) == 0) {
      return {Grade::fail, kWhat, type, path + " cannot be executed", "chmod 755 " + path};
    }
    return {Grade::ok, kWhat, type, path};
  }
  return {Grade::fail, kWhat, type, "is in none of " + join(system.plugin_dirs, ", "),
          "install it to " + system.plugin_dirs.front()};
}

constexpr std::size_t kLongestProgram = 256UL * 1024 * 1024;

Diagnosis compare_program(const System& system, const std::string& path) {
  const auto own = read_file(system.program, kLongestProgram);
  const auto other = read_file(system.root + path, kLongestProgram);
  const std::string remedy =
      "install this one: macvlan-rdma install --to " + path.substr(0, path.rfind('/'));
  if (!own || !other) {
    return {Grade::warn, "macvlan-rdma", "", (own ? other : own).error().msg, remedy};
  }
  const std::string version = find_version(*own).value_or("");
  if (*own == *other) {
    return {Grade::ok, "macvlan-rdma", "", path + ", version " + version};
  }
  const std::string theirs = find_version(*other).value_or("");
  return {Grade::warn, "macvlan-rdma", "",
          path + " is " + (theirs.empty() ? "another program" : "another build, " + theirs) +
              "; this one is " + version,
          remedy};
}

Diagnosis check_program(const System& system) {
  for (const std::string& dir : system.plugin_dirs) {
    const std::string path = dir + "/macvlan-rdma";
    if (system.has(path)) {
      return compare_program(system, path);
    }
  }
  return {Grade::fail, "macvlan-rdma", "", "is in none of " + join(system.plugin_dirs, ", "),
          "macvlan-rdma install --to " + system.plugin_dirs.front()};
}

/// The first in the order of their names is the one that runtimes take.
Diagnosis check_configurations(const System& system) {
  constexpr const char* kDir = "/etc/cni/net.d";
  const auto files = system.find({kDir}, {".conf", ".conflist", ".json"});
  if (!system.has(kDir) || files.empty()) {
    return {Grade::warn, kDir, "", system.has(kDir) ? "has no configuration" : "is not there",
            "install the cluster's network and Multus, or look where the runtime has it"};
  }
  return {Grade::ok, kDir, "",
          files.front().substr(files.front().rfind('/') + 1) + " is the runtime's, of " +
              std::to_string(files.size())};
}

}  // namespace

Diagnoses check_cni(const System& system) {
  Diagnoses all{check_program(system)};
  std::set<std::string> types;
  for (const cni::NetConf& conf : system.networks) {
    types.insert(conf.ipam_type);
  }
  types.erase("");
  for (const std::string& type : types) {
    all.push_back(check_ipam(system, type));
  }
  all.push_back(check_configurations(system));
  return all;
}

}  // namespace mvr::ops
