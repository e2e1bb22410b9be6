// SPDX-License-Identifier: Apache-2.0
// One rtnetlink message of the kernel, in memory of just its size.
#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include <cstring>
#include <memory>

#include "fuzz.hpp"
#include "mvr/net/socket.hpp"
#include "net/codec.hpp"

namespace net = mvr::net;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < sizeof(nlmsghdr)) {
    return 0;
  }
  const std::unique_ptr<std::byte[]> bytes(new std::byte[size]);
  std::memcpy(bytes.get(), data, size);
  auto* message = reinterpret_cast<nlmsghdr*>(bytes.get());
  // Whoever receives messages has compared their length with what came.
  message->nlmsg_len = static_cast<std::uint32_t>(size);
  for (const std::uint16_t type : {RTM_NEWLINK, RTM_NEWADDR, RTM_NEWROUTE, RTM_NEWRULE}) {
    message->nlmsg_type = type;
    if (const auto link = net::parse_link(message)) {
      static_cast<void>(net::is_ours(*link));
    }
    static_cast<void>(net::parse_address(message));
    if (const auto route = net::parse_route(message)) {
      static_cast<void>(net::describe(*route, "net1"));
    }
    if (const auto rule = net::parse_rule(message)) {
      static_cast<void>(net::describe(*rule));
    }
  }
  message->nlmsg_flags |= NLM_F_ACK_TLVS;
  for (const std::size_t fixed : {sizeof(int), sizeof(nlmsgerr), std::size_t{64}}) {
    static_cast<void>(net::extended_ack(message, fixed));
  }
  return 0;
}
