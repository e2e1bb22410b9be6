// SPDX-License-Identifier: Apache-2.0
/// \file
/// What the message files share: attributes to values and back, libnl's failures.
#pragma once

#include <linux/rtnetlink.h>

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "mvr/base/error.hpp"
#include "mvr/ip/address.hpp"
#include "mvr/net/handle.hpp"
#include "mvr/net/socket.hpp"
#include "mvr/net/types.hpp"

namespace mvr::net {

/// A message that could not be built; libnl does that without the kernel, so memory is short.
Error build_error(const char* what);

/// A request of this type with its family's header; null when memory is short.
template <typename Header>
MessagePtr make_request(int type, Header header) {
  MessagePtr message(nlmsg_alloc_simple(type, 0));
  if (!message || nlmsg_append(message.get(), &header, sizeof(header), NLMSG_ALIGNTO) != 0) {
    return nullptr;
  }
  return message;
}

/// One of libnl-route's `rtnl_*_build_*_request`: makes a message, 0 or a negative code.
using Build = std::function<int(nl_msg**)>;

/// What `build` makes. \param what the request's name, for errors
Result<MessagePtr> build_request(const char* what, const Build& build);

/// Sends a dump request and gathers what `parse` makes of each object.
template <typename T>
Result<std::vector<T>> dump(Socket& socket, const char* what, MessagePtr request,
                            std::optional<T> (*parse)(nlmsghdr*)) {
  if (!request) {
    return fail(build_error(what));
  }
  std::vector<T> objects;
  const auto restart = [&] { objects.clear(); };
  const auto on_object = [&](nlmsghdr* message) {
    if (std::optional<T> object = parse(message)) {
      objects.push_back(*std::move(object));
    }
  };
  MVR_TRY(socket.dump(std::move(request), restart, on_object));
  return objects;
}

AddressPtr make_nl_address(const ip::Prefix& prefix);
AddressPtr make_nl_address(const ip::Address& address);

/// The attribute's payload; empty for null.
std::span<const std::uint8_t> payload(const nlattr* attribute);

/// A string attribute up to its first zero; empty for null.
std::string read_string(const nlattr* attribute);

/// A 32-bit attribute in host order; 0 for null or a shorter payload.
std::uint32_t read_u32(const nlattr* attribute);

ip::Family family_of(int af);

/// True for an object of IPv4 or IPv6. A list of all families has others too: those of multicast
/// routing, MPLS, CAN. The first byte of all their headers is the family.
bool is_ip(const nlmsghdr* message);

}  // namespace mvr::net
