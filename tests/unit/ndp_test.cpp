// SPDX-License-Identifier: Apache-2.0
#include "probe/ndp.hpp"

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "support/catch.hpp"

using mvr::ip::Address;
using mvr::ip::Mac;
using mvr::probe::kNdpSize;
using mvr::probe::make_advertisement;
using mvr::probe::make_solicitation;
using mvr::probe::multicast_mac;
using mvr::probe::NdpMessage;
using mvr::probe::parse_ndp;
using mvr::probe::solicited_node;

namespace {

using Bytes = std::vector<std::uint8_t>;

/// 2001:db8:11::10 at 02:00:00:00:00:0a asks for 2001:db8:11::fe, as Linux 6.18 sends it.
const Bytes kSolicitation = {
    0x60, 0, 0,    0,    0, 32,   58, 255,  // 32 bytes, ICMPv6, hop limit
    0x20, 1, 0x0d, 0xb8, 0, 0x11, 0,  0,   0, 0, 0, 0, 0,    0, 0, 0x10,  // source
    0xff, 2, 0,    0,    0, 0,    0,  0,   0, 0, 0, 1, 0xff, 0, 0, 0xfe,  // solicited-node group
    135,  0, 0x19, 0xf5, 0, 0,    0,  0,                                  // solicitation, checksum
    0x20, 1, 0x0d, 0xb8, 0, 0x11, 0,  0,   0, 0, 0, 0, 0,    0, 0, 0xfe,  // target
    1,    1, 2,    0,    0, 0,    0,  0x0a};                              // source's MAC

/// Its answer: router no, solicited, override.
const Bytes kAnswer = {
    0x60, 0, 0,    0,    0,    32,   58, 255,                             //
    0x20, 1, 0x0d, 0xb8, 0,    0x11, 0,  0,   0, 0, 0, 0, 0, 0, 0, 0xfe,  //
    0x20, 1, 0x0d, 0xb8, 0,    0x11, 0,  0,   0, 0, 0, 0, 0, 0, 0, 0x10,  //
    136,  0, 0x87, 0x3b, 0x60, 0,    0,  0,                               // advertisement, flags
    0x20, 1, 0x0d, 0xb8, 0,    0x11, 0,  0,   0, 0, 0, 0, 0, 0, 0, 0xfe,  // target
    2,    1, 2,    0,    0,    0,    0,  0xfe};                           // target's MAC

/// What Linux says to all nodes when the MAC has changed (ndisc_notify): override alone.
const Bytes kUnasked = {
    0x60, 0, 0,    0,    0,    32,   58, 255,                             //
    0x20, 1, 0x0d, 0xb8, 0,    0x11, 0,  0,   0, 0, 0, 0, 0, 0, 0, 0xfe,  //
    0xff, 2, 0,    0,    0,    0,    0,  0,   0, 0, 0, 0, 0, 0, 0, 1,     // all nodes
    136,  0, 0xf6, 0x12, 0x20, 0,    0,  0,                               //
    0x20, 1, 0x0d, 0xb8, 0,    0x11, 0,  0,   0, 0, 0, 0, 0, 0, 0, 0xfe,  //
    2,    1, 2,    0,    0,    0,    0,  0xfd};                           //

/// Duplicate address detection of Linux: from ::, with a nonce (RFC 7527).
const Bytes kDad = {0x60, 0, 0,    0,    0,    32,   58,   255,                                //
                    0,    0, 0,    0,    0,    0,    0,    0,   0, 0, 0, 0, 0,    0, 0, 0,     //
                    0xff, 2, 0,    0,    0,    0,    0,    0,   0, 0, 0, 1, 0xff, 0, 0, 0x10,  //
                    135,  0, 0x71, 0xe7, 0,    0,    0,    0,                                  //
                    0x20, 1, 0x0d, 0xb8, 0,    0x11, 0,    0,   0, 0, 0, 0, 0,    0, 0, 0x10,  //
                    14,   1, 0x56, 0x20, 0x6f, 0x5b, 0x07, 0x52};  // nonce

/// What we send instead: nothing but the question.
const Bytes kProbe = {0x60, 0, 0,    0,    0, 24,   58, 255,                                 //
                      0,    0, 0,    0,    0, 0,    0,  0,   0, 0, 0, 0, 0,    0, 0, 0,      //
                      0xff, 2, 0,    0,    0, 0,    0,  0,   0, 0, 0, 1, 0xff, 0, 0, 0x10,   //
                      135,  0, 0x4c, 0xbe, 0, 0,    0,  0,                                   //
                      0x20, 1, 0x0d, 0xb8, 0, 0x11, 0,  0,   0, 0, 0, 0, 0,    0, 0, 0x10};  //

const Address kNic = *Address::parse("2001:db8:11::10");
const Address kGateway = *Address::parse("2001:db8:11::fe");
const Mac kNicMac = *Mac::parse("02:00:00:00:00:0a");
const Mac kGatewayMac = *Mac::parse("02:00:00:00:00:fe");

constexpr std::size_t kLength = 5;
constexpr std::size_t kChecksum = 42;
constexpr std::size_t kTarget = 48;
constexpr std::size_t kOption = 64;

/// The Internet checksum once more, word by word modulo 65535, so that only what a test has changed
/// is wrong with a packet.
void put_checksum(Bytes& packet) {
  packet[kChecksum] = packet[kChecksum + 1] = 0;
  const std::size_t length = packet.size() - 40;
  std::uint64_t sum = length + 58;
  for (std::size_t i = 8; i + 1 < packet.size(); i += 2) {
    sum += packet[i] * 256U + packet[i + 1];
  }
  const std::uint64_t checksum = 0xffffU - sum % 0xffffU;
  packet[kChecksum] = static_cast<std::uint8_t>(checksum / 256);
  packet[kChecksum + 1] = static_cast<std::uint8_t>(checksum % 256);
}

/// A copy with these changes and a right checksum.
Bytes changed(Bytes packet, const std::function<void(Bytes&)>& change) {
  change(packet);
  put_checksum(packet);
  return packet;
}

Bytes with_byte(const Bytes& packet, std::size_t offset, std::uint8_t value) {
  return changed(packet, [&](Bytes& bytes) { bytes[offset] = value; });
}

/// With these options instead.
Bytes with_options(const Bytes& packet, const Bytes& options) {
  return changed(packet, [&](Bytes& bytes) {
    bytes.resize(kOption);
    bytes.insert(bytes.end(), options.begin(), options.end());
    bytes[kLength] = static_cast<std::uint8_t>(bytes.size() - 40);
  });
}

}  // namespace

