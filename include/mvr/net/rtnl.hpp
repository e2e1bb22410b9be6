// SPDX-License-Identifier: Apache-2.0
/// \file
/// What we ask of rtnetlink, one function a message: values in, values out. Each works in the netns
/// of its socket. Errors carry Code::io, the kernel's errno, its extended ack in `details`.
/// \source rtnetlink(7)
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "mvr/base/error.hpp"
#include "mvr/net/netns.hpp"
#include "mvr/net/socket.hpp"
#include "mvr/net/types.hpp"

namespace mvr::net {

/// By name, or by alternative name. Nothing when there is none (ENODEV).
Result<std::optional<Link>> read_link(Socket& socket, const std::string& name);
Result<std::optional<Link>> read_link(Socket& socket, IfIndex index);

/// Every link of a namespace. For the pod's: the host may have thousands.
Result<std::vector<Link>> read_links(Socket& socket);

// Lists are of both families, by one request. Asked for one family, a kernel without IPv6 would
// answer with all that it has.

/// Addresses of one link or (IfIndex::none) of all.
Result<std::vector<IfAddress>> read_addresses(Socket& socket, IfIndex index);

/// All routes of all tables but `local` (whose entries the kernel makes).
Result<std::vector<Route>> read_routes(Socket& socket);

/// The routes of one table. The kernel leaves out the others: a host may have very many.
Result<std::vector<Route>> read_table(Socket& socket, ip::Family family, std::uint32_t table);

/// The routing table's entry that packets to `destination` match (RTM_F_FIB_MATCH), as `ip route
/// get fibmatch`. Nothing when there is none.
Result<std::optional<Route>> find_route(Socket& socket, const ip::Address& destination);

Result<std::vector<Rule>> read_rules(Socket& socket);

/// Creates the link straight in the netns `target`, down, in the group that marks it as ours.
/// EEXIST: the name is taken there (before Linux 6.15: or in the socket's netns); EBUSY: the master
/// is taken by a passthru macvlan, an ipvlan or a bridge; EADDRINUSE on later `up`: the MAC.
Result<void> create_macvlan(Socket& socket, const MacvlanSpec& spec, const Netns& target);

/// Makes a VLAN device in the socket's netns, down, in the group that marks it as ours. EEXIST: the
/// name is taken, or the master has a VLAN of this number.
Result<void> create_vlan(Socket& socket, const VlanSpec& spec);

/// MAC, name, alias, flags: one message, in this order.
/// \source net/core/rtnetlink.c, do_setlink
Result<void> change_link(Socket& socket, const LinkChange& change);

Result<void> delete_link(Socket& socket, IfIndex index);

/// Unicast MACs that a link takes besides its own: those of the macvlans on it that are up, in
/// whatever namespace they are. Not of one in mode passthru, which has the link's own.
/// \source net/core/rtnetlink.c, ndo_dflt_fdb_dump
Result<std::vector<ip::Mac>> read_filters(Socket& socket, IfIndex index);

/// An object that is to come or to go. EEXIST of a route: the kernel has one of the same key. The
/// kernel takes a rule that differs only in priority or protocol for another one, so EEXIST does
/// not protect from duplicates. \source net/core/fib_rules.c, rule_exists
struct Change {
  bool is_removal = false;
  std::variant<IfAddress, Route, Rule> object;
};

/// Asks for all of them at once. One that fails does not keep the kernel from the next: what each
/// came to, in their order.
std::vector<Result<void>> change_all(Socket& socket, const std::vector<Change>& changes);

}  // namespace mvr::net
