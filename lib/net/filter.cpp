// SPDX-License-Identifier: Apache-2.0
// What a link takes besides its own MAC: RTM_GETNEIGH of the family AF_BRIDGE.
#include <linux/neighbour.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>

#include <netlink/attr.h>

#include "mvr/net/rtnl.hpp"
#include "net/codec.hpp"
#include "net/message.hpp"

namespace mvr::net {

std::optional<ip::Mac> parse_filter(nlmsghdr* message) {
  std::array<nlattr*, NDA_MAX + 1> attributes{};
  if (message->nlmsg_type != RTM_NEWNEIGH ||
      nlmsg_parse(message, sizeof(ndmsg), attributes.data(), NDA_MAX, nullptr) != 0) {
    return std::nullopt;
  }
  return ip::Mac::from_bytes(payload(attributes[NDA_LLADDR]));
}

Result<std::vector<ip::Mac>> read_filters(Socket& socket, IfIndex index) {
  ndmsg header{};
  header.ndm_family = AF_BRIDGE;
  header.ndm_ifindex = to_int(index);
  auto all = dump(socket, "RTM_GETNEIGH", make_request(RTM_GETNEIGH, header), parse_filter);
  if (all) {
    std::erase_if(*all, [](const ip::Mac& mac) { return mac.is_multicast(); });
  }
  return all;
}

}  // namespace mvr::net
