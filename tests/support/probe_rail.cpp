// SPDX-License-Identifier: Apache-2.0
#include "support/probe_rail.hpp"

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <linux/sockios.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>
#include <array>

#include "support/catch.hpp"
#include "support/namespaces.hpp"
#include "support/print.hpp"

namespace mvr::test {
namespace {

constexpr std::chrono::milliseconds kInterval{40};

/// When the kernel had the packet that was read last. The first call makes it note the times.
std::chrono::nanoseconds read_time(const Fd& socket) {
  timespec time{};
  ::ioctl(socket.get(), SIOCGSTAMPNS, &time);
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

/// Up, without an IPv6 link-local address.
std::string raise(const std::string& device) {
  return "link set " + device + " addrgenmode none\nlink set " + device + " up\n";
}

volatile sig_atomic_t storm_count = 0;

}  // namespace

void add_v6_addresses(const std::string& netns, const std::string& device,
                      const std::vector<std::string>& addresses) {
  std::vector<std::string> groups;
  std::string lines;
  for (const std::string& address : addresses) {
    lines += "addr replace " + address + " dev " + device + " nodad\n";
    groups.push_back(probe::solicited_node(ip::Prefix::parse(address)->address).to_string());
  }
  ip_batch(netns, lines);
  REQUIRE(eventually([&] {
    const std::string joined = ip_json(netns, {"-6", "maddr", "show", "dev", device}).dump();
    return std::ranges::all_of(groups, [&](const std::string& group) {
      return joined.find('"' + group + '"') != std::string::npos;
    });
  }));
}

bool is_running(const std::string& device) {
  const Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request{};
  device.copy(std::begin(request.ifr_name), IFNAMSIZ - 1);
  REQUIRE(::ioctl(socket.get(), SIOCGIFFLAGS, &request) == 0);
  return (request.ifr_flags & IFF_RUNNING) != 0;
}

Wire::Wire(const std::string& device)
    : socket_(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(ETH_P_ALL);
  address.sll_ifindex = static_cast<int>(::if_nametoindex(device.c_str()));
  REQUIRE(::bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0);
  // The room is for what comes in.
  constexpr int kOn = 1;
  REQUIRE(::setsockopt(socket_.get(), SOL_PACKET, PACKET_IGNORE_OUTGOING, &kOn, sizeof(kOn)) == 0);
  read_time(socket_);
}

std::optional<WireFrame> Wire::read() {
  std::array<std::uint8_t, 256> bytes{};
  sockaddr_ll from{};
  socklen_t length = sizeof(from);
  const ssize_t n = ::recvfrom(socket_.get(), bytes.data(), bytes.size(), 0,
                               reinterpret_cast<sockaddr*>(&from), &length);
  if (n < static_cast<ssize_t>(sizeof(ether_header))) {
    return std::nullopt;
  }
  const auto frame = std::span(bytes).first(static_cast<std::size_t>(n));
  const auto packet = frame.subspan(sizeof(ether_header));
  const int protocol = ntohs(from.sll_protocol);
  WireFrame result{*ip::Mac::from_bytes(frame.subspan(ETH_ALEN, ETH_ALEN)),
                   *ip::Mac::from_bytes(frame.first(ETH_ALEN)),
                   read_time(socket_),
                   {packet.begin(), packet.end()}};
  if (protocol == ETHERTYPE_ARP) {
    result.arp = probe::parse_arp(packet);
  } else if (protocol == ETHERTYPE_IPV6) {
    result.ndp = probe::parse_ndp(packet);
  }
  return result.arp || result.ndp ? std::optional(result) : std::nullopt;
}

std::optional<WireFrame> Wire::next(std::chrono::milliseconds limit) {
  const auto end = Clock::now() + limit;
  pollfd entry{socket_.get(), POLLIN, 0};
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now());
    if (::poll(&entry, 1, std::max(0, static_cast<int>(left.count()))) != 1) {
      return std::nullopt;
    }
    if (auto frame = read()) {
      return frame;
    }
  }
}

std::vector<WireFrame> Wire::all() {
  std::vector<WireFrame> frames;
  while (const auto frame = next()) {
    frames.push_back(*frame);
  }
  return frames;
}

