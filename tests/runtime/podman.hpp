// SPDX-License-Identifier: Apache-2.0
/// \file
/// podman with its CNI backend, with images, containers and networks of the test's own.
#pragma once

#include <string>
#include <vector>

#include "runtime/cni_host.hpp"

namespace mvr::test {

class Podman {
 public:
  /// Imports the host's image. \param plugins the directory of CNI plugins
  explicit Podman(const CniHost& host, const std::string& plugins = CniHost::plugin_dir());

  /// `podman ARGUMENTS`.
  [[nodiscard]] Output run(const std::vector<std::string>& arguments) const;

  /// The same; fails the test if podman does. Returns what it printed, without the last newline.
  std::string must(const std::vector<std::string>& arguments) const;

  /// Starts a container that sleeps, with these options.
  void start(const std::string& name, std::vector<std::string> options) const;

  /// What `podman inspect` knows of a container's networks.
  [[nodiscard]] json networks(const std::string& container) const;

  /// The name below /run/netns of a container's namespace.
  [[nodiscard]] std::string netns(const std::string& container) const;

  /// All that podman knows of, with force.
  void remove_all() const;
};

}  // namespace mvr::test
