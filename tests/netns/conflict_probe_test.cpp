// SPDX-License-Identifier: Apache-2.0
/// \file
/// The conflict probe and the announcements on a wire, IPv4 and IPv6.
#include <net/if.h>
#include <signal.h>

#include <algorithm>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "mvr/probe/conflict.hpp"
#include "support/catch.hpp"
#include "support/namespaces.hpp"
#include "support/print.hpp"
#include "support/probe_rail.hpp"

using namespace mvr::test;
using mvr::Budget;
using mvr::Clock;
using mvr::Code;
using mvr::Fd;
using mvr::ip::Address;
using mvr::ip::Family;
using mvr::ip::Mac;
using mvr::probe::Conflict;
using mvr::probe::ConflictProbe;
using mvr::probe::HasCarrier;
using mvr::probe::Options;
using namespace std::chrono_literals;

namespace {

const Mac kOwner = *Mac::parse("02:00:00:00:00:77");
const Mac kAllNodesMac = *Mac::parse("33:33:00:00:00:01");
const Mac kGroupMac = *Mac::parse("33:33:ff:00:00:10");  // of kSource6
const Address kAllNodes = *Address::parse("ff02::1");
const Address kGroup = *Address::parse("ff02::1:ff00:10");
const Address kNobody = Address::any(Family::v4);
const Address kNobody6 = Address::any(Family::v6);
const Address kOther = *Address::parse("172.16.11.11");
const Address kOther6 = *Address::parse("fd00:11::11");
const std::vector<Address> kBoth{kSource, kSource6};

/// "Who has 172.16.11.10?", from nobody.
const Packet kArpProbe = {0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0,   0,  0,  0x0a,
                          0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 172, 16, 11, 10};

/// "Who has fd00:11::10?", from nobody, without an option.
const Packet kNdpProbe = {0x60, 0, 0, 0,    0,    24, 58, 255,  0,    0, 0,    0,    0, 0, 0, 0,
                          0,    0, 0, 0,    0,    0,  0,  0,    0xff, 2, 0,    0,    0, 0, 0, 0,
                          0,    0, 0, 1,    0xff, 0,  0,  0x10, 135,  0, 0x7d, 0x76, 0, 0, 0, 0,
                          0xfd, 0, 0, 0x11, 0,    0,  0,  0,    0,    0, 0,    0,    0, 0, 0, 0x10};

Budget long_budget() {
  return Budget::grace(60s * slowness());
}

/// A probe whose first questions have been sent.
struct Started {
  Fd socket = unwrap(mvr::probe::open_socket());
  Budget budget = long_budget();
  ConflictProbe probe;

  explicit Started(const Options& options, const std::vector<Address>& addresses = kBoth,
                   const HasCarrier& has_carrier = always)
      : probe(unwrap(ConflictProbe::start(socket, options, addresses, has_carrier, budget))) {}

  std::optional<Conflict> finish() { return unwrap(probe.finish(budget)); }
};

NdpFields advertisement(std::optional<Mac> mac, std::uint8_t flags = 0) {
  return {
      .source = kSource6, .destination = kAllNodes, .target = kSource6, .mac = mac, .flags = flags};
}

/// What shows that another one has an address, or is about to take it.
struct Sign {
  const char* what;
  Address address;
  Packet packet;
  Mac destination;
};

/// Solicited ones go to one node only (RFC 4861, section 7.1.2).
NdpFields answer_to_us(std::uint8_t flags) {
  NdpFields fields = advertisement(kOwner, flags);
  fields.destination = kSource6;
  return fields;
}

std::vector<Sign> list_signs() {
  const NdpFields request{.type = kSolicitation,
                          .source = kSource6,
                          .destination = *Address::parse("ff02::1:ff00:10"),
                          .target = *Address::parse("fd00:22::10"),
                          .mac = kOwner};
  const NdpFields dad{
      .type = kSolicitation, .source = kNobody6, .destination = kGroup, .target = kSource6};
  return {
      {"a reply", kSource, make_arp({kArpReply, kOwner, kSource, kNicMac, kNobody}), kNicMac},
      {"a reply to all", kSource, make_arp({kArpReply, kOwner, kSource, kNicMac, kNobody}),
       kEverybody},
      {"a request", kSource, make_arp({kArpRequest, kOwner, kSource, {}, kOther}), kEverybody},
      {"an announcement", kSource, make_arp({kArpRequest, kOwner, kSource, {}, kSource}),
       kEverybody},
      {"an announcement as reply", kSource, make_arp({kArpReply, kOwner, kSource, kOwner, kSource}),
       kEverybody},
      {"another one's probe", kSource, make_arp({kArpRequest, kOwner, kNobody, {}, kSource}),
       kEverybody},
      {"a solicited answer", kSource6, make_ndp(answer_to_us(kSolicited | kOverride)), kNicMac},
      {"one that overrides nothing", kSource6, make_ndp(answer_to_us(kSolicited)), kNicMac},
      {"an unasked advertisement", kSource6, make_ndp(advertisement(kOwner, kOverride)),
       kAllNodesMac},
      {"one without option", kSource6, make_ndp(advertisement({})), kAllNodesMac},
      {"a solicitation", kSource6, make_ndp(request), kGroupMac},
      {"another one's detection", kSource6, make_ndp(dad), kGroupMac},
  };
}

}  // namespace

