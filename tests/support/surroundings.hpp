// SPDX-License-Identifier: Apache-2.0
/// \file
/// The plugin started from where no developer would start it: by lines of shell that change what a
/// process inherits, or by a daemon in a container.
#pragma once

#include <string>

#include "support/plugin.hpp"

namespace mvr::test {

/// The program by way of a shell in a mount namespace of its own, which runs these lines and then
/// executes it; a line may do so itself, `exec env "$0"`.
Command surround(const Call& call, const std::string& lines);

/// Runs one verb so.
Answer run_surrounded(const Call& call, const std::string& lines);

/// A daemon in a container, as the thick Multus is: in mount and PID namespaces of its own, with
/// directories of its own in place of the node's. The node's root is at another path there, and it
/// executes plugins below that. What the node mounts later is mounted there as well.
class ContainedDaemon {
 public:
  /// To be made before the pods.
  ContainedDaemon();

  /// Runs one verb below the node's root, with the working directory left outside of it.
  [[nodiscard]] Answer run_plugin(const Call& call) const;

 private:
  Process process_;
};

}  // namespace mvr::test
