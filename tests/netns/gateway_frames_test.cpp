// SPDX-License-Identifier: Apache-2.0
/// \file
/// Which frames are a gateway's answer, and which are not even read.
#include <net/if.h>
#include <poll.h>
#include <sys/socket.h>

#include <string>
#include <vector>

#include "mvr/probe/gateway.hpp"
#include "support/catch.hpp"
#include "support/print.hpp"
#include "support/probe_rail.hpp"

using namespace mvr::test;
using mvr::Budget;
using mvr::Clock;
using mvr::Fd;
using mvr::ip::Address;
using mvr::ip::Family;
using mvr::ip::Mac;
using mvr::probe::Answer;
using mvr::probe::Options;
using mvr::probe::probe_gateways;
using mvr::probe::Target;
using namespace std::chrono_literals;

namespace {

const std::vector<Target> kBoth{kV4, kV6};
const Address kAllNodes = *Address::parse("ff02::1");

}  // namespace

TEST_CASE("whatever shows that the gateway is there is an answer", "[probe]") {
  const Rail rail;
  const NdpFields unasked{.source = kV6.gateway, .destination = kAllNodes, .target = kV6.gateway};
  NdpFields named = unasked;
  named.mac = *Mac::parse("02:00:00:00:00:aa");
  const NdpFields solicitation{.type = kSolicitation,
                               .source = kV6.gateway,
                               .destination = kSource6,
                               .target = kSource6,
                               .mac = kGatewayMac};
  const Mac all_nodes = *Mac::parse("33:33:00:00:00:01");
  struct Sign {
    Target target;
    Packet packet;
    Mac destination;
    Mac mac = kGatewayMac;
  };
  const std::vector<Sign> signs = {
      {kV4, make_arp({kArpRequest, kGatewayMac, kV4.gateway, {}, kV4.gateway}), kEverybody},
      {kV4, make_arp({kArpReply, kGatewayMac, kV4.gateway, kGatewayMac, kV4.gateway}), kEverybody},
      {kV4, make_arp({kArpRequest, kGatewayMac, kV4.gateway, {}, kSource}), kNicMac},
      {kV6, make_ndp(unasked), all_nodes},
      {kV6, make_ndp(named), all_nodes, *named.mac},
      {kV6, make_ndp(solicitation), kNicMac},
  };
  for (std::size_t i = 0; i < signs.size(); ++i) {
    INFO("sign " << i);
    const Responder responder([&](Wire& wire, const WireFrame&, int) {
      wire.send(signs[i].packet, signs[i].destination);
    });
    const auto answers = ask_gateways(probe_options(3, 2s), {signs[i].target});
    CHECK(answers[0].mac == signs[i].mac);
  }
}

