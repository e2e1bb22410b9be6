// SPDX-License-Identifier: Apache-2.0
/// \file
/// What the probes send and hear on the NIC's wire: ARP and neighbour discovery, by one packet
/// socket.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "mvr/base/error.hpp"
#include "mvr/base/fd.hpp"
#include "mvr/ip/address.hpp"
#include "mvr/probe/probe.hpp"

namespace mvr::probe {

/// What a frame says: "`address` is mine", or with `is_probe` "it will be, if nobody objects".
struct Claim {
  ip::Address address;
  ip::Mac mac;
  bool is_probe = false;
};

/// Binds the socket to the NIC, and has the NIC take what is sent to the groups of these addresses.
Result<void> bind_to(const Fd& socket, const Options& options,
                     const std::vector<ip::Address>& addresses);

/// Asks for an address. From any address (0.0.0.0 or ::) this is a probe, which changes nobody's
/// cache. False when the kernel could not send just now.
Result<bool> send_question(const Fd& socket, const Options& options, const ip::Address& source,
                           const ip::Address& target);

/// Tells all that the address is ours. False when the kernel could not send just now.
Result<bool> send_announcement(const Fd& socket, const Options& options,
                               const ip::Address& address);

/// The claim in one frame that was sent to us, to all or to a group; never one of our own. What the
/// NIC overheard is none, nor what belongs to a VLAN.
Result<std::optional<Claim>> receive_claim(const Fd& socket, const ip::Mac& own);

}  // namespace mvr::probe
