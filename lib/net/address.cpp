// SPDX-License-Identifier: Apache-2.0
// Interface addresses: RTM_NEWADDR, RTM_GETADDR, RTM_DELADDR.
#include <linux/if_addr.h>

#include <array>

#include <netlink/attr.h>

#include "mvr/net/rtnl.hpp"
#include "net/codec.hpp"
#include "net/message.hpp"

namespace mvr::net {
namespace {

Result<IfAddressPtr> make_address(const IfAddress& address) {
  IfAddressPtr object(rtnl_addr_alloc());
  const AddressPtr local = make_nl_address(address.prefix);
  if (!object || !local) {
    return fail(build_error("address"));
  }
  rtnl_addr_set_ifindex(object.get(), to_int(address.index));
  rtnl_addr_set_local(object.get(), local.get());
  rtnl_addr_set_scope(object.get(), address.scope);
  if (address.has_no_dad) {
    rtnl_addr_set_flags(object.get(), IFA_F_NODAD);
  }
  return object;
}

}  // namespace

/// By hand: libnl-route's address has no IFA_RT_PRIORITY.
std::optional<IfAddress> parse_address(nlmsghdr* message) {
  std::array<nlattr*, IFA_MAX + 1> attributes{};
  if (message->nlmsg_type != RTM_NEWADDR || !is_ip(message) ||
      nlmsg_parse(message, sizeof(ifaddrmsg), attributes.data(), IFA_MAX, nullptr) != 0) {
    return std::nullopt;
  }
  const auto* header = static_cast<const ifaddrmsg*>(nlmsg_data(message));
  // IFA_LOCAL is ours, IFA_ADDRESS the peer's on a point-to-point link; IPv6 may have only the
  // latter.
  const nlattr* local = attributes[IFA_LOCAL];
  const auto ip =
      ip::Address::from_bytes(payload(local != nullptr ? local : attributes[IFA_ADDRESS]));
  if (!ip) {
    return std::nullopt;
  }
  const std::uint32_t flags =
      attributes[IFA_FLAGS] != nullptr ? read_u32(attributes[IFA_FLAGS]) : header->ifa_flags;
  const bool is_v6 = ip->family() == ip::Family::v6;  // the same bit says "secondary" in IPv4
  return IfAddress{IfIndex{static_cast<int>(header->ifa_index)},
                   {*ip, header->ifa_prefixlen},
                   read_u32(attributes[IFA_RT_PRIORITY]),
                   header->ifa_scope,
                   (flags & IFA_F_TENTATIVE) != 0,
                   (flags & IFA_F_NODAD) != 0,
                   (flags & IFA_F_DADFAILED) != 0,
                   is_v6 && (flags & IFA_F_TEMPORARY) != 0};
}

Result<std::vector<IfAddress>> read_addresses(Socket& socket, IfIndex index) {
  const ifaddrmsg header{AF_UNSPEC, 0, 0, 0, static_cast<std::uint32_t>(to_int(index))};
  return dump(socket, "RTM_GETADDR", make_request(RTM_GETADDR, header), parse_address);
}

Result<MessagePtr> make_new_address(const IfAddress& address) {
  const IfAddressPtr object = MVR_TRY(make_address(address));
  return build_request("RTM_NEWADDR", [&](nl_msg** message) {
    const int code = rtnl_addr_build_add_request(object.get(), NLM_F_CREATE | NLM_F_EXCL, message);
    return code < 0 ? code : nla_put_u32(*message, IFA_RT_PRIORITY, address.metric);
  });
}

Result<MessagePtr> make_del_address(const IfAddress& address) {
  const IfAddressPtr object = MVR_TRY(make_address(address));
  return build_request("RTM_DELADDR", [&](nl_msg** message) {
    return rtnl_addr_build_delete_request(object.get(), 0, message);
  });
}

}  // namespace mvr::net
