// SPDX-License-Identifier: Apache-2.0
// What `doctor` finds of plugins and of the runtime's configurations.
#include <sys/stat.h>

#include <set>

#include "mvr/base/fd.hpp"
#include "mvr/base/text.hpp"
#include "ops/doctor.hpp"

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

/// "0.1.0" of "macvlan-rdma 0.1.0: CNI plugin for …" in an executable; else "".
std::string find_version(const std::string& text) {
  constexpr std::string_view kBefore = "macvlan-rdma ";
  constexpr std::string_view kBehind = ": CNI plugin for ";
  constexpr std::size_t kLongestVersion = 32;
  for (std::size_t at = text.find(kBehind); at != std::string::npos;
       at = text.find(kBehind, at + 1)) {
    const std::size_t begin = text.rfind(kBefore, at);
    const std::size_t size = begin == std::string::npos ? 0 : at - begin - kBefore.size();
    if (size != 0 && size <= kLongestVersion) {
      return text.substr(begin + kBefore.size(), size);
    }
  }
  return {};
}

constexpr std::size_t kLongestProgram = 256UL * 1024 * 1024;

Diagnosis compare_program(const System& system, const std::string& path) {
  const auto own = read_file(system.program, kLongestProgram);
  const auto other = read_file(system.root + path, kLongestProgram);
  const std::string remedy = "install this one: install macvlan-rdma " + path;
  if (!own || !other) {
    return {Grade::warn, "macvlan-rdma", "", (own ? other : own).error().msg, remedy};
  }
  const std::string version = find_version(*own);
  if (*own == *other) {
    return {Grade::ok, "macvlan-rdma", "", path + ", version " + version};
  }
  const std::string theirs = find_version(*other);
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
          "install -D macvlan-rdma " + system.plugin_dirs.front() + "/macvlan-rdma"};
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
