// SPDX-License-Identifier: Apache-2.0
// Routes: RTM_NEWROUTE, RTM_GETROUTE, RTM_DELROUTE.
#include <errno.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>

#include <netlink/attr.h>

#include "mvr/net/rtnl.hpp"
#include "net/codec.hpp"
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

using Attributes = std::array<nlattr*, RTA_MAX + 1>;

void read_metrics(nlattr* nested, Route& route) {
  std::array<nlattr*, RTAX_MAX + 1> metrics{};
  if (nested != nullptr && nla_parse_nested(metrics.data(), RTAX_MAX, nested, nullptr) == 0) {
    route.mtu = read_u32(metrics[RTAX_MTU]);
    route.advmss = read_u32(metrics[RTAX_ADVMSS]);
  }
}

using Bytes = std::span<const std::uint8_t>;

/// RTA_VIA has a next hop of the other family, with the family (rtvia_family) before the address.
std::optional<ip::Address> read_gateway(const Attributes& attributes) {
  if (attributes[RTA_VIA] == nullptr) {
    return ip::Address::from_bytes(payload(attributes[RTA_GATEWAY]));
  }
  const auto via = payload(attributes[RTA_VIA]);
  return ip::Address::from_bytes(via.subspan(std::min(sizeof(rtvia), via.size())));
}

std::optional<ip::Address> read_hop_gateway(Bytes bytes) {
  std::vector<nlattr> aligned((bytes.size() + sizeof(nlattr) - 1) / sizeof(nlattr));
  if (aligned.empty()) {
    return std::nullopt;
  }
  std::memcpy(aligned.data(), bytes.data(), bytes.size());
  Attributes attributes{};
  const int size = static_cast<int>(bytes.size());
  return nla_parse(attributes.data(), RTA_MAX, aligned.data(), size, nullptr) == 0
             ? read_gateway(attributes)
             : std::nullopt;
}

/// One entry of a list of next hops, with attributes of its own. Nothing at the list's end, which
/// is also where an entry claims to be shorter than its header.
std::optional<Hop> take_hop(Bytes& list) {
  rtnexthop header{};
  if (list.size() < sizeof(header)) {
    return std::nullopt;
  }
  std::memcpy(&header, list.data(), sizeof(header));
  Hop hop;
  hop.nic = IfIndex{header.rtnh_ifindex};
  hop.is_onlink = (header.rtnh_flags & RTNH_F_ONLINK) != 0;
  hop.weight = static_cast<std::uint8_t>(header.rtnh_hops + 1);
  const std::size_t size = std::min<std::size_t>(header.rtnh_len, list.size());
  if (size < sizeof(header)) {
    list = {};
    return hop;
  }
  hop.gateway = read_hop_gateway(list.subspan(sizeof(header), size - sizeof(header)));
  constexpr std::size_t kAlign = RTNH_ALIGNTO;
  list = list.subspan(std::min((size + kAlign - 1) / kAlign * kAlign, list.size()));
  return hop;
}

void read_hops(const nlattr* attribute, Route& route) {
  auto list = payload(attribute);
  const auto first = take_hop(list);
  if (!first) {
    return;
  }
  route.nic = first->nic;
  route.gateway = first->gateway;
  route.is_onlink = first->is_onlink;
  route.weight = first->weight;
  while (const auto hop = take_hop(list)) {
    route.more_ways.push_back(*hop);
  }
}

std::uint8_t scope_of(const Route& route) {
  const bool is_link_scope =
      route.dst.family() == ip::Family::v4 && !route.gateway && route.type == RouteType::unicast;
  return is_link_scope ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
}

void add_next_hop(rtnl_route* object, const Hop& way, bool is_one_of_many) {
  rtnl_nexthop* hop = rtnl_route_nh_alloc();
  rtnl_route_nh_set_ifindex(hop, to_int(way.nic));
  if (way.gateway) {
    const AddressPtr gateway = make_nl_address(*way.gateway);
    if (to_af(way.gateway->family()) == rtnl_route_get_family(object)) {
      rtnl_route_nh_set_gateway(hop, gateway.get());
    } else {
      rtnl_route_nh_set_via(hop, gateway.get());
    }
  }
  if (is_one_of_many) {
    rtnl_route_nh_set_weight(hop, static_cast<std::uint8_t>(way.weight - 1));
    rtnl_route_nh_set_flags(hop, way.is_onlink ? RTNH_F_ONLINK : 0);
  } else if (way.is_onlink) {
    rtnl_route_set_flags(object, RTNH_F_ONLINK);
  }
  rtnl_route_add_nexthop(object, hop);  // takes ownership
}

