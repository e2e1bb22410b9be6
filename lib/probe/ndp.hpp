// SPDX-License-Identifier: Apache-2.0
/// \file
/// Neighbour solicitations and advertisements as values: whole IPv6 packets, without the link
/// layer's header.
/// \source RFC 4861, sections 4.3, 4.4 and 7.1
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "mvr/ip/address.hpp"

namespace mvr::probe {

/// What of a packet is looked at: the header, a message, and options.
inline constexpr std::size_t kNdpSize = 128;

struct NdpMessage {
  bool is_advertisement = false;  ///< else a solicitation
  ip::Address source;             ///< of the packet; :: while the sender looks for duplicates
  ip::Address target;
  std::optional<ip::Mac> mac;  ///< of the option: the source's in a solicitation, else the target's

  bool operator==(const NdpMessage&) const = default;
};

/// Reads a packet. Nothing for one of another kind, or that a node has to discard: from behind a
/// router, a wrong checksum, a malformed message.
std::optional<NdpMessage> parse_ndp(std::span<const std::uint8_t> bytes);

/// "Who has `target`?" From :: it has no option, as duplicate address detection wants it.
/// \source RFC 4862, section 5.4.2
std::vector<std::uint8_t> make_solicitation(const ip::Mac& mac, const ip::Address& source,
                                            const ip::Address& target);

/// "`address` is at `mac`", said to all nodes without being asked, with the override flag.
/// \source RFC 4861, section 7.2.6
std::vector<std::uint8_t> make_advertisement(const ip::Mac& mac, const ip::Address& address);

/// ff02::1:ffXX:XXXX, where solicitations for an address go. \source RFC 4291, section 2.7.1
ip::Address solicited_node(const ip::Address& address);

/// ff02::1
ip::Address all_nodes();

/// The MAC of a multicast address. \source RFC 2464, section 7
ip::Mac multicast_mac(const ip::Address& group);

}  // namespace mvr::probe
