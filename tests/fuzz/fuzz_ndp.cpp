// SPDX-License-Identifier: Apache-2.0
// IPv6 packets from the wire, as they are and with a right checksum, which no mutation finds.
#include <optional>
#include <vector>

#include "fuzz.hpp"
#include "probe/ndp.hpp"

using mvr::fuzz::require;
namespace probe = mvr::probe;

namespace {

constexpr std::size_t kHeader = 40;
constexpr std::size_t kMessage = 24;
constexpr std::size_t kChecksum = 42;

/// For the length in the header, if the packet has as much.
void put_checksum(std::vector<std::uint8_t>& packet) {
  const std::size_t end = kHeader + packet[4] * 256U + packet[5];
  if (end > packet.size() || end < kHeader + kMessage) {
    return;
  }
  packet[kChecksum] = packet[kChecksum + 1] = 0;
  std::uint64_t sum = end - kHeader + 58;
  for (std::size_t i = 8; i < end; ++i) {
    sum += i % 2 == 0 ? packet[i] * 256U : packet[i];
  }
  const std::uint64_t checksum = 0xffffU - sum % 0xffffU;
  packet[kChecksum] = static_cast<std::uint8_t>(checksum / 256);
  packet[kChecksum + 1] = static_cast<std::uint8_t>(checksum % 256);
}

/// What was read can be said again by us, and is then read as the same.
void check(const probe::NdpMessage& message, std::size_t size) {
  require(size >= kHeader + kMessage);
  require(message.source.family() == mvr::ip::Family::v6);
  require(message.target.family() == mvr::ip::Family::v6 && !message.target.is_multicast());
  if (!message.mac) {
    return;
  }
  const auto question = probe::make_solicitation(*message.mac, message.source, message.target);
  require(question.size() <= probe::kNdpSize);
  const auto asked = probe::parse_ndp(question);
  require(asked && !asked->is_advertisement && asked->source == message.source &&
          asked->target == message.target);
  require(asked->mac == (message.source.is_any() ? std::nullopt : message.mac));
  const auto said = probe::parse_ndp(probe::make_advertisement(*message.mac, message.target));
  require(said == probe::NdpMessage{true, message.target, message.target, message.mac});
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (const auto message = probe::parse_ndp({data, size})) {
    check(*message, size);
  }
  if (size < kHeader + kMessage) {
    return 0;
  }
  std::vector<std::uint8_t> packet(data, data + size);
  put_checksum(packet);
  if (const auto message = probe::parse_ndp(packet)) {
    check(*message, size);
  }
  return 0;
}
