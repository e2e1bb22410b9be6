// SPDX-License-Identifier: Apache-2.0
#include "support/capture.hpp"

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/icmp6.h>
#include <netinet/if_ether.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <span>

#include <netlink/attr.h>
#include <netlink/msg.h>

#include "mvr/ip/address.hpp"
#include "support/catch.hpp"
#include "support/namespaces.hpp"
#include "support/shell.hpp"

namespace mvr::test {

namespace {

using Bytes = std::span<const std::uint8_t>;

constexpr std::size_t kBufferSize = 65536;

/// Room for all that a test can cause before it looks.
constexpr int kSocketBuffer = 8 << 20;

std::uint16_t read_u16(Bytes bytes, std::size_t at) {
  return static_cast<std::uint16_t>(bytes[at] << 8U | bytes[at + 1]);
}

std::string read_mac(Bytes bytes, std::size_t at) {
  return ip::Mac::from_bytes(bytes.subspan(at, ETH_ALEN))->to_string();
}

std::string read_ip(Bytes bytes, std::size_t at, std::size_t size = sizeof(in_addr)) {
  return ip::Address::from_bytes(bytes.subspan(at, size))->to_string();
}

std::string read_ip6(Bytes bytes, std::size_t at) {
  return read_ip(bytes, at, sizeof(in6_addr));
}

/// \source RFC 826: hardware type, protocol type, two lengths, operation, then four addresses
Frame::Arp parse_arp(Bytes packet) {
  if (packet.size() < sizeof(ether_arp)) {
    return {};
  }
  return {.operation = read_u16(packet, 6),
          .sender_mac = read_mac(packet, 8),
          .sender_ip = read_ip(packet, 14),
          .target_mac = read_mac(packet, 18),
          .target_ip = read_ip(packet, 24)};
}

void read_ports(Bytes packet, std::size_t header, Frame::Ip& ip) {
  const bool has_ports = ip.protocol == IPPROTO_UDP || ip.protocol == IPPROTO_TCP;
  if (has_ports && packet.size() >= header + 4) {
    ip.src_port = read_u16(packet, header);
    ip.dst_port = read_u16(packet, header + 2);
  }
}

Frame::Ip parse_ip(Bytes packet) {
  if (packet.size() < sizeof(iphdr)) {
    return {};
  }
  Frame::Ip ip{.src = read_ip(packet, 12), .dst = read_ip(packet, 16), .protocol = packet[9]};
  read_ports(packet, (packet[0] & 0x0fU) * 4U, ip);
  return ip;
}

/// \source RFC 8200, section 3. Extension headers are not followed.
Frame::Ip parse_ipv6(Bytes packet) {
  if (packet.size() < sizeof(ip6_hdr)) {
    return {};
  }
  Frame::Ip ip{.src = read_ip6(packet, 8), .dst = read_ip6(packet, 24), .protocol = packet[6]};
  read_ports(packet, sizeof(ip6_hdr), ip);
  return ip;
}

/// The link-layer address option of this type; empty without one.
std::string find_mac(Bytes options, int type) {
  constexpr std::size_t kUnit = 8;
  while (options.size() >= kUnit && options[1] > 0 && options[1] * kUnit <= options.size()) {
    if (options[0] == type) {
      return read_mac(options, 2);
    }
    options = options.subspan(options[1] * kUnit);
  }
  return {};
}

/// \source RFC 4861, sections 4.3 and 4.4, behind the IPv6 header
Frame::Nd parse_nd(Bytes packet) {
  constexpr std::size_t kMessage = sizeof(ip6_hdr);
  constexpr std::size_t kOptions = kMessage + sizeof(nd_neighbor_solicit);
  if (packet.size() < kOptions || packet[6] != IPPROTO_ICMPV6) {
    return {};
  }
  const int type = packet[kMessage];
  if (type != ND_NEIGHBOR_SOLICIT && type != ND_NEIGHBOR_ADVERT) {
    return {};
  }
  const unsigned flags = type == ND_NEIGHBOR_ADVERT ? packet[kMessage + 4] : 0;
  return {.type = type,
          .src = read_ip6(packet, 8),
          .dst = read_ip6(packet, 24),
          .target = read_ip6(packet, kMessage + 8),
          .mac = find_mac(packet.subspan(kOptions), type == ND_NEIGHBOR_SOLICIT ? 1 : 2),
          .is_solicited = (flags & 0x40U) != 0,
          .is_override = (flags & 0x20U) != 0};
}

std::optional<Frame> parse_frame(Bytes bytes, bool outgoing) {
  if (bytes.size() < ETH_HLEN) {
    return std::nullopt;
  }
  Frame frame{.outgoing = outgoing,
              .ethertype = read_u16(bytes, 12),
              .src = read_mac(bytes, 6),
              .dst = read_mac(bytes, 0)};
  if (frame.ethertype == ETHERTYPE_ARP) {
    frame.arp = parse_arp(bytes.subspan(ETH_HLEN));
  } else if (frame.ethertype == ETHERTYPE_IP) {
    frame.ip = parse_ip(bytes.subspan(ETH_HLEN));
  } else if (frame.ethertype == ETHERTYPE_IPV6) {
    frame.nd = parse_nd(bytes.subspan(ETH_HLEN));
    frame.ip = parse_ipv6(bytes.subspan(ETH_HLEN));
  }
  return frame;
}

/// When the kernel had the packet that was read last. The first call makes it note the times.
std::chrono::nanoseconds read_time(const Fd& socket) {
  timespec time{};
  ioctl(socket.get(), SIOCGSTAMPNS, &time);
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

/// A bound socket in a namespace; the address is made there, since it may hold an interface index.
template <typename MakeAddress>
Fd open_bound(const std::string& netns, int family, int type, int protocol, MakeAddress address) {
  const Inside inside(netns);
  Fd fd(socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol));
  setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUFFORCE, &kSocketBuffer, sizeof(kSocketBuffer));
  const auto bound_to = address();
  if (bind(fd.get(), reinterpret_cast<const sockaddr*>(&bound_to), sizeof(bound_to)) != 0) {
    FAIL("bind: " << std::strerror(errno));
  }
  return fd;
}

std::string text_of(const nlattr* address, const std::string& missing) {
  return address == nullptr ? missing
                            : read_ip({static_cast<const std::uint8_t*>(nla_data(address)),
                                       static_cast<std::size_t>(nla_len(address))},
                                      0, static_cast<std::size_t>(nla_len(address)));
}

RouteEvent parse_route(nlmsghdr* message) {
  const auto& route = *static_cast<const rtmsg*>(nlmsg_data(message));
  const auto find = [&](int type) { return nlmsg_find_attr(message, sizeof(rtmsg), type); };
  const nlattr* const nic = find(RTA_OIF);
  const nlattr* const table = find(RTA_TABLE);
  const nlattr* const gateway = find(RTA_GATEWAY);
  return {.added = message->nlmsg_type == RTM_NEWROUTE,
          .table = table != nullptr ? nla_get_u32(table) : route.rtm_table,
          .dst = text_of(find(RTA_DST), route.rtm_family == AF_INET ? "0.0.0.0" : "::") + "/" +
                 std::to_string(route.rtm_dst_len),
          .gateway = text_of(gateway, ""),
          .nic = nic != nullptr ? nla_get_u32(nic) : 0,
          .protocol = route.rtm_protocol};
}

}  // namespace

