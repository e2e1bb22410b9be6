// SPDX-License-Identifier: Apache-2.0
/// \file
/// A node and a pod in memory: the objects of a kernel, and what it does to
/// them.
#pragma once

#include <iosfwd>
#include <map>
#include <string>
#include <vector>

#include "mvr/plan/kernel.hpp"
#include "support/fake_rdma.hpp"

namespace mvr::test {

/// All that the fake kernel holds. Two worlds are equal if they have the same
/// objects, in whatever order. A macvlan's settings below /proc/sys/net exist
/// as long as it does, under its name.
struct World {
  std::vector<net::Link> host_links;
  std::vector<net::IfAddress> host_addresses;
  std::vector<net::Route> host_routes;
  std::vector<net::Rule> host_rules;
  std::map<std::string, std::vector<std::string>> devices;  ///< PCI or auxiliary id: its netdevs

  std::vector<net::Link> pod_links;
  std::vector<net::IfAddress> pod_addresses;
  std::vector<net::Route> pod_routes;
  std::vector<net::Rule> pod_rules;
  std::map<std::string, std::string> pod_sysctls;

  FakeRdma rdma;

  bool operator==(const World& other) const;
};

/// One line an object, sorted; shown when two worlds differ.
std::ostream& operator<<(std::ostream& out, const World& world);

// What the kernel does with a request. Each gives 0 or an errno, and changes
// nothing if it fails, but where the comment says so.

/// EEXIST: the name is taken in the pod, or in the master's namespace (before
/// Linux 6.15). ENODEV: no such master. EINVAL: MTU above the master's;
/// passthru beside another macvlan. EBUSY: the master has a passthru macvlan.
int create_macvlan(World& world, plan::Where where, const net::MacvlanSpec& spec,
                   net::IfIndex index);

/// ENODEV: no such master on the host. EEXIST: the name is taken there, or the
/// master has a VLAN of this id.
int create_vlan(World& world, const net::VlanSpec& spec, net::IfIndex index);

/// A link of the pod. ENODEV, EEXIST. EADDRINUSE: another macvlan of the
/// master, or the master, has the MAC; the MAC itself, name and alias are
/// changed all the same, since they come first. \source net/core/rtnetlink.c,
/// do_setlink
int change_link(World& world, const net::LinkChange& change);

/// The link goes with the macvlans on it. ENODEV.
int delete_host_link(World& world, net::IfIndex index);

/// The link goes with its addresses, routes and settings. ENODEV.
int delete_link(World& world, net::IfIndex index);

/// ENOENT for the first setting that is not there; those before it are written.
/// IPv6 can be turned on and off for a link.
int write_sysctls(World& world, const std::vector<net::Sysctl>& sysctls);

/// The first address of a subnet brings the connected route, made by the kernel
/// with the address' metric; the next ones are its secondaries. ENODEV, EEXIST.
/// IPv6: see add_v6_address.
int add_address(World& world, const net::IfAddress& address);

/// The routes that have it as their source go along, and the last primary takes
/// its secondaries with it (promote_secondaries is off). EADDRNOTAVAIL. IPv6:
/// see remove_v6_address.
int remove_address(World& world, const net::IfAddress& address);

/// EEXIST: a route of this key. ENODEV, ENETDOWN: no such link, link down.
/// ENETUNREACH, EINVAL: the gateway is not onlink and no route reaches it, or
/// only one by a gateway. EINVAL: the source is no address of the pod. IPv6's
/// metric is 1024 where none is given; see check_v6_route for the rest.
int add_route(World& world, const net::Route& route);

/// ESRCH.
int remove_route(World& world, const net::Route& route);

/// EEXIST only for a rule that is the same in everything.
int add_rule(World& world, const net::Rule& rule);

/// ENOENT.
int remove_rule(World& world, const net::Rule& rule);

/// The longest match in a table, by one link or (IfIndex::none) any; null if
/// there is none.
const net::Route* find_match(const std::vector<net::Route>& routes, const ip::Address& destination,
                             std::uint32_t table, net::IfIndex oif);

}  // namespace mvr::test
