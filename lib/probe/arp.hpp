// SPDX-License-Identifier: Apache-2.0
/// \file
/// ARP packets of IPv4 on Ethernet as values, without the link layer's header.
/// \source RFC 826
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "mvr/ip/address.hpp"

namespace mvr::probe {

/// Bytes of an ARP packet for IPv4 on Ethernet.
inline constexpr std::size_t kArpSize = 28;

enum class ArpOperation : std::uint8_t { request = 1, reply = 2 };

struct ArpFrame {
  ArpOperation operation{};
  ip::Mac sender_mac;
  ip::Address sender_ip;
  ip::Mac target_mac;
  ip::Address target_ip;

  bool operator==(const ArpFrame&) const = default;
};

/// Reads a packet; padding after it is ignored. Nothing when it is shorter, of another kind of
/// network or protocol, or neither request nor reply.
std::optional<ArpFrame> parse_arp(std::span<const std::uint8_t> bytes);

/// "Who has `target`? Tell `sender`." Both are IPv4; a probe has the sender 0.0.0.0.
std::array<std::uint8_t, kArpSize> make_arp_request(const ip::Mac& mac, const ip::Address& sender,
                                                    const ip::Address& target);

/// "`address` is at `mac`", said to all without being asked.
/// \source RFC 5227, section 2.3, for the request; RFC 5944, section 4.6, for the reply
std::array<std::uint8_t, kArpSize> make_arp_announcement(ArpOperation operation, const ip::Mac& mac,
                                                         const ip::Address& address);

}  // namespace mvr::probe
