// SPDX-License-Identifier: Apache-2.0
/// \file
/// What IPv6 has of its own in the fake kernel's pod: link-local addresses, duplicate address
/// detection, a connected route for every address, settings that turn it off.
#pragma once

#include "support/fake_world.hpp"

namespace mvr::test {

/// Gives the pod's kernel IPv6: settings for `all`, `default` and each link, and a link-local
/// address for those that are up.
/// \param is_disabled what disable_ipv6 is everywhere, so that no link has an address
void load_ipv6(World& world, bool is_disabled = false);

bool has_ipv6(const World& world);

/// fe80::/64 with the modified EUI-64 of the MAC. \source RFC 4291, appendix A
ip::Address link_local_of(const ip::Mac& mac);

/// No address is tentative any more.
void finish_dad(World& world);

/// An IPv6 setting of a link has been written, or the link has come up: it gets its link-local
/// address if IPv6 is on and it is up; it loses all addresses and routes if IPv6 is off.
/// \source net/ipv6/addrconf.c, dev_disable_change
void follow_ipv6_settings(World& world, const net::Link& link);

/// The address is tentative unless the kernel does not look for duplicates. Its connected route
/// has no source and the address' metric, or 256; an address of full length has one as well.
/// EEXIST. EOPNOTSUPP: no IPv6. EACCES: turned off on the link.
/// \source net/ipv6/addrconf.c, inet6_addr_add
int add_v6_address(World& world, const net::IfAddress& address);

/// The connected route goes with the last address of its subnet; other routes lose the source, and
/// stay. EADDRNOTAVAIL.
int remove_v6_address(World& world, const net::IfAddress& address);

/// EACCES: turned off on the link. EINVAL: the gateway is an address of the pod, or reached by
/// another gateway; the source is no address of the link, or tentative. EHOSTUNREACH: no route
/// reaches the gateway. \source net/ipv6/route.c, fib6_nh_init
int check_v6_route(const World& world, const net::Route& route);

}  // namespace mvr::test
