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

#include "mvr/base/fd.hpp"
#include "mvr/ip/address.hpp"
#include "probe/arp.hpp"

namespace mvr::test {

inline const ip::Mac kGatewayMac = *ip::Mac::parse("02:00:00:00:00:fe");
inline const ip::Mac kNicMac = *ip::Mac::parse("02:00:00:00:00:0a");
inline const ip::Address kSource = *ip::Address::parse("172.16.11.10");

/// Runs `ip ARGUMENTS` in the current namespace; a failure fails the test.
void run_ip(const std::string& arguments);

/// IFF_RUNNING of a device in the current namespace.
bool is_running(const std::string& device);

struct WireFrame {
  ip::Mac source;
  ip::Mac destination;
  probe::ArpFrame arp;
};

/// ARP frames as a device of the current namespace has them, whatever its kernel does with them.
class Wire {
 public:
  explicit Wire(const std::string& device);

  /// The next frame that comes in within this time.
  std::optional<WireFrame> next(std::chrono::milliseconds limit = {});

  /// All that have come in so far.
  std::vector<WireFrame> all();

  /// Sends "`address` is at `sender`" from the gateway's MAC, with a VLAN tag unless that is 0.
  void send(probe::ArpOperation operation, const ip::Mac& sender, const ip::Address& address,
            const ip::Mac& destination = kNicMac, std::uint8_t vlan = 0) const;

 private:
  Fd socket_;
};

/// A namespace with the gateway's end of a veth pair, "gw0", which has no address yet. The process
/// itself stays in another new one with the other end, "rail0", and a macvlan on it, "net1". Both
/// vanish with the process: each test case has its own.
class Rail {
 public:
  /// Enters a new namespace. False, with a message, when that is not permitted.
  static bool is_possible();

  Rail();

  /// Runs `ip ARGUMENTS` at the gateway.
  void run_ip_there(const std::string& arguments) const;

  /// The gateway's end.
  [[nodiscard]] Wire open_wire() const;

 private:
  Fd netns_;
};

/// A thread at the gateway that gets each frame from us and its number, counted from 1.
class Responder {
 public:
  using Answer = std::function<void(Wire&, const WireFrame&, int)>;
  Responder(const Rail& rail, Answer answer);

 private:
  std::jthread thread_;
};

}  // namespace mvr::test
