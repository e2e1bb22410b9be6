// SPDX-License-Identifier: Apache-2.0
#include "support/packets.hpp"

#include <span>

namespace mvr::test {
namespace {

constexpr std::uint8_t kIcmp6 = 58;
constexpr std::size_t kHeader = 40;

void append(Packet& packet, std::span<const std::uint8_t> bytes) {
  packet.insert(packet.end(), bytes.begin(), bytes.end());
}

/// \source RFC 4443, section 2.3: the addresses, the length, the next header, the message
std::uint16_t checksum_of(const Packet& packet) {
  constexpr std::size_t kAddresses = 8;
  constexpr std::uint64_t kModulus = 0xffff;
  std::uint64_t sum = packet.size() - kHeader + kIcmp6;
  for (std::size_t i = kAddresses; i + 1 < packet.size(); i += 2) {
    sum += packet[i] * 256U + packet[i + 1];
  }
  return static_cast<std::uint16_t>(kModulus - sum % kModulus);
}

}  // namespace

Packet make_arp(const ArpFields& fields) {
  Packet packet{0, 1, 8, 0, 6, 4, 0, fields.operation};
  append(packet, fields.sender_mac.bytes());
  append(packet, fields.sender_ip.bytes());
  append(packet, fields.target_mac.bytes());
  append(packet, fields.target_ip.bytes());
  return packet;
}

Packet make_ndp(const NdpFields& fields) {
  const std::uint8_t length = fields.mac ? 32 : 24;
  Packet packet{0x60, 0, 0, 0, 0, length, kIcmp6, fields.hops};
  append(packet, fields.source.bytes());
  append(packet, fields.destination.bytes());
  append(packet, Packet{fields.type, fields.code, 0, 0, fields.flags, 0, 0, 0});
  append(packet, fields.target.bytes());
  if (fields.mac) {
    const std::uint8_t option = fields.type == kSolicitation ? 1 : 2;
    append(packet, Packet{option, 1});
    append(packet, fields.mac->bytes());
  }
  const auto checksum = static_cast<std::uint16_t>(checksum_of(packet) + fields.checksum_error);
  packet[kHeader + 2] = static_cast<std::uint8_t>(checksum >> 8U);
  packet[kHeader + 3] = static_cast<std::uint8_t>(checksum);
  return packet;
}

}  // namespace mvr::test
