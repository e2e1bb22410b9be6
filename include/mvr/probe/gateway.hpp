// SPDX-License-Identifier: Apache-2.0
/// \file
/// Is there somebody at the gateway's address? Asked by ARP, or by neighbour discovery for IPv6.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "mvr/probe/probe.hpp"

namespace mvr::probe {

/// One question: who has `gateway`, asked from `source`. Both are of one family.
struct Target {
  ip::Address source;
  ip::Address gateway;

  bool operator==(const Target&) const = default;
};

/// What became of one target.
struct Answer {
  Target target;
  std::optional<ip::Mac> mac;           ///< the gateway's; nothing = silence
  int attempts = 0;                     ///< requests sent
  std::chrono::microseconds elapsed{};  ///< until the answer, or in all; from the call on
};

/// Asks all targets at the same time and returns as soon as each has answered or all attempts are
/// spent. Without a carrier nothing is sent and every answer has zero attempts. The order of the
/// answers is that of the targets.
/// A request that the kernel could not send (ENETDOWN, ENOBUFS) is no attempt and is made up for,
/// as long as that takes no more than 2 × attempts intervals.
/// A reply counts when its sender is the gateway and its MAC is not ours; an unasked announcement
/// or a request of the gateway counts likewise: it proves that the gateway is there.
/// Errors: Code::io (socket), interrupted.
/// \source RFC 826; RFC 4861, section 7.2
Result<std::vector<Answer>> probe_gateways(const Fd& socket, const Options& options,
                                           const std::vector<Target>& targets,
                                           const HasCarrier& has_carrier, const Budget& budget);

/// The gateways of one NIC of several. All NICs of an inquiry have the same attempts and interval.
struct Inquiry {
  const Fd* socket = nullptr;  ///< of its own, from `open_socket`
  Options options;
  std::vector<Target> targets;
};

/// The same for several NICs of one netns at a time, which takes no longer than for one. Nobody
/// waits for carriers. What fails for one NIC, which may have gone meanwhile, is no other's
/// failure. \return for each inquiry, in their order. Errors of all: Code::io (epoll), interrupted.
Result<std::vector<Result<std::vector<Answer>>>> probe_together(
    const std::vector<Inquiry>& inquiries, const Budget& budget);

}  // namespace mvr::probe
