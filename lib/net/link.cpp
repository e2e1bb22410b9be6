// SPDX-License-Identifier: Apache-2.0
// Links: RTM_NEWLINK, RTM_GETLINK, RTM_SETLINK, RTM_DELLINK.
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <sys/socket.h>

#include <array>
#include <cstring>

#include <netlink/attr.h>

#include "mvr/net/rtnl.hpp"
#include "net/codec.hpp"
#include "net/message.hpp"

namespace mvr::net {
namespace {

/// Nothing when the attribute is missing or too short.
std::optional<std::uint16_t> read_u16(const nlattr* attribute) {
  const auto bytes = payload(attribute);
  std::uint16_t value = 0;
  if (bytes.size() < sizeof(value)) {
    return std::nullopt;
  }
  std::memcpy(&value, bytes.data(), sizeof(value));
  return value;
}

/// Nothing for a service VLAN (802.1ad): a master may have one of each kind with the same number.
std::optional<std::uint16_t> parse_vlan_id(nlattr* data) {
  std::array<nlattr*, IFLA_VLAN_MAX + 1> attributes{};
  nla_parse_nested(attributes.data(), IFLA_VLAN_MAX, data, nullptr);
  const auto protocol = read_u16(attributes[IFLA_VLAN_PROTOCOL]);
  const bool is_service = protocol && *protocol != htons(ETH_P_8021Q);
  return is_service ? std::nullopt : read_u16(attributes[IFLA_VLAN_ID]);
}

MacvlanInfo parse_macvlan(nlattr* data) {
  std::array<nlattr*, IFLA_MACVLAN_MAX + 1> attributes{};
  nla_parse_nested(attributes.data(), IFLA_MACVLAN_MAX, data, nullptr);
  return {static_cast<MacvlanMode>(read_u32(attributes[IFLA_MACVLAN_MODE])),
          read_u32(attributes[IFLA_MACVLAN_BC_QUEUE_LEN])};
}

void parse_kind(nlattr* linkinfo, Link& link) {
  std::array<nlattr*, IFLA_INFO_MAX + 1> attributes{};
  if (linkinfo == nullptr ||
      nla_parse_nested(attributes.data(), IFLA_INFO_MAX, linkinfo, nullptr) != 0) {
    return;
  }
  link.kind = read_string(attributes[IFLA_INFO_KIND]);
  if (link.kind == "macvlan" && attributes[IFLA_INFO_DATA] != nullptr) {
    link.macvlan = parse_macvlan(attributes[IFLA_INFO_DATA]);
  }
  if (link.kind == "vlan" && attributes[IFLA_INFO_DATA] != nullptr) {
    link.vlan_id = parse_vlan_id(attributes[IFLA_INFO_DATA]);
  }
}

/// A kernel without IPv6 says nothing of it, nor does a link with less than IPv6's least MTU.
bool has_ipv6(nlattr* families) {
  std::array<nlattr*, AF_INET6 + 1> attributes{};
  return families != nullptr &&
         nla_parse_nested(attributes.data(), AF_INET6, families, nullptr) == 0 &&
         attributes[AF_INET6] != nullptr;
}

/// RTM_GETLINK without the counters, which are most of an answer.
MessagePtr make_get(IfIndex index) {
  MessagePtr message = make_request(RTM_GETLINK, ifinfomsg{AF_UNSPEC, 0, 0, to_int(index), 0, 0});
  if (!message || nla_put_u32(message.get(), IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS) != 0) {
    return nullptr;
  }
  return message;
}

Result<std::optional<Link>> get_link(Socket& socket, MessagePtr request) {
  if (!request) {
    return fail(build_error("RTM_GETLINK"));
  }
  std::optional<Link> link;
  Result<void> done = socket.get(std::move(request), [&](nlmsghdr* m) { link = parse_link(m); });
  if (!done && done.error().sys_errno != ENODEV) {
    return fail(std::move(done).error());
  }
  return link;
}

/// By hand: libnl-route knows no IFLA_MACVLAN_BC_QUEUE_LEN and cannot open a built message's nest.
int put_macvlan(nl_msg* message, const MacvlanInfo& info) {
  nlattr* linkinfo = nla_nest_start(message, IFLA_LINKINFO);
  if (linkinfo == nullptr || nla_put_string(message, IFLA_INFO_KIND, "macvlan") != 0) {
    return -1;
  }
  nlattr* data = nla_nest_start(message, IFLA_INFO_DATA);
  if (data == nullptr ||
      nla_put_u32(message, IFLA_MACVLAN_MODE, static_cast<std::uint32_t>(info.mode)) != 0) {
    return -1;
  }
  if (info.bc_queue_len != 0 &&
      nla_put_u32(message, IFLA_MACVLAN_BC_QUEUE_LEN, info.bc_queue_len) != 0) {
    return -1;
  }
  nla_nest_end(message, data);
  nla_nest_end(message, linkinfo);
  return 0;
}

int put_vlan(nl_msg* message, std::uint16_t id) {
  nlattr* linkinfo = nla_nest_start(message, IFLA_LINKINFO);
  if (linkinfo == nullptr || nla_put_string(message, IFLA_INFO_KIND, "vlan") != 0) {
    return -1;
  }
  nlattr* data = nla_nest_start(message, IFLA_INFO_DATA);
  if (data == nullptr || nla_put_u16(message, IFLA_VLAN_ID, id) != 0) {
    return -1;
  }
  nla_nest_end(message, data);
  nla_nest_end(message, linkinfo);
  return 0;
}

AddressPtr make_nl_address(const ip::Mac& mac) {
  const auto& bytes = mac.bytes();
  return AddressPtr(nl_addr_build(AF_LLC, bytes.data(), bytes.size()));
}

Result<LinkPtr> make_link() {
  LinkPtr link(rtnl_link_alloc());
  if (!link) {
    return fail(build_error("link"));
  }
  return link;
}

}  // namespace

/// By hand: libnl-route's link has neither bcqueuelen nor a hardware address of other lengths.
std::optional<Link> parse_link(nlmsghdr* message) {
  std::array<nlattr*, IFLA_MAX + 1> attributes{};
  if (message->nlmsg_type != RTM_NEWLINK ||
      nlmsg_parse(message, sizeof(ifinfomsg), attributes.data(), IFLA_MAX, nullptr) != 0) {
    return std::nullopt;
  }
  const auto* header = static_cast<const ifinfomsg*>(nlmsg_data(message));
  Link link;
  link.index = IfIndex{header->ifi_index};
  link.arp_type = header->ifi_type;
  link.is_up = (header->ifi_flags & IFF_UP) != 0;
  link.is_running = (header->ifi_flags & IFF_RUNNING) != 0;
  link.is_promiscuous = (header->ifi_flags & IFF_PROMISC) != 0;
  link.is_allmulti = (header->ifi_flags & IFF_ALLMULTI) != 0;
  link.name = read_string(attributes[IFLA_IFNAME]);
  link.alias = read_string(attributes[IFLA_IFALIAS]);
  link.mac = ip::Mac::from_bytes(payload(attributes[IFLA_ADDRESS]));
  link.mtu = read_u32(attributes[IFLA_MTU]);
  link.tx_queue_len = read_u32(attributes[IFLA_TXQLEN]);
  link.group = read_u32(attributes[IFLA_GROUP]);
  link.lower = IfIndex{static_cast<int>(read_u32(attributes[IFLA_LINK]))};
  link.upper = IfIndex{static_cast<int>(read_u32(attributes[IFLA_MASTER]))};
  link.has_lower_elsewhere = attributes[IFLA_LINK_NETNSID] != nullptr;
  link.has_ipv6 = has_ipv6(attributes[IFLA_AF_SPEC]);
  parse_kind(attributes[IFLA_LINKINFO], link);
  return link;
}

Result<std::optional<Link>> read_link(Socket& socket, const std::string& name) {
  MessagePtr request = make_get(IfIndex::none);
  // Both attributes find alternative names; IFLA_IFNAME takes at most 15 bytes.
  const int attribute = name.size() < IFNAMSIZ ? IFLA_IFNAME : IFLA_ALT_IFNAME;
  if (request && nla_put_string(request.get(), attribute, name.c_str()) != 0) {
    request = nullptr;
  }
  return get_link(socket, std::move(request));
}

Result<std::optional<Link>> read_link(Socket& socket, IfIndex index) {
  return get_link(socket, make_get(index));
}

Result<std::vector<Link>> read_links(Socket& socket) {
  return dump(socket, "RTM_GETLINK", make_get(IfIndex::none), parse_link);
}

Result<MessagePtr> make_new_macvlan(const MacvlanSpec& spec, int target_netns) {
  const LinkPtr link = MVR_TRY(make_link());
  rtnl_link_set_name(link.get(), spec.name.c_str());
  rtnl_link_set_link(link.get(), to_int(spec.master));
  rtnl_link_set_group(link.get(), kOurMark);
  rtnl_link_set_ns_fd(link.get(), target_netns);
  if (spec.mac) {
    const AddressPtr mac = make_nl_address(*spec.mac);
    rtnl_link_set_addr(link.get(), mac.get());
  }
  if (spec.mtu != 0) {
    rtnl_link_set_mtu(link.get(), spec.mtu);
  }
  if (spec.tx_queue_len != 0) {
    rtnl_link_set_txqlen(link.get(), spec.tx_queue_len);
  }
  return build_request("RTM_NEWLINK", [&](nl_msg** message) {
    const int code = rtnl_link_build_add_request(link.get(), NLM_F_CREATE | NLM_F_EXCL, message);
    return code < 0 ? code : put_macvlan(*message, spec.info);
  });
}

Result<void> create_macvlan(Socket& socket, const MacvlanSpec& spec, const Netns& target) {
  return socket.change(MVR_TRY(make_new_macvlan(spec, target.fd.get())));
}

Result<MessagePtr> make_new_vlan(const VlanSpec& spec) {
  const LinkPtr link = MVR_TRY(make_link());
  rtnl_link_set_name(link.get(), spec.name.c_str());
  rtnl_link_set_link(link.get(), to_int(spec.master));
  rtnl_link_set_group(link.get(), kOurMark);
  if (spec.mac) {
    const AddressPtr mac = make_nl_address(*spec.mac);
    rtnl_link_set_addr(link.get(), mac.get());
  }
  return build_request("RTM_NEWLINK", [&](nl_msg** message) {
    const int code = rtnl_link_build_add_request(link.get(), NLM_F_CREATE | NLM_F_EXCL, message);
    return code < 0 ? code : put_vlan(*message, spec.id);
  });
}

Result<void> create_vlan(Socket& socket, const VlanSpec& spec) {
  return socket.change(MVR_TRY(make_new_vlan(spec)));
}

/// By hand: libnl-route says which flags to set, not which to leave alone.
Result<MessagePtr> make_link_change(const LinkChange& change) {
  unsigned flags = change.up ? unsigned{IFF_UP} : 0;
  flags |= change.promisc ? unsigned{IFF_PROMISC} : 0;
  flags |= change.allmulti ? unsigned{IFF_ALLMULTI} : 0;
  MessagePtr message =
      make_request(RTM_SETLINK, ifinfomsg{AF_UNSPEC, 0, 0, to_int(change.index), flags, flags});
  const auto put_text = [&](int attribute, const std::string& text) {
    return text.empty() || nla_put_string(message.get(), attribute, text.c_str()) == 0;
  };
  const auto put_mac = [&] {
    return !change.mac ||
           nla_put(message.get(), IFLA_ADDRESS, static_cast<int>(change.mac->bytes().size()),
                   change.mac->bytes().data()) == 0;
  };
  if (!message || !put_mac() || !put_text(IFLA_IFNAME, change.name) ||
      !put_text(IFLA_IFALIAS, change.alias)) {
    return fail(build_error("RTM_SETLINK"));
  }
  return message;
}

Result<void> change_link(Socket& socket, const LinkChange& change) {
  return socket.change(MVR_TRY(make_link_change(change)));
}

Result<void> delete_link(Socket& socket, IfIndex index) {
  const LinkPtr link = MVR_TRY(make_link());
  rtnl_link_set_ifindex(link.get(), to_int(index));
  return socket.change(MVR_TRY(build_request("RTM_DELLINK", [&](nl_msg** message) {
    return rtnl_link_build_delete_request(link.get(), message);
  })));
}

}  // namespace mvr::net
