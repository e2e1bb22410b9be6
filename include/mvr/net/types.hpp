// SPDX-License-Identifier: Apache-2.0
/// \file
/// Network objects of the kernel as values: links, interface addresses, routes, rules.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "mvr/ip/address.hpp"

namespace mvr::net {

/// An interface index; meaningful in one netns only.
enum class IfIndex : int { none = 0 };

constexpr int to_int(IfIndex index) {
  return static_cast<int>(index);
}

/// Marks routes and rules of ours (rtm_protocol, FRA_PROTOCOL) and is the group of our links.
/// Free in iproute2's rt_protos; conf/iproute2 gives it a name there.
inline constexpr std::uint8_t kOurMark = 216;

/// What the alias of our links begins with.
inline constexpr const char* kAliasPrefix = "macvlan-rdma:";

/// \source linux/rtnetlink.h, enum rt_class_t
inline constexpr std::uint32_t kTableDefault = 253;
inline constexpr std::uint32_t kTableMain = 254;
inline constexpr std::uint32_t kTableLocal = 255;

/// \source linux/rtnetlink.h, RTPROT_KERNEL
inline constexpr std::uint8_t kProtocolKernel = 2;

/// What routes have for which nobody says another. \source linux/rtnetlink.h, RTPROT_BOOT
inline constexpr std::uint8_t kProtocolBoot = 3;

/// Values of IFLA_MACVLAN_MODE.
/// \source linux/if_link.h, enum macvlan_mode
enum class MacvlanMode : std::uint32_t { private_mode = 1, vepa = 2, bridge = 4, passthru = 8 };

/// What IFLA_INFO_DATA of a macvlan says.
struct MacvlanInfo {
  MacvlanMode mode = MacvlanMode::bridge;
  std::uint32_t bc_queue_len = 0;  ///< as requested; 0 = unknown or the kernel's default

  bool operator==(const MacvlanInfo&) const = default;
};

struct Link {
  IfIndex index = IfIndex::none;
  std::string name;
  std::string alias;
  std::string kind;  ///< IFLA_INFO_KIND, "macvlan"; empty for hardware
  std::optional<MacvlanInfo> macvlan;
  std::optional<std::uint16_t> vlan_id;  ///< of a VLAN (802.1Q), whose master is `lower`
  std::optional<ip::Mac> mac;  ///< nothing if the hardware address is not six octets (IPoIB has 20)
  std::uint32_t mtu = 0;
  std::uint32_t tx_queue_len = 0;
  std::uint32_t group = 0;
  std::uint16_t arp_type = 0;        ///< ARPHRD_*
  IfIndex lower = IfIndex::none;     ///< IFLA_LINK: the master, in the netns that holds it
  bool has_lower_elsewhere = false;  ///< the master is in another netns
  IfIndex upper = IfIndex::none;     ///< IFLA_MASTER: the bond, bridge or VRF that it is part of
  bool is_up = false;
  bool is_running = false;      ///< has carrier, and the kernel sends (IFF_RUNNING)
  bool is_promiscuous = false;  ///< by somebody's wish, not by a packet socket's
  bool is_allmulti = false;     ///< likewise
  bool has_ipv6 = false;  ///< the kernel has IPv6 on it, even if `disable_ipv6` keeps it still

  bool operator==(const Link&) const = default;
};

/// True for a macvlan that this program has made, by group or alias: one mark is enough, should
/// somebody have changed the other.
bool is_ours(const Link& link);

/// True for a VLAN that this program has made: by the group, which it has from its first moment.
bool is_our_vlan(const Link& link);

/// What a new macvlan is to be. It is made by the socket of the master's netns.
struct MacvlanSpec {
  std::string name;
  IfIndex master = IfIndex::none;
  MacvlanInfo info;
  std::optional<ip::Mac> mac;      ///< nothing = the kernel's choice; passthru takes the master's
  std::uint32_t mtu = 0;           ///< 0 = the master's
  std::uint32_t tx_queue_len = 0;  ///< 0 = the kernel's default

  bool operator==(const MacvlanSpec&) const = default;
};

/// A new VLAN device on a master.
struct VlanSpec {
  std::string name;
  IfIndex master = IfIndex::none;
  std::uint16_t id = 0;
  std::optional<ip::Mac> mac;  ///< the master's, said aloud: udev leaves it alone then

  bool operator==(const VlanSpec&) const = default;
};

/// What is to become of a link: what is empty or false stays as it is.
struct LinkChange {
  IfIndex index = IfIndex::none;
  std::string name;
  std::string alias;
  std::optional<ip::Mac> mac;
  bool promisc = false;
  bool allmulti = false;
  bool up = false;

  bool operator==(const LinkChange&) const = default;
};

struct IfAddress {
  IfIndex index = IfIndex::none;
  ip::Prefix prefix;          ///< with host bits
  std::uint32_t metric = 0;   ///< IFA_RT_PRIORITY: metric of the connected route
  std::uint8_t scope = 0;     ///< 0 global, 253 link, 254 host
  bool is_tentative = false;  ///< IPv6 before the end of duplicate address detection
  bool has_no_dad = false;    ///< IPv6: the kernel does not look for duplicates
  bool is_duplicate = false;  ///< IPv6: it did, and found one
  bool is_temporary = false;  ///< IPv6: for privacy, gone after a day (RFC 8981)

  bool operator==(const IfAddress&) const = default;
};

enum class RouteType : std::uint8_t { unicast, unreachable, other };

/// The metric of an IPv6 route for which nobody asks another one; IPv4's is 0.
/// \source linux/ipv6_route.h, IP6_RT_PRIO_USER
inline constexpr std::uint32_t kV6Metric = 1024;

/// One way of several that a route has.
struct Hop {
  IfIndex nic = IfIndex::none;
  std::optional<ip::Address> gateway;
  bool is_onlink = false;
  std::uint8_t weight = 1;

  bool operator==(const Hop&) const = default;
};

struct Route {
  ip::Prefix dst;
  std::optional<ip::Address> gateway;  ///< IPv4 may have one of IPv6
  IfIndex nic = IfIndex::none;
  std::optional<ip::Address> src;  ///< preferred source
  std::uint32_t table = kTableMain;
  std::uint32_t metric = 0;
  std::uint32_t mtu = 0;     ///< 0 = the link's
  std::uint32_t advmss = 0;  ///< 0 = the kernel's choice
  RouteType type = RouteType::unicast;
  bool is_onlink = false;  ///< the gateway is reachable though no prefix says so
  std::uint8_t protocol = kOurMark;
  std::uint8_t weight = 1;       ///< of the way that gateway and nic say
  std::vector<Hop> more_ways{};  ///< of a route with several

  bool operator==(const Route&) const = default;
};

/// What the kernel regards as one route: another one with this key would be refused with EEXIST
/// or stand beside it. \source net/ipv4/fib_trie.c, fib_find_alias
bool has_same_key(const Route& a, const Route& b);

struct Rule {
  ip::Family family = ip::Family::v4;
  std::optional<ip::Prefix> from;
  std::string oif;
  std::uint32_t table = 0;
  std::uint32_t priority = 0;
  std::uint8_t protocol = kOurMark;
  bool has_other_selectors = false;  ///< to, iif, fwmark, … which we never set

  bool operator==(const Rule&) const = default;
};

/// As iproute2 would print it: "default via 172.16.11.254 dev net1 table 101".
/// `nic` is the name for the route's index.
std::string describe(const Route& route, const std::string& nic);
std::string describe(const Rule& rule);

}  // namespace mvr::net
