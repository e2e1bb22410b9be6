// SPDX-License-Identifier: Apache-2.0
#include "mvr/probe/gateway.hpp"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if_arp.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>

#include "probe/arp.hpp"

namespace mvr::probe {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kCarrierPoll{5};
constexpr std::uint32_t kAccept = kArpSize;

/// A target that is being asked.
using Query = Answer;

/// ARP over Ethernet and IPv4, request or reply. The socket is SOCK_DGRAM: offset 0 is the ARP
/// header. A load behind the packet's end makes the kernel drop it.
auto make_filter() {
  return std::to_array<sock_filter>({
      BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 0),                     // A = hardware type
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARPHRD_ETHER, 0, 8),   // not Ethernet: drop
      BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 2),                     // A = protocol type
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETHERTYPE_IP, 0, 6),   // not IPv4: drop
      BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 4),                     // A = both address lengths
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x0604, 0, 4),         // not 6 and 4: drop
      BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 6),                     // A = operation
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARPOP_REQUEST, 1, 0),  // request: accept
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARPOP_REPLY, 0, 1),    // neither request nor reply: drop
      BPF_STMT(BPF_RET | BPF_K, kAccept),                        // accept, without the padding
      BPF_STMT(BPF_RET | BPF_K, 0),                              // drop
  });
}

sockaddr_ll link_address(int ifindex) {
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(ETH_P_ARP);
  address.sll_ifindex = ifindex;
  return address;
}

template <typename Address>
const sockaddr* generic(const Address& address) {
  return static_cast<const sockaddr*>(static_cast<const void*>(&address));
}

/// Errors of a link that is down for a moment or whose queue is full, or of nothing to be read.
bool is_passing(int err) {
  return err == ENETDOWN || err == ENOBUFS || err == EAGAIN || err == EINTR;
}

/// False when the kernel could not send just now.
Result<bool> send_request(const Fd& socket, const Options& options, const Target& target) {
  sockaddr_ll broadcast = link_address(options.ifindex);
  broadcast.sll_halen = ETH_ALEN;
  std::fill_n(std::begin(broadcast.sll_addr), ETH_ALEN, std::uint8_t{0xff});
  const auto packet = make_arp_request(options.mac, target.source, target.gateway);
  ssize_t sent = -1;
  do {
    sent = ::sendto(socket.get(), packet.data(), packet.size(), 0, generic(broadcast),
                    sizeof(broadcast));
  } while (sent < 0 && errno == EINTR);
  if (sent < 0 && !is_passing(errno)) {
    return fail(sys_error(Code::io, errno, "send ARP request for " + target.gateway.to_string()));
  }
  return sent >= 0;
}

/// One frame that was sent to us or to all. What the NIC overheard is none: a frame that is tagged
/// for another VLAN arrives as one to somebody else.
Result<std::optional<ArpFrame>> receive_frame(const Fd& socket) {
  std::array<std::uint8_t, kArpSize> packet{};
  sockaddr_ll from{};
  socklen_t length = sizeof(from);
  const ssize_t n = ::recvfrom(socket.get(), packet.data(), packet.size(), 0,
                               static_cast<sockaddr*>(static_cast<void*>(&from)), &length);
  if (n < 0 && !is_passing(errno)) {
    return fail(sys_error(Code::io, errno, "receive ARP"));
  }
  if (n < 0 || (from.sll_pkttype != PACKET_HOST && from.sll_pkttype != PACKET_BROADCAST)) {
    return std::nullopt;
  }
  return parse_arp(std::span(packet).first(static_cast<std::size_t>(n)));
}

std::chrono::microseconds since(Clock::time_point start) {
  return std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - start);
}

void note_frame(const ArpFrame& frame, const ip::Mac& own, Clock::time_point start,
                std::vector<Query>& queries) {
  if (frame.sender_mac == own || frame.sender_mac.is_multicast() || frame.sender_mac.is_zero()) {
    return;
  }
  for (Query& query : queries) {
    if (!query.mac && query.target.gateway == frame.sender_ip) {
      query.mac = frame.sender_mac;
      query.elapsed = since(start);
    }
  }
}

bool all_answered(const std::vector<Query>& queries) {
  return std::ranges::all_of(queries, [](const Query& query) { return query.mac.has_value(); });
}

