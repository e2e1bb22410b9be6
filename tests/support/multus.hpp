// SPDX-License-Identifier: Apache-2.0
/// \file
/// A pod's networks as Multus attaches them: which calls it makes, in which order, and what it puts
/// into each of them.
#pragma once

#include <deque>
#include <string>
#include <vector>

#include "support/chain.hpp"

namespace mvr::test {

/// A NetworkAttachmentDefinition, and what a pod's annotation says about it.
struct Network {
  json config;                        ///< `spec.config`: a plugin or a list of them
  std::string device = {};            ///< the ID that a device plugin has given to the pod
  json cni_args = {};                 ///< the annotation's `cni-args`
  std::string mac = {};               ///< `mac`
  std::vector<std::string> ips = {};  ///< `ips`
  std::string gateway = {};           ///< `default-route`
};

class Multus {
 public:
  /// \param netns the path that the runtime names
  Multus(std::string pod, std::string netns, std::string container_id = kContainerId);

  /// The cluster's own network, which makes eth0 and is attached before all others. Without it the
  /// pod has an eth0 already.
  void set_cluster_network(json config) { cluster_ = std::move(config); }

  /// CNI_ARGS of who calls Multus.
  void set_caller_args(std::string args) { caller_args_ = std::move(args); }

  /// ADD of all, as net1, net2 … After a failure DEL of that one and of those before it, backwards.
  /// \return the answer of the last one, or of the one that failed
  Answer add(const std::vector<Network>& networks);

  /// CHECK of all; empty if all succeed, else what the first one says.
  std::string check();

  /// DEL of all, backwards, whatever becomes of each. \return what those say that fail, a line each
  std::string del();

  /// The next DEL knows no result.
  void lose_cache();

  /// The n-th network, 1 for net1, of the last ADD.
  [[nodiscard]] Chain& network(std::size_t n);

  /// The network-status annotation's entry for it: what the pod's programs and users see.
  [[nodiscard]] json status(std::size_t n);

  /// All calls so far, in order: "ADD net1 macvlan-rdma".
  [[nodiscard]] const std::vector<std::string>& calls() const { return calls_; }

 private:
  struct Delegate {
    Network network;
    std::string ifname;
    Chain chain;
  };

  Delegate make_delegate(const Network& network, const std::string& ifname) const;
  [[nodiscard]] std::string args_for(const Network& network) const;
  Answer attach(Delegate& delegate);
  Answer call(Delegate& delegate, Answer (Chain::*verb)());

  /// DEL of the first `count` ones, backwards.
  std::string detach(std::size_t count);

  std::string pod_;
  std::string netns_;
  std::string container_id_;
  std::string caller_args_;
  json cluster_ = {};
  std::deque<Delegate> delegates_ = {};
  std::vector<std::string> calls_ = {};
};

/// The scenario's network of rail n.
/// \param patch merged into its configuration (RFC 7396)
Network rail_network(int n, const json& patch = json::object());

/// A cluster network made by Debian's ptp and host-local: 10.233.119.0/24 on eth0.
json ptp_network();

}  // namespace mvr::test