void Wire::send(const Packet& packet, const ip::Mac& destination, const ip::Mac& source,
                std::uint8_t vlan) const {
  constexpr std::size_t kSmallestFrame = 64;
  Packet bytes(destination.bytes().begin(), destination.bytes().end());
  bytes.insert(bytes.end(), source.bytes().begin(), source.bytes().end());
  if (vlan != 0) {
    bytes.insert(bytes.end(), {0x81, 0x00, 0x00, vlan});
  }
  const bool is_arp = packet.front() == 0;
  bytes.insert(bytes.end(), {is_arp ? std::uint8_t{0x08} : std::uint8_t{0x86},
                             is_arp ? std::uint8_t{0x06} : std::uint8_t{0xdd}});
  bytes.insert(bytes.end(), packet.begin(), packet.end());
  bytes.resize(std::max(bytes.size(), kSmallestFrame));
  ::send(socket_.get(), bytes.data(), bytes.size(), 0);
}

void Wire::send(probe::ArpOperation operation, const ip::Mac& sender, const ip::Address& address,
                const ip::Mac& destination, std::uint8_t vlan) const {
  const ArpFields fields{static_cast<std::uint8_t>(operation), sender, address, {}, kSource};
  send(make_arp(fields), destination, kGatewayMac, vlan);
}

Rail::Rail() {
  isolate();
  timekeeper_ = Fd(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
  read_time(timekeeper_);  // it takes the kernel a while to begin with it
  add_netns(kOtherEnd);
  ip_batch("", "link add rail0 type veth peer name gw0 address " + kGatewayMac.to_string() +
                   " netns " + kOtherEnd + '\n' + raise("rail0") +
                   "link add net1 link rail0 address " + kNicMac.to_string() +
                   " type macvlan mode bridge\n" + raise("net1"));
  ip_batch(kOtherEnd, raise("gw0"));
  put_sysctl("", "ipv6/conf/net1/disable_ipv6", "1");
  REQUIRE(eventually([] { return is_running("net1"); }));
}

Wire Rail::open_wire() {
  const Inside inside(kOtherEnd);
  return Wire("gw0");
}

void Rail::unplug() {
  run_ip_there("link set gw0 down");
  REQUIRE(eventually([] { return !is_running("net1"); }));
}

probe::Options probe_options(int attempts, std::chrono::milliseconds interval) {
  return {static_cast<int>(::if_nametoindex("net1")), kNicMac, attempts,
          interval.count() == 0 ? kInterval : interval};
}

Result<bool> always() {
  return true;
}

Packet make_gateway_answer(const probe::Target& target, const ip::Mac& mac) {
  if (target.gateway.family() == ip::Family::v4) {
    return make_arp({kArpReply, mac, target.gateway, kNicMac, target.source});
  }
  return make_ndp({.source = target.gateway,
                   .destination = target.source,
                   .target = target.gateway,
                   .mac = mac,
                   .flags = kSolicited | kOverride});
}

std::vector<probe::Answer> ask_gateways(const probe::Options& options,
                                        const std::vector<probe::Target>& targets) {
  constexpr std::chrono::seconds kPlenty{60};
  const Fd socket = unwrap(probe::open_socket());
  return unwrap(
      probe::probe_gateways(socket, options, targets, always, Budget::grace(kPlenty * slowness())));
}

Responder::Responder(Answer answer)
    : thread_([wire = Rail::open_wire(), answer = std::move(answer)](std::stop_token stop) mutable {
        for (int count = 1; !stop.stop_requested();) {
          constexpr std::chrono::milliseconds kPause{5};
          const auto frame = wire.next(kPause);
          if (frame) {
            answer(wire, *frame, count++);
          }
        }
      }) {
}

SignalStorm::SignalStorm() {
  struct sigaction action {};
  action.sa_handler = [](int) { storm_count = storm_count + 1; };
  REQUIRE(::sigaction(SIGALRM, &action, nullptr) == 0);
  constexpr itimerval kStorm{{0, 1000}, {0, 1000}};
  REQUIRE(::setitimer(ITIMER_REAL, &kStorm, nullptr) == 0);
}

SignalStorm::~SignalStorm() {
  constexpr itimerval kCalm{};
  ::setitimer(ITIMER_REAL, &kCalm, nullptr);
  ::signal(SIGALRM, SIG_IGN);
}

int SignalStorm::count() {
  return storm_count;
}

}  // namespace mvr::test
