// SPDX-License-Identifier: Apache-2.0
#include "probe/wire.hpp"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if_arp.h>
#include <netinet/icmp6.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>

#include "probe/arp.hpp"
#include "probe/ndp.hpp"

namespace mvr::probe {
namespace {

using Bytes = std::span<const std::uint8_t>;

constexpr std::uint32_t kKind = static_cast<std::uint32_t>(SKF_AD_OFF) + SKF_AD_PKTTYPE;
constexpr std::uint32_t kProtocol = static_cast<std::uint32_t>(SKF_AD_OFF) + SKF_AD_PROTOCOL;
constexpr std::uint32_t kHasTag = static_cast<std::uint32_t>(SKF_AD_OFF) + SKF_AD_VLAN_TAG_PRESENT;
constexpr std::uint32_t kTag = static_cast<std::uint32_t>(SKF_AD_OFF) + SKF_AD_VLAN_TAG;

/// The number in a VLAN tag; 0 = the frame belongs to none.
constexpr std::uint32_t kVlanNumber = 0x0fff;

/// Next header and hop limit of what no router has forwarded.
constexpr std::uint32_t kNeighbour = IPPROTO_ICMPV6 << 8U | 255U;

/// ARP over Ethernet and IPv4, neighbour solicitations and advertisements; nothing that we send
/// and nothing of a VLAN: a socket for all protocols gets those before the kernel has noticed that
/// they are for somebody else. Up to Linux 6.1 a frame that has come by a VLAN below the NIC keeps
/// the number of that, though it has no tag any more. The socket is SOCK_DGRAM: offset 0 is the
/// network header. A load behind the packet's end makes the kernel drop it.
auto make_filter() {
  return std::to_array<sock_filter>({
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, kKind),                    // A = who it is for
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PACKET_OUTGOING, 24, 0),  // ours: drop
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, kHasTag),                  // A = 1 with a tag
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 3, 0),                 // none: go on
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, kTag),                     // A = tag
      BPF_STMT(BPF_ALU | BPF_AND | BPF_K, kVlanNumber),             // A = number of the VLAN
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 19),                // another VLAN: drop
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, kProtocol),                // A = Ethernet's type
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETHERTYPE_ARP, 0, 10),    // not ARP: try IPv6
      BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 0),                        // A = hardware type
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARPHRD_ETHER, 0, 15),     // not Ethernet: drop
      BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 2),                        // A = protocol type
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETHERTYPE_IP, 0, 13),     // not IPv4: drop
      BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 4),                        // A = address lengths
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x0604, 0, 11),           // not 6 and 4: drop
      BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 6),                        // A = operation
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARPOP_REQUEST, 1, 0),     // request: accept
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARPOP_REPLY, 0, 8),       // no reply either: drop
      BPF_STMT(BPF_RET | BPF_K, kArpSize),                          // accept, without the padding
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETHERTYPE_IPV6, 0, 6),    // not IPv6: drop
      BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 6),                        // A = next header and hops left
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kNeighbour, 0, 4),  // not ICMPv6, or forwarded: drop
      BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 40),                 // A = ICMPv6 type
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ND_NEIGHBOR_SOLICIT, 1, 0),  // solicitation: accept
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ND_NEIGHBOR_ADVERT, 0, 1),   // something else: drop
      BPF_STMT(BPF_RET | BPF_K, kNdpSize),                             // accept
      BPF_STMT(BPF_RET | BPF_K, 0),                                    // drop
  });
}

sockaddr_ll link_address(int ifindex, std::uint16_t protocol) {
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(protocol);
  address.sll_ifindex = ifindex;
  return address;
}

template <typename Address>
auto* generic(Address& address) {
  if constexpr (std::is_const_v<Address>) {
    return static_cast<const sockaddr*>(static_cast<const void*>(&address));
  } else {
    return static_cast<sockaddr*>(static_cast<void*>(&address));
  }
}

/// Errors of a link that is down for a moment or whose queue is full, or of nothing to be read.
bool is_passing(int err) {
  return err == ENETDOWN || err == ENOBUFS || err == EAGAIN || err == EINTR;
}

Result<bool> send_packet(const Fd& socket, int ifindex, std::uint16_t protocol, const ip::Mac& to,
                         Bytes packet) {
  sockaddr_ll address = link_address(ifindex, protocol);
  address.sll_halen = ETH_ALEN;
  std::ranges::copy(to.bytes(), std::begin(address.sll_addr));
  ssize_t sent = -1;
  do {
    sent =
        ::sendto(socket.get(), packet.data(), packet.size(), 0, generic(address), sizeof(address));
  } while (sent < 0 && errno == EINTR);
  if (sent < 0 && !is_passing(errno)) {
    return fail(sys_error(Code::io, errno, "send a probe"));
  }
  return sent >= 0;
}