TEST_CASE("probes for both families, all of them, an interval apart", "[conflict]") {
  const Rail rail;
  Wire wire = Rail::open_wire();
  const auto start = Clock::now();
  Started started(probe_options(4, 300ms));
  CHECK_FALSE(started.finish());
  CHECK(Clock::now() - start >= 4 * 300ms);
  const auto frames = wire.all();
  REQUIRE(frames.size() == 8);
  for (std::size_t i = 0; i < frames.size(); i += 2) {
    const bool is_first = frames[i].is_arp();
    const WireFrame& arp = frames[is_first ? i : i + 1];
    const WireFrame& ndp = frames[is_first ? i + 1 : i];
    CHECK(arp.packet == kArpProbe);
    CHECK(arp.source == kNicMac);
    CHECK(arp.destination == kEverybody);
    CHECK(ndp.packet == kNdpProbe);
    CHECK(ndp.source == kNicMac);
    CHECK(ndp.destination == kGroupMac);
    CHECK((i == 0 || frames[i].time - frames[i - 2].time > 100ms));
  }
}

TEST_CASE("any claim of an address by another one is a conflict", "[conflict]") {
  const Rail rail;
  const Wire wire = Rail::open_wire();
  for (const Sign& sign : list_signs()) {
    INFO(sign.what);
    const auto start = Clock::now();
    Started started(probe_options(2, 20s));
    wire.send(sign.packet, sign.destination, kOwner);
    CHECK(started.finish() == Conflict{sign.address, kOwner});
    CHECK(Clock::now() - start < 15s);
  }
}

TEST_CASE("a claim between any two probes or after the last is a conflict", "[conflict]") {
  const Rail rail;
  const int when = GENERATE(2, 3);
  const Responder responder([when](Wire& wire, const WireFrame& frame, int count) {
    if (count == when && frame.is_arp()) {
      std::this_thread::sleep_for(5ms);
      wire.send(make_arp({kArpReply, kOwner, kSource, kNicMac, kNobody}), kNicMac, kOwner);
    }
  });
  Started started(probe_options(3, 500ms), {kSource});
  const auto start = Clock::now();
  CHECK(started.finish() == Conflict{kSource, kOwner});
  CHECK(Clock::now() - start >= (when - 1) * 500ms);
}

TEST_CASE("the kernel of an owner answers the probes", "[conflict]") {
  const Rail rail;
  Rail::run_ip_there("addr add 172.16.11.10/24 dev gw0");
  add_v6_addresses(kOtherEnd, "gw0", {"fd00:11::10/64"});
  for (const Address& address : kBoth) {
    INFO(address.to_string());
    CHECK(Started(probe_options(3, 5s), {address}).finish() == Conflict{address, kGatewayMac});
  }
  const auto found = Started(probe_options(3, 5s), {kOther, kOther6, kSource6, kSource}).finish();
  REQUIRE(found);
  CHECK(std::ranges::find(kBoth, found->address) != kBoth.end());
  CHECK(found->owner == kGatewayMac);
}

