// SPDX-License-Identifier: Apache-2.0
#include "probe/arp.hpp"

#include <algorithm>

namespace mvr::probe {
namespace {

/// Hardware type Ethernet, protocol type IPv4, their address lengths, and the first octet of the
/// operation.
constexpr std::array<std::uint8_t, 7> kHeader{0, 1, 8, 0, 6, 4, 0};

constexpr std::size_t kOperation = 7;
constexpr std::size_t kSenderMac = 8;
constexpr std::size_t kSenderIp = 14;
constexpr std::size_t kTargetMac = 18;
constexpr std::size_t kTargetIp = 24;
constexpr std::size_t kMacSize = 6;
constexpr std::size_t kIpSize = 4;

using Bytes = std::span<const std::uint8_t>;

void put(std::span<std::uint8_t, kArpSize> packet, std::size_t offset, Bytes bytes) {
  std::ranges::copy(bytes, packet.subspan(offset).begin());
}

}  // namespace

std::optional<ArpFrame> parse_arp(Bytes bytes) {
  if (bytes.size() < kArpSize || !std::ranges::equal(bytes.first(kHeader.size()), kHeader)) {
    return std::nullopt;
  }
  const ArpOperation operation{bytes[kOperation]};
  if (operation != ArpOperation::request && operation != ArpOperation::reply) {
    return std::nullopt;
  }
  return ArpFrame{operation, *ip::Mac::from_bytes(bytes.subspan(kSenderMac, kMacSize)),
                  *ip::Address::from_bytes(bytes.subspan(kSenderIp, kIpSize)),
                  *ip::Mac::from_bytes(bytes.subspan(kTargetMac, kMacSize)),
                  *ip::Address::from_bytes(bytes.subspan(kTargetIp, kIpSize))};
}

std::array<std::uint8_t, kArpSize> make_arp_request(const ip::Mac& mac, const ip::Address& sender,
                                                    const ip::Address& target) {
  std::array<std::uint8_t, kArpSize> packet{};
  put(packet, 0, kHeader);
  packet[kOperation] = static_cast<std::uint8_t>(ArpOperation::request);
  put(packet, kSenderMac, mac.bytes());
  put(packet, kSenderIp, sender.bytes().first(kIpSize));
  put(packet, kTargetIp, target.bytes().first(kIpSize));
  return packet;
}

std::array<std::uint8_t, kArpSize> make_arp_announcement(ArpOperation operation, const ip::Mac& mac,
                                                         const ip::Address& address) {
  auto packet = make_arp_request(mac, address, address);
  packet[kOperation] = static_cast<std::uint8_t>(operation);
  if (operation == ArpOperation::reply) {
    put(packet, kTargetMac, mac.bytes());
  }
  return packet;
}

}  // namespace mvr::probe