ip::Mac everybody() {
  constexpr std::array<std::uint8_t, ETH_ALEN> kBroadcast{0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
  return *ip::Mac::from_bytes(kBroadcast);
}

Result<void> join(const Fd& socket, int ifindex, const ip::Address& group) {
  packet_mreq request{};
  request.mr_ifindex = ifindex;
  request.mr_type = PACKET_MR_MULTICAST;
  request.mr_alen = ETH_ALEN;
  std::ranges::copy(multicast_mac(group).bytes(), std::begin(request.mr_address));
  if (::setsockopt(socket.get(), SOL_PACKET, PACKET_ADD_MEMBERSHIP, &request, sizeof(request)) !=
      0) {
    return fail(sys_error(Code::io, errno, "join " + group.to_string()));
  }
  return {};
}

bool is_usable(const ip::Mac& mac, const ip::Mac& own) {
  return mac != own && !mac.is_multicast() && !mac.is_zero();
}

std::optional<Claim> read_arp(Bytes packet) {
  const auto frame = parse_arp(packet);
  if (!frame) {
    return std::nullopt;
  }
  const bool is_probe = frame->sender_ip.is_any();
  if (is_probe && frame->operation != ArpOperation::request) {
    return std::nullopt;
  }
  return Claim{is_probe ? frame->target_ip : frame->sender_ip, frame->sender_mac, is_probe};
}

/// \param from the frame's sender; a message may lack the option that names it
std::optional<Claim> read_ndp(Bytes packet, const ip::Mac& from) {
  const auto message = parse_ndp(packet);
  if (!message) {
    return std::nullopt;
  }
  const ip::Mac mac = message->mac.value_or(from);
  if (message->is_advertisement) {
    return Claim{message->target, mac, false};
  }
  const bool is_probe = message->source.is_any();
  return Claim{is_probe ? message->target : message->source, mac, is_probe};
}

}  // namespace

Result<Fd> open_socket() {
  // Protocol 0: nothing is queued before the socket is bound, from whichever interface.
  Fd socket(::socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) {
    return fail(sys_error(Code::io, errno, "packet socket"));
  }
  auto filter = make_filter();
  const sock_fprog program{static_cast<unsigned short>(filter.size()), filter.data()};
  if (::setsockopt(socket.get(), SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) != 0) {
    return fail(sys_error(Code::io, errno, "attach the probes' filter"));
  }
  return socket;
}

Result<void> bind_to(const Fd& socket, const Options& options,
                     const std::vector<ip::Address>& addresses) {
  const sockaddr_ll address = link_address(options.ifindex, ETH_P_ALL);
  if (::bind(socket.get(), generic(address), sizeof(address)) != 0) {
    return fail(
        sys_error(Code::io, errno,
                  "bind a packet socket to interface index " + std::to_string(options.ifindex)));
  }
  bool has_joined = false;
  for (const ip::Address& own : addresses) {
    if (own.family() == ip::Family::v6) {
      MVR_TRY(join(socket, options.ifindex, solicited_node(own)));
      if (!std::exchange(has_joined, true)) {
        MVR_TRY(join(socket, options.ifindex, all_nodes()));
      }
    }
  }
  return {};
}

Result<bool> send_question(const Fd& socket, const Options& options, const ip::Address& source,
                           const ip::Address& target) {
  if (target.family() == ip::Family::v4) {
    return send_packet(socket, options.ifindex, ETH_P_ARP, everybody(),
                       make_arp_request(options.mac, source, target));
  }
  return send_packet(socket, options.ifindex, ETH_P_IPV6, multicast_mac(solicited_node(target)),
                     make_solicitation(options.mac, source, target));
}

Result<bool> send_announcement(const Fd& socket, const Options& options,
                               const ip::Address& address) {
  if (address.family() == ip::Family::v6) {
    return send_packet(socket, options.ifindex, ETH_P_IPV6, multicast_mac(all_nodes()),
                       make_advertisement(options.mac, address));
  }
  bool is_sent = true;
  for (const ArpOperation operation : {ArpOperation::request, ArpOperation::reply}) {
    const auto packet = make_arp_announcement(operation, options.mac, address);
    is_sent &= MVR_TRY(send_packet(socket, options.ifindex, ETH_P_ARP, everybody(), packet));
  }
  return is_sent;
}

Result<std::optional<Claim>> receive_claim(const Fd& socket, const ip::Mac& own) {
  std::array<std::uint8_t, kNdpSize> packet{};
  sockaddr_ll from{};
  socklen_t length = sizeof(from);
  const ssize_t n =
      ::recvfrom(socket.get(), packet.data(), packet.size(), 0, generic(from), &length);
  if (n < 0 && !is_passing(errno)) {
    return fail(sys_error(Code::io, errno, "receive a probe's answer"));
  }
  const bool is_arp = ntohs(from.sll_protocol) == ETH_P_ARP;
  const bool is_for_us = from.sll_pkttype == PACKET_HOST || from.sll_pkttype == PACKET_BROADCAST ||
                         (from.sll_pkttype == PACKET_MULTICAST && !is_arp);
  const auto sender = ip::Mac::from_bytes(Bytes(from.sll_addr).first(ETH_ALEN));
  if (n < 0 || !is_for_us || !sender || *sender == own) {
    return std::nullopt;
  }
  const Bytes bytes = Bytes(packet).first(static_cast<std::size_t>(n));
  auto claim = is_arp ? read_arp(bytes) : read_ndp(bytes, *sender);
  return claim && is_usable(claim->mac, own) ? claim : std::nullopt;
}

}  // namespace mvr::probe