Capture::Capture(const std::string& netns, const std::string& nic)
    : socket_(open_bound(netns, AF_PACKET, SOCK_RAW, 0, [&nic] {
        sockaddr_ll address{};
        address.sll_family = AF_PACKET;
        address.sll_protocol = htons(ETH_P_ALL);
        address.sll_ifindex = static_cast<int>(if_nametoindex(nic.c_str()));
        if (address.sll_ifindex == 0) {
          FAIL("no interface " << nic);
        }
        return address;
      })) {
  read_time(socket_);
}

const std::vector<Frame>& Capture::frames() {
  std::array<std::uint8_t, kBufferSize> buffer;
  sockaddr_ll from{};
  socklen_t length = sizeof(from);
  ssize_t count = 0;
  while ((count = recvfrom(socket_.get(), buffer.data(), buffer.size(), 0,
                           reinterpret_cast<sockaddr*>(&from), &length)) >= 0) {
    const Bytes bytes(buffer.data(), static_cast<std::size_t>(count));
    if (auto frame = parse_frame(bytes, from.sll_pkttype == PACKET_OUTGOING)) {
      frame->time = read_time(socket_);
      frames_.push_back(*std::move(frame));
    }
    length = sizeof(from);
  }
  return frames_;
}

int Capture::count(const std::function<bool(const Frame&)>& matches) {
  const auto& all = frames();
  return static_cast<int>(std::count_if(all.begin(), all.end(), matches));
}

bool Capture::wait_for(const std::function<bool(const Frame&)>& matches,
                       std::chrono::milliseconds limit) {
  return eventually([&] { return count(matches) > 0; }, limit);
}

RouteWatch::RouteWatch(const std::string& netns)
    : socket_(open_bound(netns, AF_NETLINK, SOCK_RAW, NETLINK_ROUTE, [] {
        sockaddr_nl address{};
        address.nl_family = AF_NETLINK;
        address.nl_groups = RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE;
        return address;
      })) {
}

const std::vector<RouteEvent>& RouteWatch::events() {
  alignas(nlmsghdr) std::array<std::uint8_t, kBufferSize> buffer;
  ssize_t count = 0;
  while ((count = recv(socket_.get(), buffer.data(), buffer.size(), 0)) >= 0) {
    int left = static_cast<int>(count);
    auto* message = reinterpret_cast<nlmsghdr*>(buffer.data());
    for (; nlmsg_ok(message, left) != 0; message = nlmsg_next(message, &left)) {
      events_.push_back(parse_route(message));
    }
  }
  if (errno != EAGAIN) {
    FAIL("route events: " << std::strerror(errno));
  }
  return events_;
}

}  // namespace mvr::test
