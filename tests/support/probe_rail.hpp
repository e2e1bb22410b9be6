// SPDX-License-Identifier: Apache-2.0
/// \file
/// Two network namespaces with a wire between them, for tests of the probes.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "mvr/base/error.hpp"
#include "mvr/base/fd.hpp"
#include "mvr/ip/address.hpp"
#include "mvr/probe/gateway.hpp"
#include "probe/arp.hpp"
#include "probe/ndp.hpp"
#include "support/packets.hpp"
#include "support/shell.hpp"

namespace mvr::test {

inline const ip::Mac kGatewayMac = *ip::Mac::parse("02:00:00:00:00:fe");
inline const ip::Mac kNicMac = *ip::Mac::parse("02:00:00:00:00:0a");
inline const ip::Mac kEverybody = *ip::Mac::parse("ff:ff:ff:ff:ff:ff");
inline const ip::Address kSource = *ip::Address::parse("172.16.11.10");
inline const ip::Address kSource6 = *ip::Address::parse("fd00:11::10");

/// The namespace at the other end of the wire.
inline constexpr const char* kOtherEnd = "other-end";

/// Gives a device IPv6 addresses, "fd00:11::fe/64", and waits until its kernel hears who asks for
/// them: it joins their groups some time later.
/// \param netns the name of a namespace; empty = the current one
void add_v6_addresses(const std::string& netns, const std::string& device,
                      const std::vector<std::string>& addresses);

/// IFF_RUNNING of a device in the current namespace.
bool is_running(const std::string& device);

/// An ARP frame or a neighbour message.
struct WireFrame {
  ip::Mac source;
  ip::Mac destination;
  std::chrono::nanoseconds time{};  ///< when the kernel had it, of the system's clock
  Packet packet;                    ///< without Ethernet's header
  std::optional<probe::ArpFrame> arp = {};
  std::optional<probe::NdpMessage> ndp = {};

  [[nodiscard]] bool is_arp() const { return arp.has_value(); }
};

/// ARP frames and neighbour messages as a device of the current namespace has them, whatever its
/// kernel does with them; not what it sends itself.
class Wire {
 public:
  explicit Wire(const std::string& device);

  /// The next frame that comes in within this time.
  std::optional<WireFrame> next(std::chrono::milliseconds limit = {});

  /// All that have come in so far.
  std::vector<WireFrame> all();

  /// Sends an ARP or IPv6 packet, with a VLAN tag unless that is 0.
  void send(const Packet& packet, const ip::Mac& destination, const ip::Mac& source = kGatewayMac,
            std::uint8_t vlan = 0) const;

  /// Sends "`address` is at `sender`" from the gateway's MAC.
  void send(probe::ArpOperation operation, const ip::Mac& sender, const ip::Address& address,
            const ip::Mac& destination = kNicMac, std::uint8_t vlan = 0) const;

 private:
  std::optional<WireFrame> read();

  Fd socket_;
};

/// An isolated world whose namespace plays the pod: "net1" is a macvlan on "rail0", one end of a
/// veth pair. The other end, "gw0" in the namespace `kOtherEnd`, has no address yet. None of them
/// has a link-local address, so that nothing is on the wire but what the test does, and the kernel
/// does nothing in IPv6 for "net1".
class Rail {
 public:
  Rail();

  /// `ip` commands at the other end, one a line.
  static void run_ip_there(const std::string& lines) { ip_batch(kOtherEnd, lines + "\n"); }

  /// The other end's.
  [[nodiscard]] static Wire open_wire();

  /// Until the NIC has no carrier: the kernel tells the macvlan with a delay of up to a second.
  static void unplug();
  static void plug_in() { run_ip_there("link set gw0 up"); }

 private:
  Fd timekeeper_;  ///< has the kernel note when frames come in
};

/// The probes' options for "net1".
probe::Options probe_options(int attempts = 5, std::chrono::milliseconds interval = {});

/// A carrier that is always there.
Result<bool> always();

/// A gateway for each family.
inline const probe::Target kV4{kSource, *ip::Address::parse("172.16.11.254")};
inline const probe::Target kV6{kSource6, *ip::Address::parse("fd00:11::fe")};

/// What a gateway's kernel answers to a request.
Packet make_gateway_answer(const probe::Target& target, const ip::Mac& mac = kGatewayMac);

/// Asks by a socket of its own; a failure fails the test.
std::vector<probe::Answer> ask_gateways(const probe::Options& options,
                                        const std::vector<probe::Target>& targets);

/// A thread at the other end that gets each frame from us and its number, counted from 1.
class Responder {
 public:
  using Answer = std::function<void(Wire&, const WireFrame&, int)>;
  explicit Responder(Answer answer);

 private:
  std::jthread thread_;
};

/// SIGALRM to the process every millisecond, as long as this lives.
class SignalStorm {
 public:
  SignalStorm();
  SignalStorm(const SignalStorm&) = delete;
  SignalStorm& operator=(const SignalStorm&) = delete;
  ~SignalStorm();

  /// Signals so far.
  [[nodiscard]] static int count();
};

}  // namespace mvr::test