TEST_CASE("frames that prove nothing are ignored", "[probe]") {
  const Rail rail;
  Options how = probe_options(3);
  const std::string device = GENERATE("net1", "rail0");
  how.ifindex = static_cast<int>(::if_nametoindex(device.c_str()));
  ip_batch("", "link set " + device + " promisc on\n");
  const Mac zero;
  const Mac other = *Mac::parse("02:00:00:00:00:77");
  const Mac all_nodes = *Mac::parse("33:33:00:00:00:01");
  NdpFields good{
      .source = kV6.gateway, .destination = kAllNodes, .target = kV6.gateway, .mac = kGatewayMac};
  const Responder responder([&](Wire& wire, const WireFrame&, int) {
    const Target elsewhere{kSource, *Address::parse("172.16.11.253")};
    const Target elsewhere6{kSource6, *Address::parse("fd00:11::fd")};
    for (const Mac& mac : {kNicMac, zero, kEverybody}) {
      wire.send(make_gateway_answer(kV4, mac), kEverybody);
      wire.send(make_gateway_answer(kV6, mac), all_nodes);
    }
    wire.send(make_gateway_answer(elsewhere), kEverybody);
    wire.send(make_gateway_answer(elsewhere6), all_nodes);
    for (const Target& target : kBoth) {
      wire.send(make_gateway_answer(target), kEverybody, kGatewayMac, 5);  // of a VLAN
      wire.send(make_gateway_answer(target), other);                       // overheard
      wire.send(make_gateway_answer(target), kEverybody, kNicMac);         // ours, come back
    }
    wire.send(make_arp({3, kGatewayMac, kV4.gateway, {}, kSource}), kEverybody);
    // Somebody who would like to have the gateway's address is not the gateway.
    wire.send(make_arp({kArpRequest, other, Address::any(Family::v4), {}, kV4.gateway}),
              kEverybody);
    wire.send(make_ndp({.type = kSolicitation,
                        .source = Address::any(Family::v6),
                        .destination = kAllNodes,
                        .target = kV6.gateway}),
              all_nodes);
    const auto send_bad = [&](auto change) {
      NdpFields bad = good;
      change(bad);
      wire.send(make_ndp(bad), all_nodes);
    };
    send_bad([](NdpFields& bad) { bad.hops = 254; });
    send_bad([](NdpFields& bad) { bad.code = 1; });
    send_bad([](NdpFields& bad) { bad.checksum_error = 1; });
    send_bad([](NdpFields& bad) { bad.type = 134; });
  });
  for (const Answer& answer : ask_gateways(how, kBoth)) {
    CHECK_FALSE(answer.mac);
    CHECK(answer.attempts == 3);
  }
}

TEST_CASE("the kernel passes on what the probes read, nothing else", "[probe]") {
  const Rail rail;
  const Wire wire = Rail::open_wire();
  const Budget budget = Budget::grace(60s);
  const Fd socket = unwrap(mvr::probe::open_socket());
  unwrap(probe_gateways(socket, probe_options(1, 1ms), kBoth, always, budget));
  const Packet marker = make_gateway_answer({kSource, *Address::parse("172.16.11.253")});
  NdpFields fields{.source = kV6.gateway, .destination = kSource6, .target = kV6.gateway};
  const auto receive = [&](const Packet& packet, const Mac& destination = kNicMac,
                           std::uint8_t vlan = 0) {
    wire.send(packet, destination, kGatewayMac, vlan);
    wire.send(marker, kEverybody);
    for (ssize_t size = -1;;) {
      Packet buffer(200);
      REQUIRE(unwrap(budget.wait(socket.get(), POLLIN, Clock::now() + 20s)));
      const ssize_t n = ::recv(socket.get(), buffer.data(), buffer.size(), 0);
      REQUIRE(n > 0);
      buffer.resize(static_cast<std::size_t>(n));
      if (buffer == marker) {
        return size;
      }
      size = n;
    }
  };
  for (int operation = 0; operation < 5; ++operation) {
    const bool is_known = operation == kArpRequest || operation == kArpReply;
    CHECK(receive(make_arp(
              {static_cast<std::uint8_t>(operation), kGatewayMac, kV4.gateway, {}, kSource})) ==
          (is_known ? 28 : -1));
  }
  for (int type = 133; type < 138; ++type) {
    fields.type = static_cast<std::uint8_t>(type);
    const bool is_known = type == kSolicitation || type == kAdvertisement;
    CHECK(receive(make_ndp(fields)) == (is_known ? 64 : -1));
  }
  CHECK(receive(make_gateway_answer(kV4), kEverybody) == 28);
  CHECK(receive(make_gateway_answer(kV4), kEverybody, 5) == -1);
  CHECK(receive(make_gateway_answer(kV6), *Mac::parse("33:33:ff:00:00:10")) == 72);
  CHECK(receive(make_gateway_answer(kV6), *Mac::parse("33:33:00:00:00:01")) == 72);
  CHECK(receive(make_gateway_answer(kV6), *Mac::parse("33:33:ff:00:00:11")) == -1);
}
