// SPDX-License-Identifier: Apache-2.0
/// \file
/// ARP and neighbour discovery as others may send them, right or wrong: built field by field,
/// without the product's own code.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "mvr/ip/address.hpp"

namespace mvr::test {

using Packet = std::vector<std::uint8_t>;

inline constexpr std::uint8_t kArpRequest = 1;
inline constexpr std::uint8_t kArpReply = 2;

struct ArpFields {
  std::uint8_t operation = kArpReply;
  ip::Mac sender_mac;
  ip::Address sender_ip;
  ip::Mac target_mac;
  ip::Address target_ip;
};

Packet make_arp(const ArpFields& fields);

inline constexpr std::uint8_t kSolicitation = 135;
inline constexpr std::uint8_t kAdvertisement = 136;
inline constexpr std::uint8_t kSolicited = 0x40;  ///< flags of an advertisement
inline constexpr std::uint8_t kOverride = 0x20;

struct NdpFields {
  std::uint8_t type = kAdvertisement;
  ip::Address source;
  ip::Address destination;
  ip::Address target;
  std::optional<ip::Mac> mac = {};  ///< of the option: the source's or the target's, as type has it
  std::uint8_t flags = 0;
  std::uint8_t hops = 255;
  std::uint8_t code = 0;
  std::uint16_t checksum_error = 0;  ///< added to the checksum
};

Packet make_ndp(const NdpFields& fields);

}  // namespace mvr::test