TEST_CASE("what claims nothing of ours is no conflict", "[conflict]") {
  const Rail rail;
  const std::string device = GENERATE("net1", "rail0");
  ip_batch("", "link set " + device + " promisc on\n");
  Options options = probe_options(5);
  options.ifindex = static_cast<int>(::if_nametoindex(device.c_str()));
  const Mac third = *Mac::parse("02:00:00:00:00:99");
  const Responder responder([&](Wire& wire, const WireFrame&, int) {
    // Our own, come back by a loop in the fabric.
    wire.send(kArpProbe, kEverybody, kNicMac);
    wire.send(kNdpProbe, kGroupMac, kNicMac);
    wire.send(make_arp({kArpReply, kNicMac, kSource, kNicMac, kSource}), kEverybody, kOwner);
    wire.send(make_ndp(advertisement(kNicMac)), kAllNodesMac, kOwner);
    // Other addresses.
    wire.send(make_arp({kArpReply, kOwner, kOther, kNicMac, kSource}), kNicMac, kOwner);
    wire.send(make_arp({kArpRequest, kOwner, kOther, {}, kSource}), kEverybody, kOwner);
    wire.send(make_arp({kArpRequest, kOwner, kNobody, {}, kOther}), kEverybody, kOwner);
    wire.send(
        make_ndp({.source = kOther6, .destination = kAllNodes, .target = kOther6, .mac = kOwner}),
        kAllNodesMac, kOwner);
    wire.send(make_ndp({.type = kSolicitation,
                        .source = kOther6,
                        .destination = kGroup,
                        .target = kSource6,
                        .mac = kOwner}),
              kGroupMac, kOwner);
    wire.send(make_ndp({.type = kSolicitation,
                        .source = kNobody6,
                        .destination = kGroup,
                        .target = *Address::parse("fd00:22::10")}),
              kGroupMac, kOwner);
    // Good ones, but from our MAC, on another VLAN or for somebody else.
    for (const Sign& sign : list_signs()) {
      wire.send(sign.packet, sign.destination, kNicMac);
      wire.send(sign.packet, sign.destination, kOwner, 5);
      wire.send(sign.packet, third, kOwner);
    }
    // Nobody's.
    wire.send(make_arp({kArpReply, kOwner, kNobody, kNicMac, kSource}), kNicMac, kOwner);
    wire.send(make_arp({kArpReply, Mac(), kSource, kNicMac, kSource}), kNicMac, kOwner);
    wire.send(make_arp({kArpReply, kEverybody, kSource, kNicMac, kSource}), kNicMac, kOwner);
    wire.send(make_ndp(advertisement(Mac())), kAllNodesMac, kOwner);
    wire.send(make_ndp(advertisement(kEverybody)), kAllNodesMac, kOwner);
    wire.send(make_ndp(advertisement(kOwner, kSolicited)), kAllNodesMac, kOwner);
    // From behind a router, damaged, of another kind.
    for (NdpFields bad : {advertisement(kOwner), advertisement({})}) {
      bad.hops = 254;
      wire.send(make_ndp(bad), kAllNodesMac, kOwner);
      bad.hops = 255;
      bad.checksum_error = 256;
      wire.send(make_ndp(bad), kAllNodesMac, kOwner);
      bad.checksum_error = 0;
      bad.code = 3;
      wire.send(make_ndp(bad), kAllNodesMac, kOwner);
    }
  });
  CHECK(Started(options).finish() == std::nullopt);
}

TEST_CASE("probes change no neighbour's cache, announcements do", "[conflict]") {
  const Rail rail;
  // As if each update were allowed at once.
  put_sysctl(kOtherEnd, "ipv4/neigh/gw0/locktime", "0");
  const std::string owner = " lladdr " + kOwner.to_string() + " dev gw0 nud stale\n";
  Rail::run_ip_there(
      "addr add 172.16.11.254/24 dev gw0\n"
      "addr add fd00:11::fe/64 dev gw0 nodad\n"
      "neigh add 172.16.11.10" +
      owner + "neigh add fd00:11::10" + owner);
  const auto read_macs = [] {
    std::map<std::string, std::string> macs;
    for (const json& entry : ip_json(kOtherEnd, {"neigh", "show", "dev", "gw0"})) {
      macs[entry.at("dst")] = entry.value("lladdr", "");
    }
    return macs;
  };
  const auto before = read_macs();
  REQUIRE(before == std::map<std::string, std::string>{{"172.16.11.10", kOwner.to_string()},
                                                       {"fd00:11::10", kOwner.to_string()}});
  Wire wire = Rail::open_wire();
  Started started(probe_options(3));
  CHECK_FALSE(started.finish());
  CHECK(wire.all().size() == 6);
  CHECK(read_macs() == before);

  unwrap(mvr::probe::announce(started.socket, probe_options(), kBoth, 1));
  CHECK(eventually([&] {
    return read_macs() == std::map<std::string, std::string>{{"172.16.11.10", kNicMac.to_string()},
                                                             {"fd00:11::10", kNicMac.to_string()}};
  }));
}

