// SPDX-License-Identifier: Apache-2.0
#include "probe/ndp.hpp"

#include <netinet/icmp6.h>
#include <netinet/in.h>

#include <algorithm>

namespace mvr::probe {
namespace {

using Bytes = std::span<const std::uint8_t>;

constexpr std::size_t kHeaderSize = 40;
constexpr std::size_t kMessageSize = 24;
constexpr std::size_t kOptionUnit = 8;
constexpr std::size_t kAddressSize = 16;
constexpr std::size_t kMacSize = 6;
constexpr std::uint8_t kHopLimit = 255;  ///< what no router has forwarded
constexpr std::uint8_t kOverride = 0x20;

// Offsets in a packet.
constexpr std::size_t kLength = 4;
constexpr std::size_t kNextHeader = 6;
constexpr std::size_t kHops = 7;
constexpr std::size_t kSource = 8;
constexpr std::size_t kDestination = 24;
constexpr std::size_t kType = 40;
constexpr std::size_t kCode = 41;
constexpr std::size_t kChecksum = 42;
constexpr std::size_t kFlags = 44;
constexpr std::size_t kTarget = 48;
constexpr std::size_t kOptions = 64;

std::uint32_t add_words(Bytes bytes, std::uint32_t sum) {
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    sum += i % 2 == 0 ? static_cast<std::uint32_t>(bytes[i]) << 8U : bytes[i];
  }
  return sum;
}

/// Over the message and the pseudo-header; 0 for a packet whose checksum field is right.
/// \source RFC 4443, section 2.3; RFC 8200, section 8.1
std::uint16_t compute_checksum(Bytes packet) {
  const Bytes message = packet.subspan(kHeaderSize);
  std::uint32_t sum = add_words(packet.subspan(kSource, 2 * kAddressSize), 0);
  sum += static_cast<std::uint32_t>(message.size()) + IPPROTO_ICMPV6;
  sum = add_words(message, sum);
  while (sum > 0xffffU) {
    sum = (sum & 0xffffU) + (sum >> 16U);
  }
  return static_cast<std::uint16_t>(~sum);
}

ip::Address read_address(Bytes packet, std::size_t offset) {
  return *ip::Address::from_bytes(packet.subspan(offset, kAddressSize));
}

/// The packet without what may follow it on the wire; nothing if it is cut short or no such
/// message.
std::optional<Bytes> trim(Bytes packet) {
  if (packet.size() < kHeaderSize + kMessageSize || packet[0] >> 4U != 6 ||
      packet[kNextHeader] != IPPROTO_ICMPV6 || packet[kHops] != kHopLimit) {
    return std::nullopt;
  }
  const std::size_t length = static_cast<std::size_t>(packet[kLength]) << 8U | packet[kLength + 1];
  const bool is_whole = length >= kMessageSize && kHeaderSize + length <= packet.size();
  return is_whole ? std::optional(packet.first(kHeaderSize + length)) : std::nullopt;
}

/// The link-layer address option of this type. False when an option is malformed: then the whole
/// message is to be discarded.
bool read_options(Bytes options, std::uint8_t type, std::optional<ip::Mac>& mac) {
  while (!options.empty()) {
    const std::size_t size = options.size() < 2 ? 0 : options[1] * kOptionUnit;
    if (size == 0 || size > options.size()) {
      return false;
    }
    if (options[0] == type) {
      mac = ip::Mac::from_bytes(options.subspan(2, kMacSize));
    }
    options = options.subspan(size);
  }
  return true;
}

void put(std::vector<std::uint8_t>& packet, std::size_t offset, Bytes bytes) {
  std::ranges::copy(bytes, packet.begin() + static_cast<std::ptrdiff_t>(offset));
}

std::vector<std::uint8_t> make_packet(std::uint8_t type, const ip::Address& source,
                                      const ip::Address& destination, const ip::Address& target,
                                      const std::optional<ip::Mac>& mac) {
  const std::size_t length = kMessageSize + (mac ? kOptionUnit : 0);
  std::vector<std::uint8_t> packet(kHeaderSize + length);
  packet[0] = 0x60;
  packet[kLength + 1] = static_cast<std::uint8_t>(length);
  packet[kNextHeader] = IPPROTO_ICMPV6;
  packet[kHops] = kHopLimit;
  put(packet, kSource, source.bytes());
  put(packet, kDestination, destination.bytes());
  packet[kType] = type;
  put(packet, kTarget, target.bytes());
  const bool is_advertisement = type == ND_NEIGHBOR_ADVERT;
  packet[kFlags] = is_advertisement ? kOverride : 0;
  if (mac) {
    packet[kOptions] = is_advertisement ? ND_OPT_TARGET_LINKADDR : ND_OPT_SOURCE_LINKADDR;
    packet[kOptions + 1] = 1;
    put(packet, kOptions + 2, mac->bytes());
  }
  const std::uint16_t checksum = compute_checksum(packet);
  packet[kChecksum] = static_cast<std::uint8_t>(checksum >> 8U);
  packet[kChecksum + 1] = static_cast<std::uint8_t>(checksum);
  return packet;
}

/// What a node must see of a probe and of an advertisement to all.
/// \source RFC 4861, sections 7.1.1 and 7.1.2
bool is_valid(const NdpMessage& message, Bytes packet) {
  constexpr std::uint8_t kSolicited = 0x40;
  const ip::Address destination = read_address(packet, kDestination);
  if (message.is_advertisement) {
    return !destination.is_multicast() || (packet[kFlags] & kSolicited) == 0;
  }
  return !message.source.is_any() ||
         (!message.mac && destination == solicited_node(message.target));
}

}  // namespace

