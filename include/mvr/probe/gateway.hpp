// SPDX-License-Identifier: Apache-2.0
/// \file
/// Is there somebody at the gateway's address? Asked by ARP on a packet socket of the pod's netns.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <vector>

#include "mvr/base/budget.hpp"
#include "mvr/base/error.hpp"
#include "mvr/base/fd.hpp"
#include "mvr/ip/address.hpp"

namespace mvr::probe {

/// A packet socket for ARP, not bound to an interface yet: it belongs to the netns in which it is
/// opened and is bound by `probe_gateways`. Fails with Code::io.
Result<Fd> open_arp_socket();

/// One question: who has `gateway`, asked from `source`. Both are IPv4.
struct Target {
  ip::Address source;
  ip::Address gateway;

  bool operator==(const Target&) const = default;
};

struct Options {
  int ifindex = 0;  ///< the NIC, in the socket's netns
  ip::Mac mac;      ///< the NIC's own; frames that bear it are ignored
  int attempts = 5;
  std::chrono::milliseconds interval{100};  ///< between two requests, and after the last
};

/// What became of one target.
struct Answer {
  Target target;
  std::optional<ip::Mac> mac;           ///< the gateway's; nothing = silence
  int attempts = 0;                     ///< requests sent
  std::chrono::microseconds elapsed{};  ///< until the answer, or in all; from the call on
};

/// True when the NIC can send: IFF_RUNNING. IFF_LOWER_UP comes too early, the kernel drops what is
/// sent until it has seen to the queues (linkwatch). Asked again and again while it cannot.
using HasCarrier = std::function<Result<bool>()>;

/// Asks all targets at the same time and returns as soon as each has answered or all attempts are
/// spent. Waits for the carrier first, at most attempts × interval; without it nothing is sent and
/// every answer has zero attempts. The order of the answers is that of the targets.
/// A request that the kernel could not send (ENETDOWN, ENOBUFS) is no attempt and is made up for,
/// as long as that takes no more than 2 × attempts intervals.
/// A reply counts when its sender IP is the gateway and its sender MAC is not ours; a gratuitous
/// announcement or a request of the gateway counts likewise: it proves that the gateway is there.
/// Errors: Code::io (socket), interrupted.
/// \source RFC 826; packet(7)
Result<std::vector<Answer>> probe_gateways(const Fd& socket, const Options& options,
                                           const std::vector<Target>& targets,
                                           const HasCarrier& has_carrier, const Budget& budget);

}  // namespace mvr::probe
