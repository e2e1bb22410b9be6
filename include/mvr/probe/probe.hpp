// SPDX-License-Identifier: Apache-2.0
/// \file
/// What all probes have in common: the socket, the NIC, how often they ask.
#pragma once

#include <chrono>
#include <functional>
#include <vector>

#include "mvr/base/budget.hpp"
#include "mvr/base/error.hpp"
#include "mvr/base/fd.hpp"
#include "mvr/ip/address.hpp"

namespace mvr::probe {

/// A packet socket for ARP and neighbour discovery, not bound to an interface yet: it belongs to
/// the netns in which it is opened, and hears nothing before `prepare`. Fails with Code::io.
/// \source packet(7)
Result<Fd> open_socket();

struct Options {
  int ifindex = 0;  ///< the NIC, in the socket's netns
  ip::Mac mac;      ///< the NIC's own; frames that bear it are ignored
  int attempts = 5;
  std::chrono::milliseconds interval{100};  ///< between two requests, and after the last
};

/// True when the NIC can send: IFF_RUNNING. IFF_LOWER_UP comes too early, the kernel drops what is
/// sent until it has seen to the queues (linkwatch). Asked again and again while it cannot.
using HasCarrier = std::function<Result<bool>()>;

/// Binds the socket to the NIC, in whose groups it then hears what concerns these addresses, and
/// waits for the carrier, at most attempts × interval. False without a carrier.
/// Errors: Code::io (socket), interrupted.
Result<bool> prepare(const Fd& socket, const Options& options,
                     const std::vector<ip::Address>& addresses, const HasCarrier& has_carrier,
                     const Budget& budget);

}  // namespace mvr::probe
