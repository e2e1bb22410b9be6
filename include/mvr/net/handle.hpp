// SPDX-License-Identifier: Apache-2.0
/// \file
/// Owning handles of libnl's objects. The only public header that includes libnl.
#pragma once

#include <memory>

#include <netlink/addr.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/route/addr.h>
#include <netlink/route/link.h>
#include <netlink/route/nexthop.h>
#include <netlink/route/route.h>
#include <netlink/route/rule.h>

#include "mvr/base/freer.hpp"

namespace mvr::net {

using MessagePtr = std::unique_ptr<nl_msg, Freer<nlmsg_free>>;
using AddressPtr = std::unique_ptr<nl_addr, Freer<nl_addr_put>>;
using LinkPtr = std::unique_ptr<rtnl_link, Freer<rtnl_link_put>>;
using IfAddressPtr = std::unique_ptr<rtnl_addr, Freer<rtnl_addr_put>>;
using RoutePtr = std::unique_ptr<rtnl_route, Freer<rtnl_route_put>>;
using RulePtr = std::unique_ptr<rtnl_rule, Freer<rtnl_rule_put>>;

}  // namespace mvr::net
