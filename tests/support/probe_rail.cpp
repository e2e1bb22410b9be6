// SPDX-License-Identifier: Apache-2.0
#include "support/probe_rail.hpp"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "support/catch.hpp"

namespace mvr::test {
namespace {

Fd current_netns() {
  return Fd(::open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC));
}

/// Runs a function in another namespace and comes back.
void in_netns(const Fd& netns, const std::function<void()>& function) {
  const Fd home = current_netns();
  REQUIRE(::setns(netns.get(), CLONE_NEWNET) == 0);
  function();
  REQUIRE(::setns(home.get(), CLONE_NEWNET) == 0);
}

}  // namespace

void run_ip(const std::string& arguments) {
  INFO("ip " << arguments);
  REQUIRE(::system(("ip " + arguments).c_str()) == 0);  // NOLINT(cert-env33-c)
}

bool is_running(const std::string& device) {
  const Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request{};
  device.copy(std::begin(request.ifr_name), IFNAMSIZ - 1);
  REQUIRE(::ioctl(socket.get(), SIOCGIFFLAGS, &request) == 0);
  return (request.ifr_flags & IFF_RUNNING) != 0;
}

Wire::Wire(const std::string& device)
    : socket_(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ARP))) {
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(ETH_P_ARP);
  address.sll_ifindex = static_cast<int>(::if_nametoindex(device.c_str()));
  REQUIRE(::bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0);
}

std::optional<WireFrame> Wire::next(std::chrono::milliseconds limit) {
  pollfd entry{socket_.get(), POLLIN, 0};
  if (::poll(&entry, 1, static_cast<int>(limit.count())) != 1) {
    return std::nullopt;
  }
  std::array<std::uint8_t, 128> bytes{};
  const ssize_t n = ::recv(socket_.get(), bytes.data(), bytes.size(), 0);
  if (n < static_cast<ssize_t>(sizeof(ether_header))) {
    return std::nullopt;
  }
  const auto frame = std::span(bytes).first(static_cast<std::size_t>(n));
  const auto arp = probe::parse_arp(frame.subspan(sizeof(ether_header)));
  if (!arp) {
    return std::nullopt;
  }
  return WireFrame{*ip::Mac::from_bytes(frame.subspan(6, 6)), *ip::Mac::from_bytes(frame.first(6)),
                   *arp};
}

std::vector<WireFrame> Wire::all() {
  std::vector<WireFrame> frames;
  while (const auto frame = next()) {
    frames.push_back(*frame);
  }
  return frames;
}

void Wire::send(probe::ArpOperation operation, const ip::Mac& sender, const ip::Address& address,
                const ip::Mac& destination, std::uint8_t vlan) const {
  constexpr std::size_t kSmallestFrame = 64;
  auto arp = probe::make_arp_request(sender, address, kSource);
  arp[7] = static_cast<std::uint8_t>(operation);
  std::vector<std::uint8_t> bytes(destination.bytes().begin(), destination.bytes().end());
  bytes.insert(bytes.end(), kGatewayMac.bytes().begin(), kGatewayMac.bytes().end());
  if (vlan != 0) {
    bytes.insert(bytes.end(), {0x81, 0x00, 0x00, vlan});
  }
  bytes.insert(bytes.end(), {0x08, 0x06});
  bytes.insert(bytes.end(), arp.begin(), arp.end());
  bytes.resize(kSmallestFrame);
  ::send(socket_.get(), bytes.data(), bytes.size(), 0);
}

bool Rail::is_possible() {
  if (::unshare(CLONE_NEWNET) == 0) {
    return true;
  }
  WARN("skipped: not permitted to make a network namespace: " << ::strerror(errno));
  return false;
}

Rail::Rail() {
  const Fd pod = current_netns();
  REQUIRE(::unshare(CLONE_NEWNET) == 0);
  netns_ = current_netns();
  run_ip("link add gw0 address " + kGatewayMac.to_string() +
         " type veth peer name rail0 netns /proc/" + std::to_string(::getpid()) + "/fd/" +
         std::to_string(pod.get()));
  run_ip("link set gw0 up");
  REQUIRE(::setns(pod.get(), CLONE_NEWNET) == 0);
  run_ip("link set rail0 up");
  run_ip("link add net1 link rail0 address " + kNicMac.to_string() + " type macvlan mode bridge");
  run_ip("link set net1 up");
}

void Rail::run_ip_there(const std::string& arguments) const {
  in_netns(netns_, [&] { run_ip(arguments); });
}

Wire Rail::open_wire() const {
  std::optional<Wire> wire;
  in_netns(netns_, [&] { wire.emplace("gw0"); });
  return std::move(*wire);
}

Responder::Responder(const Rail& rail, Answer answer)
    : thread_([wire = rail.open_wire(), answer = std::move(answer)](std::stop_token stop) mutable {
        for (int count = 1; !stop.stop_requested();) {
          constexpr std::chrono::milliseconds kPause{5};
          const auto frame = wire.next(kPause);
          if (frame && frame->source != kGatewayMac) {
            answer(wire, *frame, count++);
          }
        }
      }) {
}

}  // namespace mvr::test
