// SPDX-License-Identifier: Apache-2.0
/// \file
/// A node whose RDMA devices belong to one namespace each, its pods with their runtimes, and how
/// all of it was before the plugin was called.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "support/plugin.hpp"
#include "support/shell.hpp"
#include "vm/support/rdma_node.hpp"

namespace mvr::test {

class ExclusiveWorld {
 public:
  /// \param rails 2: the second is there to be left alone
  explicit ExclusiveWorld(const std::vector<std::string>& pods, int rails = 1,
                          Overlay overlay = Overlay::none);

  [[nodiscard]] RdmaNode& node() { return node_; }
  [[nodiscard]] const Pod& pod(const std::string& name) const { return pods_.at(name); }

  /// What calls the plugin for a pod. It stays when the pod has been removed, as the runtime does.
  [[nodiscard]] Runtime& runtime(const std::string& name) { return runtimes_.at(name); }

  /// The pod's namespace loses its path, and is no more of interest.
  void remove_pod(const std::string& name);

  /// The world as it is now becomes what `changes` compares with.
  void look();

  /// What is not as it was, RDMA devices of node and pods included, a line each.
  [[nodiscard]] std::string changes() const;

  /// The same when the kernel has had the time to end the namespaces that have been removed.
  [[nodiscard]] std::string late_changes() const;

 private:
  [[nodiscard]] json take_snapshot() const;

  RdmaNode node_;
  std::map<std::string, Pod> pods_ = {};
  std::map<std::string, Runtime> runtimes_ = {};
  json before_ = {};
};

/// A process in a pod; ends with this object.
class Inhabitant {
 public:
  explicit Inhabitant(const Pod& pod);

  [[nodiscard]] pid_t pid() const { return process_.pid(); }

  /// The path by which its namespace can be reached.
  [[nodiscard]] std::string netns() const { return "/proc/" + std::to_string(pid()) + "/ns/net"; }

 private:
  Process process_;
};

/// The answer, if the call has succeeded; else the test fails.
Answer succeed(Answer answer);

/// `rdma ARGUMENTS` in the namespace at a path; returns what it printed, or fails the test.
std::string run_rdma(const std::string& netns, std::vector<std::string> arguments);

/// Asserts that rail 1's device is in a pod and nowhere else.
void check_device_in(const std::string& pod);

/// Asserts that rail 1's device is on the node, by its name.
void check_device_home();

}  // namespace mvr::test