TEST_CASE("neighbour messages of the kernel are read", "[ndp]") {
  CHECK(parse_ndp(kSolicitation) == NdpMessage{false, kNic, kGateway, kNicMac});
  CHECK(parse_ndp(kAnswer) == NdpMessage{true, kGateway, kGateway, kGatewayMac});
  CHECK(parse_ndp(kUnasked) ==
        NdpMessage{true, kGateway, kGateway, *Mac::parse("02:00:00:00:00:fd")});
  const NdpMessage dad{false, Address::any(kNic.family()), kNic, std::nullopt};
  CHECK(parse_ndp(kDad) == dad);
  CHECK(parse_ndp(kProbe) == dad);
}

TEST_CASE("neighbour messages are built byte by byte", "[ndp]") {
  CHECK(make_solicitation(kNicMac, kNic, kGateway) == kSolicitation);
  CHECK(make_solicitation(kNicMac, Address::any(kNic.family()), kNic) == kProbe);
  CHECK(make_advertisement(*Mac::parse("02:00:00:00:00:fd"), kGateway) == kUnasked);
}

TEST_CASE("a neighbour message is read from what the link layer has padded", "[ndp]") {
  for (const Bytes& packet : {kSolicitation, kAnswer, kProbe}) {
    Bytes padded = packet;
    padded.insert(padded.end(), {0xaa, 0xbb, 0xcc});
    CHECK(parse_ndp(padded) == parse_ndp(packet));
    padded.resize(kNdpSize, 0xdd);
    CHECK(parse_ndp(padded) == parse_ndp(packet));
  }
}

TEST_CASE("a neighbour message that is cut short is none", "[ndp]") {
  for (const Bytes& packet : {kSolicitation, kProbe}) {
    for (std::size_t size = 0; size < packet.size(); ++size) {
      INFO("size " << size);
      CHECK_FALSE(parse_ndp(std::span(packet).first(size)));
    }
  }
  // A header that says so itself.
  for (unsigned length = 0; length < 24; ++length) {
    CHECK_FALSE(parse_ndp(with_byte(kProbe, kLength, static_cast<std::uint8_t>(length))));
  }
}

TEST_CASE("a neighbour message needs the right header", "[ndp]") {
  CHECK_FALSE(parse_ndp(with_byte(kAnswer, 0, 0x40)));
  CHECK_FALSE(parse_ndp(with_byte(kAnswer, 4, 1)));           // 288 bytes long
  CHECK(parse_ndp(with_byte(kAnswer, 0, 0x6f)).has_value());  // a traffic class is no matter
  for (unsigned value = 0; value < 256; ++value) {
    INFO("value " << value);
    const auto byte = static_cast<std::uint8_t>(value);
    CHECK(parse_ndp(with_byte(kAnswer, 6, byte)).has_value() == (value == 58));
    CHECK(parse_ndp(with_byte(kAnswer, 7, byte)).has_value() == (value == 255));
    CHECK(parse_ndp(with_byte(kAnswer, 40, byte)).has_value() == (value == 135 || value == 136));
    CHECK(parse_ndp(with_byte(kAnswer, 41, byte)).has_value() == (value == 0));
  }
}

TEST_CASE("a neighbour message needs the right checksum", "[ndp]") {
  // Every bit that it covers; of the header those are the addresses alone.
  for (const Bytes& whole : {kSolicitation, kAnswer, kProbe}) {
    for (std::size_t bit = 8 * 8; bit < 8 * whole.size(); ++bit) {
      Bytes packet = whole;
      packet[bit / 8] ^= static_cast<std::uint8_t>(1U << bit % 8);
      INFO("bit " << bit);
      CHECK_FALSE(parse_ndp(packet));
    }
  }
}

