// SPDX-License-Identifier: Apache-2.0
// Routes: RTM_NEWROUTE, RTM_GETROUTE, RTM_DELROUTE.
#include <errno.h>
#include <sys/socket.h>

#include <netlink/attr.h>

#include "mvr/net/rtnl.hpp"
#include "net/message.hpp"

namespace mvr::net {
namespace {

RouteType parse_type(std::uint8_t type) {
  switch (type) {
    case RTN_UNICAST:
      return RouteType::unicast;
    case RTN_UNREACHABLE:
      return RouteType::unreachable;
    default:
      return RouteType::other;
  }
}

std::uint32_t read_metric(rtnl_route* route, int metric) {
  std::uint32_t value = 0;
  rtnl_route_get_metric(route, metric, &value);
  return value;
}

void parse_first_hop(rtnl_route* object, Route& route) {
  auto* first = rtnl_route_nexthop_n(object, 0);
  if (first == nullptr) {
    return;
  }
  route.nic = IfIndex{rtnl_route_nh_get_ifindex(first)};
  route.gateway = read_nl_address(rtnl_route_nh_get_gateway(first));
  route.is_onlink = (rtnl_route_nh_get_flags(first) & RTNH_F_ONLINK) != 0;
}

std::optional<Route> parse_route(nlmsghdr* message) {
  rtnl_route* parsed = nullptr;
  if (message->nlmsg_type != RTM_NEWROUTE || rtnl_route_parse(message, &parsed) < 0) {
    return std::nullopt;
  }
  const RoutePtr object(parsed);
  const ip::Family family = family_of(rtnl_route_get_family(object.get()));
  const nl_addr* dst = rtnl_route_get_dst(object.get());
  Route route;
  // A default route's destination has no bytes in libnl.
  route.dst.address = read_nl_address(dst).value_or(ip::Address::any(family));
  route.dst.length = static_cast<std::uint8_t>(nl_addr_get_prefixlen(dst));
  route.src = read_nl_address(rtnl_route_get_pref_src(object.get()));
  route.table = rtnl_route_get_table(object.get());
  route.metric = rtnl_route_get_priority(object.get());
  route.mtu = read_metric(object.get(), RTAX_MTU);
  route.advmss = read_metric(object.get(), RTAX_ADVMSS);
  route.type = parse_type(rtnl_route_get_type(object.get()));
  route.protocol = rtnl_route_get_protocol(object.get());
  parse_first_hop(object.get(), route);
  return route;
}

std::uint8_t scope_of(const Route& route) {
  const bool is_link_scope =
      route.dst.family() == ip::Family::v4 && !route.gateway && route.type == RouteType::unicast;
  return is_link_scope ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
}

void set_next_hop(rtnl_route* object, const Route& route) {
  if (route.nic == IfIndex::none) {
    return;
  }
  rtnl_nexthop* hop = rtnl_route_nh_alloc();
  rtnl_route_nh_set_ifindex(hop, to_int(route.nic));
  if (route.gateway) {
    const AddressPtr gateway = make_nl_address(*route.gateway);
    rtnl_route_nh_set_gateway(hop, gateway.get());
  }
  rtnl_route_add_nexthop(object, hop);  // takes ownership
  if (route.is_onlink) {
    rtnl_route_set_flags(object, RTNH_F_ONLINK);
  }
}

Result<RoutePtr> make_route(const Route& route) {
  RoutePtr object(rtnl_route_alloc());
  const AddressPtr dst = make_nl_address(route.dst);
  if (!object || !dst) {
    return fail(build_error("route"));
  }
  rtnl_route_set_family(object.get(), static_cast<std::uint8_t>(to_af(route.dst.family())));
  rtnl_route_set_dst(object.get(), dst.get());
  rtnl_route_set_table(object.get(), route.table);
  rtnl_route_set_priority(object.get(), route.metric);
  rtnl_route_set_protocol(object.get(), route.protocol);
  rtnl_route_set_scope(object.get(), scope_of(route));
  const bool is_unreachable = route.type == RouteType::unreachable;
  rtnl_route_set_type(object.get(), is_unreachable ? RTN_UNREACHABLE : RTN_UNICAST);
  if (route.src) {
    const AddressPtr src = make_nl_address(*route.src);
    rtnl_route_set_pref_src(object.get(), src.get());
  }
  if (route.mtu != 0) {
    rtnl_route_set_metric(object.get(), RTAX_MTU, route.mtu);
  }
  if (route.advmss != 0) {
    rtnl_route_set_metric(object.get(), RTAX_ADVMSS, route.advmss);
  }
  set_next_hop(object.get(), route);
  return object;
}

MessagePtr make_get(ip::Family family, std::uint8_t dst_length, unsigned flags) {
  rtmsg header{};
  header.rtm_family = static_cast<std::uint8_t>(to_af(family));
  header.rtm_dst_len = dst_length;
  header.rtm_flags = flags;
  return make_request(RTM_GETROUTE, header);
}

/// The kernel makes the table `local` by itself; it is never ours and never chosen.
std::optional<Route> parse_listed_route(nlmsghdr* message) {
  std::optional<Route> route = parse_route(message);
  return route && route->table != kTableLocal ? route : std::nullopt;
}

}  // namespace

Result<std::vector<Route>> read_routes(Socket& socket, ip::Family family) {
  return dump(socket, "RTM_GETROUTE", make_get(family, 0, 0), parse_listed_route);
}

Result<std::optional<Route>> find_route(Socket& socket, const ip::Address& destination) {
  MessagePtr request =
      make_get(destination.family(), ip::bits(destination.family()), RTM_F_FIB_MATCH);
  const auto bytes = destination.bytes();
  if (!request ||
      nla_put(request.get(), RTA_DST, static_cast<int>(bytes.size()), bytes.data()) != 0) {
    return fail(build_error("RTM_GETROUTE"));
  }
  std::optional<Route> route;
  Result<void> done = socket.get(std::move(request), [&](nlmsghdr* m) { route = parse_route(m); });
  // An unreachable, prohibit or blackhole route answers with its own errno.
  const bool has_no_route =
      !done && (done.error().sys_errno == ENETUNREACH || done.error().sys_errno == EHOSTUNREACH ||
                done.error().sys_errno == EACCES || done.error().sys_errno == EINVAL);
  if (!done && !has_no_route) {
    return fail(std::move(done).error());
  }
  return route;
}

Result<void> add_route(Socket& socket, const Route& route) {
  const RoutePtr object = MVR_TRY(make_route(route));
  return build_and_change(socket, "RTM_NEWROUTE", [&](nl_msg** message) {
    return rtnl_route_build_add_request(object.get(), NLM_F_EXCL, message);
  });
}

Result<void> delete_route(Socket& socket, const Route& route) {
  const RoutePtr object = MVR_TRY(make_route(route));
  return build_and_change(socket, "RTM_DELROUTE", [&](nl_msg** message) {
    return rtnl_route_build_del_request(object.get(), 0, message);
  });
}

}  // namespace mvr::net
