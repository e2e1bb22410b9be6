// SPDX-License-Identifier: Apache-2.0
/// \file
/// A look at what the plugin has made on this node, pod by pod, and at what is wrong with it.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "mvr/base/error.hpp"
#include "mvr/net/netns.hpp"
#include "mvr/net/types.hpp"
#include "mvr/plan/verify.hpp"
#include "mvr/probe/gateway.hpp"
#include "mvr/state/attachment.hpp"

namespace mvr::plugin {

/// What is wrong, for people.
struct Problem {
  std::string what;  ///< the thing and the cause
  std::string remedy;

  bool operator==(const Problem&) const = default;
};

struct GatewayView {
  enum class State { answers, silent, no_carrier, not_asked };

  probe::Target target;
  State state = State::not_asked;
  std::optional<ip::Mac> mac = {};         ///< the gateway's, if it answers
  int attempts = 0;                        ///< requests sent
  std::chrono::microseconds elapsed = {};  ///< until the answer, or in all
};

struct RdmaView {
  std::string name;  ///< when ADD ran
  std::uint32_t port = 0;
  bool is_moved = false;  ///< into the pod
  bool is_found = false;  ///< the pod sees it
  bool is_active = false;
  std::vector<std::uint32_t> gid_indexes;  ///< RoCE v2, in the order of the addresses
};

/// One NIC of ours, or what is left of it: by the link in the pod, by its journal, or both.
struct NicView {
  std::string name;
  state::Attachment attachment;   ///< without a journal only its ifname is known
  std::string journal;            ///< path; empty: it has none
  std::optional<net::Link> link;  ///< in the pod
  std::string master_name;        ///< as it is now, else as the journal has it
  std::optional<net::Link> master;
  std::vector<ip::Prefix> addresses;
  std::vector<GatewayView> gateways;
  std::uint32_t table = 0;          ///< 0 = none
  std::vector<std::string> routes;  ///< of the table
  std::vector<std::string> rules;   ///< that lead to it
  std::optional<RdmaView> rdma;
  bool is_busy = false;  ///< a call is at work for it; then nothing is compared, nobody asked
  std::vector<plan::Mismatch> drift;
  std::vector<Problem> problems;
  std::vector<std::string> notes;  ///< what is no problem
};

/// The interface that the cluster's own traffic takes.
struct OverlayView {
  std::string name;
  std::uint32_t mtu = 0;
  std::vector<ip::Prefix> addresses;
  std::uint32_t table = 0;          ///< T0; 0 = none
  std::vector<std::string> routes;  ///< main's, by it
};

struct PodView {
  std::string name;  ///< "namespace/name"; empty if the runtime did not say
  std::string path;  ///< of its network namespace
  net::NetnsId id;
  std::optional<OverlayView> overlay;
  std::vector<NicView> nics;
  // Of no single NIC.
  std::vector<plan::Mismatch> drift;  ///< of what several share: main's routes, T0
  std::vector<Problem> problems;      ///< main's default route
};

/// A journal whose pod is not to be found.
struct LostView {
  state::Attachment attachment;
  std::string pod;
  std::string journal;
  bool is_busy = false;
  Problem problem;  ///< unless it is busy
};

struct NodeView {
  std::string state_dir;
  std::vector<PodView> pods;   ///< by name, then by container
  std::vector<LostView> lost;  ///< likewise
  std::vector<Problem> problems;
};

struct InspectOptions {
  std::string state_dir;
  /// Path of one pod's namespace. Nothing: all pods that journals tell of, and those below
  /// /run/netns that have a NIC of ours.
  std::optional<std::string> netns;
  bool is_probing = true;  ///< ask the gateways, from inside the pods
};

/// Looks, and changes nothing. Fails where nothing can be seen: Code::bad_netns for the path. A
/// stateDir that cannot be used is a problem of the node, whose NICs are shown without journals.
Result<NodeView> inspect(const InspectOptions& options);

/// True if there is no problem and no drift.
bool is_healthy(const NicView& nic);
bool is_healthy(const PodView& pod);
bool is_healthy(const NodeView& node);

}  // namespace mvr::plugin