/// Sends one request for each target that has not answered and has attempts left.
/// False when there was none.
Result<bool> send_round(const Fd& socket, const Options& options, std::vector<Query>& queries) {
  bool is_needed = false;
  for (Query& query : queries) {
    if (!query.mac && query.attempts < options.attempts) {
      is_needed = true;
      query.attempts += MVR_TRY(send_request(socket, options, query.target)) ? 1 : 0;
    }
  }
  return is_needed;
}

/// Receives until `until` or until all have answered. The clock is looked at for each frame, so
/// that a flood of them does not hold up the next request.
Result<void> receive_until(const Fd& socket, const ip::Mac& own, Clock::time_point start,
                           Clock::time_point until, const Budget& budget,
                           std::vector<Query>& queries) {
  while (!all_answered(queries) && Clock::now() < until) {
    if (MVR_TRY(budget.wait(socket.get(), POLLIN, until))) {
      const std::optional<ArpFrame> frame = MVR_TRY(receive_frame(socket));
      if (frame) {
        note_frame(*frame, own, start, queries);
      }
    }
  }
  return {};
}

Result<bool> wait_for_carrier(const Options& options, const HasCarrier& has_carrier,
                              const Budget& budget) {
  const auto until = Clock::now() + options.attempts * options.interval;
  for (;;) {
    if (MVR_TRY(has_carrier())) {
      return true;
    }
    if (Clock::now() >= until) {
      return false;
    }
    const auto next = Clock::now() + std::min(options.interval, kCarrierPoll);
    MVR_TRY(budget.wait(-1, 0, std::min(next, until)));
  }
}

Result<void> bind_to(const Fd& socket, int ifindex) {
  const sockaddr_ll address = link_address(ifindex);
  if (::bind(socket.get(), generic(address), sizeof(address)) != 0) {
    return fail(sys_error(Code::io, errno,
                          "bind ARP socket to interface index " + std::to_string(ifindex)));
  }
  return {};
}

/// A round whose requests could not be sent is made up for; twice the attempts bound that.
Result<void> ask(const Fd& socket, const Options& options, Clock::time_point start,
                 const Budget& budget, std::vector<Query>& queries) {
  for (int round = 0; round < 2 * options.attempts; ++round) {
    const auto until = Clock::now() + options.interval;
    if (!MVR_TRY(send_round(socket, options, queries))) {
      break;
    }
    MVR_TRY(receive_until(socket, options.mac, start, until, budget, queries));
  }
  return {};
}

Result<std::vector<Query>> make_queries(const std::vector<Target>& targets) {
  std::vector<Query> queries;
  for (const Target& target : targets) {
    if (target.source.family() != ip::Family::v4 || target.gateway.family() != ip::Family::v4) {
      return fail(sys_error(Code::io, EAFNOSUPPORT, "ARP for " + target.gateway.to_string()));
    }
    queries.push_back({target, std::nullopt, 0, {}});
  }
  return queries;
}

}  // namespace

Result<Fd> open_arp_socket() {
  // Protocol 0: nothing is queued before the socket is bound, from whichever interface.
  Fd socket(::socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) {
    return fail(sys_error(Code::io, errno, "packet socket"));
  }
  auto filter = make_filter();
  const sock_fprog program{static_cast<unsigned short>(filter.size()), filter.data()};
  if (::setsockopt(socket.get(), SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) != 0) {
    return fail(sys_error(Code::io, errno, "attach ARP filter"));
  }
  return socket;
}

Result<std::vector<Answer>> probe_gateways(const Fd& socket, const Options& options,
                                           const std::vector<Target>& targets,
                                           const HasCarrier& has_carrier, const Budget& budget) {
  const auto start = Clock::now();
  std::vector<Query> queries = MVR_TRY(make_queries(targets));
  if (!queries.empty() && MVR_TRY(wait_for_carrier(options, has_carrier, budget))) {
    MVR_TRY(bind_to(socket, options.ifindex));
    MVR_TRY(ask(socket, options, start, budget, queries));
  }
  for (Query& query : queries) {
    if (!query.mac) {
      query.elapsed = since(start);
    }
  }
  return queries;
}

}  // namespace mvr::probe
