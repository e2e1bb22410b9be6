// SPDX-License-Identifier: Apache-2.0
#include "net/message.hpp"

#include <errno.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>

#include <netlink/attr.h>

namespace mvr::net {

Error build_error(const char* what) {
  return sys_error(Code::io, ENOMEM, what);
}

Result<MessagePtr> build_request(const char* what, const Build& build) {
  nl_msg* message = nullptr;
  const int code = build(&message);
  MessagePtr request(message);
  if (code < 0 || !request) {
    return fail(build_error(what));
  }
  return request;
}

AddressPtr make_nl_address(const ip::Prefix& prefix) {
  const auto bytes = prefix.address.bytes();
  AddressPtr address(nl_addr_build(to_af(prefix.family()), bytes.data(), bytes.size()));
  if (address) {
    nl_addr_set_prefixlen(address.get(), prefix.length);
  }
  return address;
}

AddressPtr make_nl_address(const ip::Address& address) {
  return make_nl_address(ip::Prefix::host(address));
}

std::span<const std::uint8_t> payload(const nlattr* attribute) {
  if (attribute == nullptr) {
    return {};
  }
  return {static_cast<const std::uint8_t*>(nla_data(attribute)),
          static_cast<std::size_t>(std::max(nla_len(attribute), 0))};
}

std::string read_string(const nlattr* attribute) {
  const auto bytes = payload(attribute);
  return {bytes.begin(), std::ranges::find(bytes, 0)};
}

std::uint32_t read_u32(const nlattr* attribute) {
  const auto bytes = payload(attribute);
  std::uint32_t value = 0;
  if (bytes.size() >= sizeof(value)) {
    std::memcpy(&value, bytes.data(), sizeof(value));
  }
  return value;
}

ip::Family family_of(int af) {
  return af == AF_INET6 ? ip::Family::v6 : ip::Family::v4;
}

bool is_ip(const nlmsghdr* message) {
  if (message->nlmsg_len <= NLMSG_HDRLEN) {
    return false;
  }
  const auto family = *static_cast<const std::uint8_t*>(nlmsg_data(message));
  return family == AF_INET || family == AF_INET6;
}

}  // namespace mvr::net
