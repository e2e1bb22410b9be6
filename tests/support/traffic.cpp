// SPDX-License-Identifier: Apache-2.0
#include "support/traffic.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "support/catch.hpp"
#include "support/namespaces.hpp"

namespace mvr::test {

namespace {

/// An address of either family, with a port.
struct Endpoint {
  sockaddr_storage storage{};
  socklen_t length = 0;

  [[nodiscard]] sockaddr* generic() { return reinterpret_cast<sockaddr*>(&storage); }
  [[nodiscard]] sockaddr_in& v4() { return reinterpret_cast<sockaddr_in&>(storage); }
  [[nodiscard]] sockaddr_in6& v6() { return reinterpret_cast<sockaddr_in6&>(storage); }
  [[nodiscard]] std::uint16_t port() {
    return ntohs(storage.ss_family == AF_INET ? v4().sin_port : v6().sin6_port);
  }

  [[nodiscard]] std::string address() {
    std::array<char, INET6_ADDRSTRLEN> text{};
    const void* bytes = &v4().sin_addr;
    if (storage.ss_family == AF_INET6) {
      bytes = &v6().sin6_addr;
    }
    inet_ntop(storage.ss_family, bytes, text.data(), text.size());
    return text.data();
  }
};

Endpoint make_endpoint(const std::string& address, std::uint16_t port) {
  Endpoint endpoint;
  if (inet_pton(AF_INET, address.c_str(), &endpoint.v4().sin_addr) == 1) {
    endpoint.v4().sin_family = AF_INET;
    endpoint.v4().sin_port = htons(port);
    endpoint.length = sizeof(sockaddr_in);
  } else if (inet_pton(AF_INET6, address.c_str(), &endpoint.v6().sin6_addr) == 1) {
    endpoint.v6().sin6_family = AF_INET6;
    endpoint.v6().sin6_port = htons(port);
    endpoint.length = sizeof(sockaddr_in6);
  } else {
    FAIL("no address: " << address);
  }
  return endpoint;
}

}  // namespace

UdpSocket::UdpSocket(const std::string& netns, const Options& options) {
  const Inside inside(netns);
  Endpoint endpoint = make_endpoint(options.address, options.port);
  socket_ = Fd(socket(endpoint.storage.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!options.device.empty() &&
      setsockopt(socket_.get(), SOL_SOCKET, SO_BINDTODEVICE, options.device.data(),
                 static_cast<socklen_t>(options.device.size())) != 0) {
    FAIL("bind to " << options.device << ": " << std::strerror(errno));
  }
  if (bind(socket_.get(), endpoint.generic(), endpoint.length) != 0) {
    FAIL("bind to " << options.address << ": " << std::strerror(errno));
  }
}

std::uint16_t UdpSocket::port() const {
  Endpoint endpoint;
  endpoint.length = sizeof(endpoint.storage);
  getsockname(socket_.get(), endpoint.generic(), &endpoint.length);
  return endpoint.port();
}

int UdpSocket::send(const std::string& address, std::uint16_t port, const std::string& text) const {
  Endpoint to = make_endpoint(address, port);
  const ssize_t sent = sendto(socket_.get(), text.data(), text.size(), 0, to.generic(), to.length);
  return sent < 0 ? errno : 0;
}

std::optional<Datagram> UdpSocket::receive(std::chrono::milliseconds limit) const {
  pollfd polled{socket_.get(), POLLIN, 0};
  if (poll(&polled, 1, static_cast<int>(limit.count())) != 1) {
    return std::nullopt;
  }
  std::array<char, 2048> buffer;
  Endpoint from;
  from.length = sizeof(from.storage);
  const ssize_t count =
      recvfrom(socket_.get(), buffer.data(), buffer.size(), 0, from.generic(), &from.length);
  if (count < 0) {
    return std::nullopt;
  }
  return Datagram{.text = {buffer.data(), static_cast<std::size_t>(count)},
                  .from = from.address(),
                  .port = from.port()};
}

bool exchange(const UdpSocket& client, const UdpSocket& server, const std::string& address) {
  if (client.send(address, server.port(), "request") != 0) {
    return false;
  }
  const auto request = server.receive();
  if (!request || server.send(request->from, request->port, "answer") != 0) {
    return false;
  }
  const auto answer = client.receive();
  return answer && answer->text == "answer" && answer->from == address;
}

}  // namespace mvr::test
