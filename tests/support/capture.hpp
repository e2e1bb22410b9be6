// SPDX-License-Identifier: Apache-2.0
/// \file
/// What really went over an interface, and what really happened to a namespace's routes. Both
/// start to record when they are made; read them when the traffic is over.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "mvr/base/fd.hpp"

namespace mvr::test {

struct Frame {
  std::chrono::nanoseconds time{};  ///< when the kernel had it, of the system's clock
  bool outgoing = false;            ///< sent by the interface that the capture is on
  std::uint16_t ethertype = 0;
  std::string src;  ///< MAC addresses
  std::string dst;

  struct Arp {
    int operation = 0;  ///< 1 request, 2 reply
    std::string sender_mac;
    std::string sender_ip;
    std::string target_mac;
    std::string target_ip;
  } arp = {};  ///< all empty unless the ethertype is 0x0806

  struct Ip {
    std::string src;
    std::string dst;
    int protocol = 0;
    int src_port = 0;  ///< UDP and TCP
    int dst_port = 0;
  } ip = {};  ///< all empty unless the ethertype is 0x0800 or, IPv6, 0x86dd

  struct Nd {
    int type = 0;     ///< 135 solicitation, 136 advertisement
    std::string src;  ///< of the IPv6 packet
    std::string dst;
    std::string target;
    std::string mac;  ///< of the option for the source's (solicitation) or target's; may be empty
    bool is_solicited = false;
    bool is_override = false;
  } nd = {};  ///< all empty unless it is one of these two

  [[nodiscard]] bool is_arp_request() const { return arp.operation == 1; }
  [[nodiscard]] bool is_arp_reply() const { return arp.operation == 2; }
  [[nodiscard]] bool is_solicitation() const { return nd.type == 135; }
  [[nodiscard]] bool is_advertisement() const { return nd.type == 136; }
};

class Capture {
 public:
  /// \param netns name of a namespace; "" = the node
  Capture(const std::string& netns, const std::string& nic);

  /// All frames so far, in order.
  const std::vector<Frame>& frames();

  /// How many of them match.
  int count(const std::function<bool(const Frame&)>& matches);

  /// Waits until a frame matches; false when `limit` has passed without one.
  bool wait_for(const std::function<bool(const Frame&)>& matches,
                std::chrono::milliseconds limit = std::chrono::seconds(3));

 private:
  Fd socket_;
  std::vector<Frame> frames_;
};

struct RouteEvent {
  bool added = false;  ///< or removed
  unsigned table = 0;
  std::string dst;  ///< "0.0.0.0/0" is the default; "::/0" is IPv6's
  std::string gateway;
  unsigned nic = 0;  ///< interface index
  int protocol = 0;
};

/// Every change of the routes of a namespace, as `ip monitor route` shows it. The kernel does not
/// announce IPv4 routes that vanish with their interface.
class RouteWatch {
 public:
  explicit RouteWatch(const std::string& netns);

  /// All events so far. The test fails if the kernel had to drop one.
  const std::vector<RouteEvent>& events();

 private:
  Fd socket_;
  std::vector<RouteEvent> events_;
};

}  // namespace mvr::test