std::optional<NdpMessage> parse_ndp(Bytes bytes) {
  const auto packet = trim(bytes);
  if (!packet || (*packet)[kCode] != 0 || compute_checksum(*packet) != 0) {
    return std::nullopt;
  }
  const std::uint8_t type = (*packet)[kType];
  if (type != ND_NEIGHBOR_SOLICIT && type != ND_NEIGHBOR_ADVERT) {
    return std::nullopt;
  }
  NdpMessage message;
  message.is_advertisement = type == ND_NEIGHBOR_ADVERT;
  message.source = read_address(*packet, kSource);
  message.target = read_address(*packet, kTarget);
  const std::uint8_t option =
      message.is_advertisement ? ND_OPT_TARGET_LINKADDR : ND_OPT_SOURCE_LINKADDR;
  if (message.target.is_multicast() ||
      !read_options(packet->subspan(kOptions), option, message.mac) ||
      !is_valid(message, *packet)) {
    return std::nullopt;
  }
  return message;
}

std::vector<std::uint8_t> make_solicitation(const ip::Mac& mac, const ip::Address& source,
                                            const ip::Address& target) {
  return make_packet(ND_NEIGHBOR_SOLICIT, source, solicited_node(target), target,
                     source.is_any() ? std::nullopt : std::optional(mac));
}

std::vector<std::uint8_t> make_advertisement(const ip::Mac& mac, const ip::Address& address) {
  return make_packet(ND_NEIGHBOR_ADVERT, address, all_nodes(), address, mac);
}

ip::Address solicited_node(const ip::Address& address) {
  constexpr std::size_t kShared = 13;
  std::array<std::uint8_t, kAddressSize> bytes{0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff};
  std::ranges::copy(address.bytes().subspan(kShared), bytes.begin() + kShared);
  return *ip::Address::from_bytes(bytes);
}

ip::Address all_nodes() {
  return *ip::Address::parse("ff02::1");
}

ip::Mac multicast_mac(const ip::Address& group) {
  constexpr std::size_t kShared = 12;
  std::array<std::uint8_t, kMacSize> bytes{0x33, 0x33};
  std::ranges::copy(group.bytes().subspan(kShared), bytes.begin() + 2);
  return *ip::Mac::from_bytes(bytes);
}

}  // namespace mvr::probe