void set_next_hops(rtnl_route* object, const Route& route) {
  if (route.nic == IfIndex::none) {
    return;
  }
  const bool has_more = !route.more_ways.empty();
  add_next_hop(object, {route.nic, route.gateway, route.is_onlink, route.weight}, has_more);
  for (const Hop& way : route.more_ways) {
    add_next_hop(object, way, has_more);
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
  set_next_hops(object.get(), route);
  return object;
}

/// \param af AF_UNSPEC for both families
MessagePtr make_get(int af, std::uint8_t dst_length, unsigned flags) {
  rtmsg header{};
  header.rtm_family = static_cast<std::uint8_t>(af);
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

/// By hand: libnl-route (3.7) reads beyond attributes that are too short, and never returns from a
/// list of next hops in which one has the length 0.
std::optional<Route> parse_route(nlmsghdr* message) {
  Attributes attributes{};
  if (message->nlmsg_type != RTM_NEWROUTE || !is_ip(message) ||
      nlmsg_parse(message, sizeof(rtmsg), attributes.data(), RTA_MAX, nullptr) != 0) {
    return std::nullopt;
  }
  const auto* header = static_cast<const rtmsg*>(nlmsg_data(message));
  Route route;
  route.dst = {ip::Address::from_bytes(payload(attributes[RTA_DST]))
                   .value_or(ip::Address::any(family_of(header->rtm_family))),
               header->rtm_dst_len};
  route.gateway = read_gateway(attributes);
  route.nic = IfIndex{static_cast<int>(read_u32(attributes[RTA_OIF]))};
  route.src = ip::Address::from_bytes(payload(attributes[RTA_PREFSRC]));
  route.table =
      attributes[RTA_TABLE] != nullptr ? read_u32(attributes[RTA_TABLE]) : header->rtm_table;
  route.metric = read_u32(attributes[RTA_PRIORITY]);
  route.type = parse_type(header->rtm_type);
  route.is_onlink = (header->rtm_flags & RTNH_F_ONLINK) != 0;
  route.protocol = header->rtm_protocol;
  read_metrics(attributes[RTA_METRICS], route);
  if (attributes[RTA_MULTIPATH] != nullptr) {
    read_hops(attributes[RTA_MULTIPATH], route);
  }
  if (route.type != RouteType::unicast) {
    route.nic = IfIndex::none;  // IPv6 has the loopback interface here
  }
  return route;
}

Result<std::vector<Route>> read_routes(Socket& socket) {
  return dump(socket, "RTM_GETROUTE", make_get(AF_UNSPEC, 0, 0), parse_listed_route);
}

Result<std::vector<Route>> read_table(Socket& socket, ip::Family family, std::uint32_t table) {
  MessagePtr request = make_get(to_af(family), 0, 0);
  if (request && nla_put_u32(request.get(), RTA_TABLE, table) != 0) {
    request = nullptr;
  }
  auto all = dump(socket, "RTM_GETROUTE", std::move(request), parse_listed_route);
  if (!all && all.error().sys_errno == ENOENT) {
    return std::vector<Route>();  // the kernel has no such table yet
  }
  if (all) {
    // A kernel without IPv6 answers with those of all families.
    std::erase_if(*all, [&](const Route& route) { return route.dst.family() != family; });
  }
  return all;
}

Result<std::optional<Route>> find_route(Socket& socket, const ip::Address& destination) {
  MessagePtr request =
      make_get(to_af(destination.family()), ip::bits(destination.family()), RTM_F_FIB_MATCH);
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
                done.error().sys_errno == EACCES || done.error().sys_errno == EINVAL ||
                done.error().sys_errno == EAFNOSUPPORT || done.error().sys_errno == EOPNOTSUPP);
  if (!done && !has_no_route) {
    return fail(std::move(done).error());
  }
  return route;
}

Result<MessagePtr> make_new_route(const Route& route) {
  const RoutePtr object = MVR_TRY(make_route(route));
  return build_request("RTM_NEWROUTE", [&](nl_msg** message) {
    return rtnl_route_build_add_request(object.get(), NLM_F_EXCL, message);
  });
}

Result<MessagePtr> make_del_route(const Route& route) {
  const RoutePtr object = MVR_TRY(make_route(route));
  return build_request("RTM_DELROUTE", [&](nl_msg** message) {
    return rtnl_route_build_del_request(object.get(), 0, message);
  });
}

}  // namespace mvr::net
