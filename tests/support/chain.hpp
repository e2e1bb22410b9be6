// SPDX-License-Identifier: Apache-2.0
/// \file
/// A network as libcni attaches a container to it: one plugin, or a list of them, each with the
/// result of the one before.
#pragma once

#include <string>
#include <vector>

#include "support/plugin.hpp"

namespace mvr::test {

/// What the runtime knows of an attachment.
struct Container {
  std::string id = kContainerId;
  std::string netns = {};  ///< path
  std::string ifname = "net1";
  std::string args = {};               ///< CNI_ARGS
  json capabilities = json::object();  ///< values for those that a plugin declares
  std::string cni_path = kCniPath;     ///< where the other plugins are
};

/// One attachment, with the result of its ADD as libcni caches it.
class Chain {
 public:
  /// \param network a list, with `plugins`, or the configuration of a single plugin
  Chain(const json& network, Container container);

  /// Forwards. The answer of the last plugin, or of the first one that failed: nothing is undone
  /// then, which is for the runtime to ask for.
  /// \source libcni, AddNetworkList
  Answer add();

  /// Forwards, each with the result of the whole list; a version before 0.4.0 has no CHECK.
  /// \source libcni, CheckNetworkList
  Answer check();

  /// Backwards, with the same result from 0.4.0 on, until one fails. The cache is empty after a
  /// success. \source libcni, DelNetworkList
  Answer del();

  /// What is cached; null without an ADD that has succeeded.
  [[nodiscard]] const json& result() const { return result_; }

  /// Somebody has edited the cache, or, with null, lost it.
  void cache(json result) { result_ = std::move(result); }

  /// All calls so far, in order: "ADD net1 macvlan-rdma".
  [[nodiscard]] const std::vector<std::string>& calls() const { return calls_; }

  /// The call of one plugin of the list, to be changed before it is run.
  /// \param previous null for none
  [[nodiscard]] Call call(const std::string& verb, std::size_t plugin, const json& previous) const;

 private:
  Answer run_plugin_of(const std::string& verb, std::size_t plugin, const json& previous);

  std::string name_;
  std::string version_;
  std::vector<json> plugins_;
  Container container_;
  json result_ = {};
  std::vector<std::string> calls_ = {};
};

}  // namespace mvr::test
