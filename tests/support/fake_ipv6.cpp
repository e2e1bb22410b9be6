// SPDX-License-Identifier: Apache-2.0
#include "support/fake_ipv6.hpp"

#include <errno.h>
#include <net/if_arp.h>

#include <algorithm>
#include <array>

namespace mvr::test {
namespace {

using net::IfAddress;
using net::IfIndex;
using net::Link;
using net::Route;

constexpr std::uint8_t kLinkScope = 253;

/// \source linux/ipv6_route.h, IP6_RT_PRIO_ADDRCONF
constexpr std::uint32_t kConnectedMetric = 256;

std::string path_of(const std::string& name, const char* key) {
  return "ipv6/conf/" + name + '/' + key;
}

bool is_disabled(const World& world, const Link& link) {
  const auto setting = world.pod_sysctls.find(path_of(link.name, "disable_ipv6"));
  return setting == world.pod_sysctls.end() || setting->second != "0";
}

const Link* find_link(const World& world, IfIndex index) {
  const auto found = std::ranges::find(world.pod_links, index, &Link::index);
  return found != world.pod_links.end() ? &*found : nullptr;
}

bool is_v6(const ip::Prefix& prefix) {
  return prefix.family() == ip::Family::v6;
}

bool is_link_local(const ip::Address& address) {
  return ip::Prefix::parse("fe80::/10")->contains(address);
}

bool is_own(const World& world, const ip::Address& address, IfIndex nic) {
  return std::ranges::any_of(world.pod_addresses, [&](const IfAddress& own) {
    return own.prefix.address == address && !own.is_tentative &&
           (nic == IfIndex::none || own.index == nic);
  });
}

Route connected_route(const IfAddress& address) {
  Route route;
  route.dst = address.prefix.network();
  route.nic = address.index;
  route.metric = address.metric != 0 ? address.metric : kConnectedMetric;
  route.protocol = net::kProtocolKernel;
  return route;
}

/// Its table, then where the rules lead.
int check_gateway(const World& world, const Route& route) {
  if (is_own(world, *route.gateway, IfIndex::none)) {
    return EINVAL;
  }
  if (route.is_onlink || is_link_local(*route.gateway)) {
    return 0;
  }
  for (const std::uint32_t table : {route.table, net::kTableMain}) {
    const Route* hop = find_match(world.pod_routes, *route.gateway, table, route.nic);
    if (hop != nullptr) {
      return hop->gateway ? EINVAL : 0;
    }
  }
  return EHOSTUNREACH;
}

}  // namespace

void load_ipv6(World& world, bool is_disabled) {
  std::vector<std::string> names{"all", "default"};
  for (const Link& link : world.pod_links) {
    names.push_back(link.name);
  }
  for (const std::string& name : names) {
    world.pod_sysctls[path_of(name, "disable_ipv6")] = is_disabled ? "1" : "0";
    world.pod_sysctls[path_of(name, "accept_ra")] = "1";
    world.pod_sysctls[path_of(name, "accept_ra_defrtr")] = "1";
    world.pod_sysctls[path_of(name, "autoconf")] = "1";
    world.pod_sysctls[path_of(name, "forwarding")] = "0";
  }
  for (const Link& link : world.pod_links) {
    follow_ipv6_settings(world, link);
  }
}

bool has_ipv6(const World& world) {
  return world.pod_sysctls.contains("ipv6/conf/all/disable_ipv6");
}

ip::Address link_local_of(const ip::Mac& mac) {
  const auto& m = mac.bytes();
  const auto first = static_cast<std::uint8_t>(m[0] ^ 2U);
  const std::array<std::uint8_t, 16> bytes{0xfe,  0x80, 0,    0,    0,    0,    0,    0,
                                           first, m[1], m[2], 0xff, 0xfe, m[3], m[4], m[5]};
  return *ip::Address::from_bytes(bytes);
}

void finish_dad(World& world) {
  for (IfAddress& address : world.pod_addresses) {
    address.is_tentative = false;
  }
}

void follow_ipv6_settings(World& world, const Link& link) {
  if (is_disabled(world, link)) {
    std::erase_if(world.pod_addresses, [&](const IfAddress& address) {
      return address.index == link.index && is_v6(address.prefix);
    });
    std::erase_if(world.pod_routes,
                  [&](const Route& route) { return route.nic == link.index && is_v6(route.dst); });
  } else if (link.is_up && link.mac && link.arp_type == ARPHRD_ETHER) {
    IfAddress address;
    address.index = link.index;
    address.prefix = {link_local_of(*link.mac), 64};
    address.scope = kLinkScope;
    add_v6_address(world, address);
  }
}

int add_v6_address(World& world, const IfAddress& address) {
  const Link* link = find_link(world, address.index);
  if (link == nullptr) {
    return ENODEV;
  }
  if (is_disabled(world, *link)) {
    return has_ipv6(world) ? EACCES : EOPNOTSUPP;
  }
  const auto is_same = [&](const IfAddress& other) {
    return other.index == address.index && other.prefix.address == address.prefix.address;
  };
  if (std::ranges::any_of(world.pod_addresses, is_same)) {
    return EEXIST;
  }
  world.pod_addresses.push_back(address);
  world.pod_addresses.back().is_tentative = !address.has_no_dad;
  const Route route = connected_route(address);
  if (link->is_up && std::ranges::find(world.pod_routes, route) == world.pod_routes.end()) {
    world.pod_routes.push_back(route);
  }
  return 0;
}

int remove_v6_address(World& world, const IfAddress& address) {
  const auto removed = std::erase_if(world.pod_addresses, [&](const IfAddress& other) {
    return other.index == address.index && other.prefix == address.prefix;
  });
  if (removed == 0) {
    return EADDRNOTAVAIL;
  }
  const bool is_shared = std::ranges::any_of(world.pod_addresses, [&](const IfAddress& other) {
    return other.index == address.index && other.prefix.network() == address.prefix.network();
  });
  if (!is_shared) {
    std::erase(world.pod_routes, connected_route(address));
  }
  for (Route& route : world.pod_routes) {
    if (route.src == address.prefix.address) {
      route.src.reset();
    }
  }
  return 0;
}

int check_v6_route(const World& world, const Route& route) {
  const Link* link = find_link(world, route.nic);
  if (link != nullptr && is_disabled(world, *link)) {
    return EACCES;
  }
  if (route.gateway) {
    if (const int refused = check_gateway(world, route); refused != 0) {
      return refused;
    }
  }
  return route.src && !is_own(world, *route.src, route.nic) ? EINVAL : 0;
}

}  // namespace mvr::test
