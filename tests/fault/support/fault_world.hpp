// SPDX-License-Identifier: Apache-2.0
/// \file
/// A pod whose net1 comes and goes again and again, by calls to which something happens.
#pragma once

#include <memory>
#include <string>

#include "support/routing_world.hpp"

namespace mvr::test {

/// What net1 is like, and who is there before it.
struct Variant {
  json patch = json::object();  ///< merged into the configuration of rail 1
  bool has_elder = false;       ///< net2 is there before, and is to be left alone
  json elder = json::object();  ///< merged into net2's, which is on rail 2
  Families families = Families::v4;
};

class FaultWorld {
 public:
  explicit FaultWorld(Variant variant);

  /// Everything anew, in other namespaces: for when something has been left.
  void rebuild();

  /// The pod's end. Only `rebuild` brings another one.
  void remove_pod();

  /// For net1, without prevResult.
  [[nodiscard]] Call call(const std::string& verb) const;

  /// For net1, with what this ADD has answered.
  [[nodiscard]] Call call(const std::string& verb, const Answer& added) const;

  [[nodiscard]] Answer run(const std::string& verb) const { return run_plugin(call(verb)); }

  /// What is not as it was before net1, and what net2's CHECK finds; empty if all is well.
  [[nodiscard]] std::string find_traces() const;

  /// The same of the node alone, when the pod is gone.
  [[nodiscard]] std::string find_traces_on_node() const;

 private:
  Variant variant_;
  json config_;
  std::unique_ptr<PodWorld> world_;
  json node_;
};

/// A problem and what it is about as a line; nothing if there is no problem.
std::string say(const std::string& what, const std::string& problem);

}  // namespace mvr::test