TEST_CASE("a neighbour message asks for or names one node", "[ndp]") {
  for (const char* text : {"ff02::1", "ff02::1:ff00:10", "ff0e::1"}) {
    const Address group = *Address::parse(text);
    CHECK_FALSE(parse_ndp(changed(kAnswer, [&](Bytes& packet) {
      std::ranges::copy(group.bytes(), packet.begin() + kTarget);
    })));
  }
}

TEST_CASE("options of a neighbour message are read one by one", "[ndp]") {
  const Bytes mac = {2, 1, 2, 0, 0, 0, 0, 0xfe};
  const Bytes nonce = {14, 1, 1, 2, 3, 4, 5, 6};
  const Bytes long_one = {200, 2, 0, 0, 0, 0, 0, 0, 2, 1, 2, 0, 0, 0, 0, 0x77};
  const Bytes source_mac = {1, 1, 2, 0, 0, 0, 0, 0x77};
  const NdpMessage named{true, kGateway, kGateway, kGatewayMac};
  const NdpMessage nameless{true, kGateway, kGateway, std::nullopt};
  const auto joined = [](Bytes first, const Bytes& second) {
    first.insert(first.end(), second.begin(), second.end());
    return first;
  };
  CHECK(parse_ndp(with_options(kAnswer, {})) == nameless);
  CHECK(parse_ndp(with_options(kAnswer, nonce)) == nameless);
  CHECK(parse_ndp(with_options(kAnswer, source_mac)) == nameless);
  CHECK(parse_ndp(with_options(kAnswer, long_one)) == nameless);
  CHECK(parse_ndp(with_options(kAnswer, joined(nonce, mac))) == named);
  CHECK(parse_ndp(with_options(kAnswer, joined(mac, nonce))) == named);
  CHECK(parse_ndp(with_options(kAnswer, joined(long_one, mac))) == named);
  // A solicitation names its source.
  CHECK(parse_ndp(with_options(kSolicitation, mac))->mac == std::nullopt);
}

TEST_CASE("one malformed option spoils the whole neighbour message", "[ndp]") {
  const Bytes mac = {2, 1, 2, 0, 0, 0, 0, 0xfe};
  const std::vector<Bytes> rests = {
      {14},                             // a type alone
      {14, 0},                          // of no length
      {14, 0, 0, 0, 0, 0, 0, 0},        // likewise
      {14, 2, 0, 0, 0, 0, 0, 0},        // longer than the message
      {14, 255, 0, 0, 0, 0, 0, 0},      // far longer
      {2, 1, 2, 0, 0, 0},               // half a MAC
      {2, 1, 2, 0, 0, 0, 0, 0x77, 14},  // a whole one, and something behind it
  };
  for (const Bytes& rest : rests) {
    INFO(Catch::rangeToString(rest));
    CHECK_FALSE(parse_ndp(with_options(kAnswer, rest)));
    Bytes after = mac;
    after.insert(after.end(), rest.begin(), rest.end());
    CHECK_FALSE(parse_ndp(with_options(kAnswer, after)));
  }
}

TEST_CASE("groups of neighbour discovery and their MACs", "[ndp]") {
  const auto group_of = [](const char* text) {
    return solicited_node(*Address::parse(text)).to_string();
  };
  CHECK(group_of("2001:db8:11::10") == "ff02::1:ff00:10");
  CHECK(group_of("fe80::0200:5eff:fe12:3456") == "ff02::1:ff12:3456");
  CHECK(group_of("2001:db8::abcd:ef01:2345") == "ff02::1:ff01:2345");
  const auto mac_of = [](const char* text) {
    return multicast_mac(*Address::parse(text)).to_string();
  };
  CHECK(mac_of("ff02::1") == "33:33:00:00:00:01");
  CHECK(mac_of("ff02::1:ff12:3456") == "33:33:ff:12:34:56");
  CHECK(mac_of("ff02::dead:beef") == "33:33:de:ad:be:ef");
  CHECK(mvr::probe::all_nodes().to_string() == "ff02::1");
}

TEST_CASE("what a node has to discard by RFC 4861 is discarded", "[ndp]") {
  const auto target = *Address::parse("2001:db8:11::10");
  const auto own = *mvr::ip::Mac::parse("02:00:5e:00:00:01");
  const auto any = Address::any(mvr::ip::Family::v6);
  const auto probe = mvr::probe::make_solicitation(own, any, target);
  CHECK(parse_ndp(probe));
  const Bytes with_mac = with_options(Bytes(probe.begin(), probe.end()), {1, 1, 2, 0, 0, 0, 0, 9});
  CHECK_FALSE(parse_ndp(with_mac));
  const auto claim = mvr::probe::make_advertisement(own, target);
  CHECK(parse_ndp(claim));
  const auto solicited = changed(Bytes(claim.begin(), claim.end()), [](Bytes& bytes) {
    constexpr std::size_t kFlags = 44;
    bytes[kFlags] |= 0x40;
  });
  CHECK_FALSE(parse_ndp(solicited));
}
