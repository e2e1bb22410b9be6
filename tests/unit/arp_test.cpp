// SPDX-License-Identifier: Apache-2.0
#include "probe/arp.hpp"

#include <algorithm>
#include <vector>

#include "support/catch.hpp"

using mvr::ip::Address;
using mvr::ip::Mac;
using mvr::probe::ArpFrame;
using mvr::probe::ArpOperation;
using mvr::probe::kArpSize;
using mvr::probe::make_arp_announcement;
using mvr::probe::make_arp_request;
using mvr::probe::parse_arp;

namespace {

/// 172.16.11.254 at 02:00:00:00:00:fe answers 172.16.11.10 at 02:00:00:00:00:0a.
const std::vector<std::uint8_t> kReply = {0,   1,  8,  0,             // Ethernet, IPv4
                                          6,   4,                     // address lengths
                                          0,   2,                     // reply
                                          2,   0,  0,  0,   0, 0xfe,  // sender
                                          172, 16, 11, 254,           //
                                          2,   0,  0,  0,   0, 0x0a,  // target
                                          172, 16, 11, 10};

}  // namespace

TEST_CASE("an ARP reply is read", "[arp]") {
  const ArpFrame expected{ArpOperation::reply, *Mac::parse("02:00:00:00:00:fe"),
                          *Address::parse("172.16.11.254"), *Mac::parse("02:00:00:00:00:0a"),
                          *Address::parse("172.16.11.10")};
  CHECK(parse_arp(kReply) == expected);
  auto padded = kReply;
  padded.resize(46, 0xaa);
  CHECK(parse_arp(padded) == expected);
}

TEST_CASE("an ARP packet that is too short is none", "[arp]") {
  for (std::size_t size = 0; size < kReply.size(); ++size) {
    CHECK_FALSE(parse_arp(std::span(kReply).first(size)));
  }
}

TEST_CASE("other protocols and operations are no ARP packet for us", "[arp]") {
  for (std::size_t offset = 0; offset < 8; ++offset) {
    for (unsigned value = 0; value < 256; ++value) {
      auto packet = kReply;
      packet[offset] = static_cast<std::uint8_t>(value);
      const bool is_known = packet[offset] == kReply[offset] || (offset == 7 && value == 1);
      INFO("offset " << offset << " value " << value);
      CHECK(parse_arp(packet).has_value() == is_known);
    }
  }
}

TEST_CASE("an ARP request is built byte by byte", "[arp]") {
  const auto mac = *Mac::parse("02:00:00:00:00:0a");
  const auto source = *Address::parse("172.16.11.10");
  const auto gateway = *Address::parse("172.16.11.254");
  const auto packet = make_arp_request(mac, source, gateway);
  const std::vector<std::uint8_t> expected = {0,   1,  8,  0,  6, 4, 0, 1, 2, 0, 0,   0,  0,  0x0a,
                                              172, 16, 11, 10, 0, 0, 0, 0, 0, 0, 172, 16, 11, 254};
  CHECK(std::ranges::equal(packet, expected));
  CHECK(packet.size() == kArpSize);
  CHECK(parse_arp(packet) == ArpFrame{ArpOperation::request, mac, source, Mac(), gateway});
}

TEST_CASE("an ARP probe names no sender address", "[arp]") {
  const auto mac = *Mac::parse("02:00:00:00:00:0a");
  const auto address = *Address::parse("172.16.11.10");
  const std::vector<std::uint8_t> expected = {0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0,   0,  0,  0x0a,
                                              0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 172, 16, 11, 10};
  CHECK(
      std::ranges::equal(make_arp_request(mac, Address::any(address.family()), address), expected));
}

TEST_CASE("an ARP announcement is built byte by byte, as request and as reply", "[arp]") {
  const auto mac = *Mac::parse("02:00:00:00:00:0a");
  const auto address = *Address::parse("172.16.11.10");
  const std::vector<std::uint8_t> request = {0,   1,  8,  0,  6, 4, 0, 1, 2, 0, 0,   0,  0,  0x0a,
                                             172, 16, 11, 10, 0, 0, 0, 0, 0, 0, 172, 16, 11, 10};
  const std::vector<std::uint8_t> reply = {0,   1,  8,  0,  6, 4, 0, 2, 2, 0,    0,   0,  0,  0x0a,
                                           172, 16, 11, 10, 2, 0, 0, 0, 0, 0x0a, 172, 16, 11, 10};
  CHECK(std::ranges::equal(make_arp_announcement(ArpOperation::request, mac, address), request));
  CHECK(std::ranges::equal(make_arp_announcement(ArpOperation::reply, mac, address), reply));
}