TEST_CASE("a carrier is waited for, and without one nobody is asked", "[conflict]") {
  const Rail rail;
  Rail::unplug();
  Wire wire = Rail::open_wire();
  const HasCarrier has_carrier = []() -> mvr::Result<bool> { return is_running("net1"); };
  SECTION("it never comes") {
    const auto start = Clock::now();
    Started started(probe_options(3), kBoth, has_carrier);
    CHECK_FALSE(started.finish());
    CHECK(Clock::now() - start >= 3 * 40ms);
    Rail::plug_in();
    CHECK(wire.all().empty());
  }
  SECTION("it comes late") {
    int questions = 0;
    const Address address = GENERATE(kSource, kSource6);
    Started started(probe_options(20, 500ms), {address}, [&]() -> mvr::Result<bool> {
      if (++questions == 5) {
        Rail::plug_in();
        Rail::run_ip_there("addr add 172.16.11.10/24 dev gw0");
        add_v6_addresses(kOtherEnd, "gw0", {"fd00:11::10/64"});
      }
      return has_carrier();
    });
    CHECK(started.finish() == Conflict{address, kGatewayMac});
    CHECK(questions >= 5);
  }
}

TEST_CASE("a link that is down for a moment costs time, not probes", "[conflict]") {
  const Rail rail;
  Wire wire = Rail::open_wire();
  ip_batch("", "link set net1 down\n");
  Started started(probe_options(10));
  SECTION("it comes back") {
    ip_batch("", "link set net1 up\n");
    CHECK_FALSE(started.finish());
    CHECK(wire.all().size() == 20);
  }
  SECTION("it stays down") {
    CHECK_FALSE(started.finish());
    CHECK(wire.all().empty());
  }
}

TEST_CASE("a flood of frames holds up no probe and hides no claim", "[conflict]") {
  const Rail rail;
  Wire wire = Rail::open_wire();
  const Packet packet = GENERATE(
      make_arp({kArpReply, kOwner, kOther, kNicMac, kSource}),
      make_ndp({.source = kOther6, .destination = kAllNodes, .target = kOther6, .mac = kOwner}));
  const std::jthread flood([other = Rail::open_wire(), &packet](std::stop_token stop) {
    while (!stop.stop_requested()) {
      other.send(packet, kNicMac, kOwner);
    }
  });
  CHECK_FALSE(Started(probe_options(5)).finish());
  CHECK(wire.all().size() == 10);
  const Responder responder([](Wire& other, const WireFrame&, int) {
    for (int i = 0; i < 20; ++i) {
      other.send(make_ndp(advertisement(kOwner)), kNicMac, kOwner);
    }
  });
  CHECK(Started(probe_options(50)).finish() == Conflict{kSource6, kOwner});
}

TEST_CASE("a storm of signals changes no outcome, one to us ends the probe", "[conflict]") {
  const Rail rail;
  Wire wire = Rail::open_wire();
  const auto start = Clock::now();
  {
    const SignalStorm storm;
    Started started(probe_options(5));
    CHECK_FALSE(started.finish());
    CHECK(Clock::now() - start >= 5 * 40ms);
    Started another(probe_options(3, 20s));
    wire.send(make_ndp(advertisement(kOwner)), kAllNodesMac, kOwner);
    CHECK(another.finish() == Conflict{kSource6, kOwner});
  }
  CHECK(SignalStorm::count() > 50);
  CHECK(wire.all().size() == 10 + 2);

  const Budget budget = unwrap(Budget::start(300s));
  Started started(probe_options(50, 10s));
  ::raise(SIGTERM);
  CHECK(started.probe.finish(budget).error().code == Code::interrupted);
  CHECK(started.probe.finish(Budget::grace(50ms)).error().code == Code::interrupted);
}

TEST_CASE("the conflict probe of no address asks nobody", "[conflict]") {
  const Rail rail;
  Wire wire = Rail::open_wire();
  const HasCarrier unknown = []() -> mvr::Result<bool> {
    return mvr::fail(Code::io, "no netlink");
  };
  CHECK_FALSE(Started(probe_options(3, 20s), {}, unknown).finish());
  CHECK(wire.all().empty());
  const Fd socket = unwrap(mvr::probe::open_socket());
  CHECK(ConflictProbe::start(socket, probe_options(), kBoth, unknown, long_budget()).error().code ==
        Code::io);
}
