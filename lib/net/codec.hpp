// SPDX-License-Identifier: Apache-2.0
/// \file
/// Values to rtnetlink messages and back, without a socket.
#pragma once

#include <optional>
#include <string>

#include "mvr/base/error.hpp"
#include "mvr/net/handle.hpp"
#include "mvr/net/rtnl.hpp"
#include "mvr/net/types.hpp"

namespace mvr::net {

// What an RTM_NEW* message says. Nothing for one of another type, and for one that is malformed.

std::optional<Link> parse_link(nlmsghdr* message);
std::optional<IfAddress> parse_address(nlmsghdr* message);
std::optional<Route> parse_route(nlmsghdr* message);
std::optional<Rule> parse_rule(nlmsghdr* message);
std::optional<ip::Mac> parse_filter(nlmsghdr* message);

// The requests of rtnl.hpp. They fail only when memory is short.

Result<MessagePtr> make_new_macvlan(const MacvlanSpec& spec, int target_netns);
Result<MessagePtr> make_new_vlan(const VlanSpec& spec);
Result<MessagePtr> make_link_change(const LinkChange& change);
Result<MessagePtr> make_new_address(const IfAddress& address);
Result<MessagePtr> make_new_route(const Route& route);
Result<MessagePtr> make_new_rule(const Rule& rule);
Result<MessagePtr> make_del_address(const IfAddress& address);
Result<MessagePtr> make_del_route(const Route& route);
Result<MessagePtr> make_del_rule(const Rule& rule);

}  // namespace mvr::net
