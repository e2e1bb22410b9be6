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

sockaddr_in make_sockaddr(const std::string& address, std::uint16_t port) {
  sockaddr_in result{};
  result.sin_family = AF_INET;
  result.sin_port = htons(port);
  if (inet_pton(AF_INET, address.c_str(), &result.sin_addr) != 1) {
    FAIL("no IPv4 address: " << address);
  }
  return result;
}

template <typename Address>
sockaddr* generic(Address& address) {
  return reinterpret_cast<sockaddr*>(&address);
}

}  // namespace

UdpSocket::UdpSocket(const std::string& netns, const Options& options) {
  const Inside inside(netns);
  socket_ = Fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!options.device.empty() &&
      setsockopt(socket_.get(), SOL_SOCKET, SO_BINDTODEVICE, options.device.data(),
                 static_cast<socklen_t>(options.device.size())) != 0) {
    FAIL("bind to " << options.device << ": " << std::strerror(errno));
  }
  sockaddr_in address = make_sockaddr(options.address, options.port);
  if (bind(socket_.get(), generic(address), sizeof(address)) != 0) {
    FAIL("bind to " << options.address << ": " << std::strerror(errno));
  }
}

std::uint16_t UdpSocket::port() const {
  sockaddr_in address{};
  socklen_t length = sizeof(address);
  getsockname(socket_.get(), generic(address), &length);
  return ntohs(address.sin_port);
}

int UdpSocket::send(const std::string& address, std::uint16_t port, const std::string& text) const {
  sockaddr_in to = make_sockaddr(address, port);
  const ssize_t sent = sendto(socket_.get(), text.data(), text.size(), 0, generic(to), sizeof(to));
  return sent < 0 ? errno : 0;
}

std::optional<Datagram> UdpSocket::receive(std::chrono::milliseconds limit) const {
  pollfd polled{socket_.get(), POLLIN, 0};
  if (poll(&polled, 1, static_cast<int>(limit.count())) != 1) {
    return std::nullopt;
  }
  std::array<char, 2048> buffer;
  sockaddr_in from{};
  socklen_t length = sizeof(from);
  const ssize_t count =
      recvfrom(socket_.get(), buffer.data(), buffer.size(), 0, generic(from), &length);
  if (count < 0) {
    return std::nullopt;
  }
  std::array<char, INET_ADDRSTRLEN> text{};
  inet_ntop(AF_INET, &from.sin_addr, text.data(), text.size());
  return Datagram{.text = {buffer.data(), static_cast<std::size_t>(count)},
                  .from = text.data(),
                  .port = ntohs(from.sin_port)};
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
