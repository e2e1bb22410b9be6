// SPDX-License-Identifier: Apache-2.0
/// \file
/// UDP in a namespace: enough to ask which way a packet and its answer go.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "mvr/base/fd.hpp"

namespace mvr::test {

struct Datagram {
  std::string text;
  std::string from;
  std::uint16_t port = 0;
};

class UdpSocket {
 public:
  struct Options {
    std::string address = "0.0.0.0";  ///< to bind to; an IPv6 address makes an IPv6 socket
    std::uint16_t port = 0;           ///< 0 = any
    std::string device = {};          ///< SO_BINDTODEVICE
  };

  UdpSocket(const std::string& netns, const Options& options);
  explicit UdpSocket(const std::string& netns) : UdpSocket(netns, Options{}) {}

  [[nodiscard]] std::uint16_t port() const;

  /// 0, or the errno with which the kernel refused.
  [[nodiscard]] int send(const std::string& address, std::uint16_t port,
                         const std::string& text) const;

  /// The next datagram; nothing when none came in time.
  [[nodiscard]] std::optional<Datagram> receive(
      std::chrono::milliseconds limit = std::chrono::seconds(3)) const;

 private:
  Fd socket_;
};

/// Sends from `client` to `address`, where `server` listens, and answers. True when the answer came
/// back from the address that was asked.
bool exchange(const UdpSocket& client, const UdpSocket& server, const std::string& address);

}  // namespace mvr::test
