// SPDX-License-Identifier: Apache-2.0
/// \file
/// A machine of its own for each point: namespaces for network, mounts and processes. Nothing in it
/// reaches the machine, and it ends with the process that is in it.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace conformance {

struct WorldOptions {
  std::vector<std::string> links = {};   ///< veth NAME, up, with a peer NAME-peer, up
  std::vector<std::string> setups = {};  ///< shell commands
};

/// Directories of the world that are in memory and empty at its beginning.
inline constexpr const char* kRunDir = "/run";
inline constexpr const char* kLeaseDir = "/var/lib/cni";
inline constexpr const char* kOwnDir = "/run/cni-conformance";

/// Calls `work` in a new world and returns what it returned. A world that does not end in time is
/// ended. Throws std::runtime_error if the kernel refuses, or if the world ended without a word.
/// \param seconds for `work` and the set-up together
std::string in_new_world(const WorldOptions& options, int seconds,
                         const std::function<std::string()>& work);

/// The directory that a world covers must be there; it is removed again, if it was made for that.
class LeaseDir {
 public:
  LeaseDir();
  LeaseDir(const LeaseDir&) = delete;
  LeaseDir(LeaseDir&&) = delete;
  LeaseDir& operator=(const LeaseDir&) = delete;
  LeaseDir& operator=(LeaseDir&&) = delete;
  ~LeaseDir();

 private:
  std::string made_ = {};  ///< what was not there
};

}  // namespace conformance
