// SPDX-License-Identifier: Apache-2.0
#include "support/fake_world.hpp"

#include <errno.h>

#include <algorithm>
#include <array>
#include <ostream>

#include "support/fake_ipv6.hpp"

namespace mvr::test {
namespace {

using net::IfAddress;
using net::IfIndex;
using net::Link;
using net::Route;

template <typename Links, typename Key, typename Member>
auto* find_link(Links& links, const Key& key, Member member) {
  const auto found = std::ranges::find(links, key, member);
  return found != links.end() ? &*found : nullptr;
}

template <typename T>
bool holds(const std::vector<T>& objects, const T& object) {
  return std::ranges::find(objects, object) != objects.end();
}

template <typename T>
int erase_one(std::vector<T>& objects, const T& object, int missing) {
  const auto found = std::ranges::find(objects, object);
  if (found == objects.end()) {
    return missing;
  }
  objects.erase(found);
  return 0;
}

bool is_of_same_subnet(const IfAddress& a, const IfAddress& b) {
  return a.index == b.index && a.prefix.network() == b.prefix.network();
}

Route connected_route(const IfAddress& address) {
  Route route;
  route.dst = address.prefix.network();
  route.nic = address.index;
  route.src = address.prefix.address;
  route.metric = address.metric;
  route.protocol = net::kProtocolKernel;
  return route;
}

bool is_local(const World& world, const ip::Address& address) {
  return std::ranges::any_of(world.pod_addresses,
                             [&](const IfAddress& own) { return own.prefix.address == address; });
}

/// The kernel looks into the route's own table, then where the rules lead.
/// \source net/ipv4/fib_semantics.c, fib_check_nh_v4_gw
int check_gateway(const World& world, const Route& route) {
  if (!route.gateway || route.is_onlink) {
    return 0;
  }
  for (const std::uint32_t table : {route.table, net::kTableMain}) {
    const Route* hop = find_match(world.pod_routes, *route.gateway, table, route.nic);
    if (hop != nullptr) {
      return hop->gateway ? EINVAL : 0;
    }
  }
  return ENETUNREACH;
}

std::string line_of(const Link& link) {
  return std::to_string(to_int(link.index)) + ' ' + link.name + " \"" + link.alias + "\" " +
         link.kind + " mac " + (link.mac ? link.mac->to_string() : "none") + " mtu " +
         std::to_string(link.mtu) + " queue " + std::to_string(link.tx_queue_len) + " group " +
         std::to_string(link.group) + " lower " + std::to_string(to_int(link.lower)) +
         (link.is_up ? " up" : " down");
}

std::string line_of(const IfAddress& address) {
  return address.prefix.to_string() + " dev " + std::to_string(to_int(address.index)) + " metric " +
         std::to_string(address.metric) + (address.is_tentative ? " tentative" : "");
}

std::string line_of(const Route& route) {
  return net::describe(route, std::to_string(to_int(route.nic))) + " mtu " +
         std::to_string(route.mtu) + " advmss " + std::to_string(route.advmss) + " proto " +
         std::to_string(route.protocol);
}

std::string line_of(const net::Rule& rule) {
  return net::describe(rule) + " proto " + std::to_string(rule.protocol) +
         (rule.has_other_selectors ? " and more" : "");
}

template <typename T>
void append(std::vector<std::string>& lines, const std::string& kind, const std::vector<T>& all) {
  for (const T& object : all) {
    lines.push_back(kind + ' ' + line_of(object));
  }
}

}  // namespace

bool World::operator==(const World& other) const {
  using std::ranges::is_permutation;
  return is_permutation(host_links, other.host_links) &&
         is_permutation(host_addresses, other.host_addresses) &&
         is_permutation(host_routes, other.host_routes) &&
         is_permutation(host_rules, other.host_rules) && devices == other.devices &&
         is_permutation(pod_links, other.pod_links) &&
         is_permutation(pod_addresses, other.pod_addresses) &&
         is_permutation(pod_routes, other.pod_routes) &&
         is_permutation(pod_rules, other.pod_rules) && pod_sysctls == other.pod_sysctls &&
         rdma == other.rdma;
}

std::ostream& operator<<(std::ostream& out, const World& world) {
  std::vector<std::string> lines;
  append(lines, "host link", world.host_links);
  append(lines, "host address", world.host_addresses);
  append(lines, "host route", world.host_routes);
  append(lines, "host rule", world.host_rules);
  append(lines, "link", world.pod_links);
  append(lines, "address", world.pod_addresses);
  append(lines, "route", world.pod_routes);
  append(lines, "rule", world.pod_rules);
  for (const auto& [path, value] : world.pod_sysctls) {
    lines.push_back("sysctl " + path + '=' + value);
  }
  for (const std::string& line : lines_of(world.rdma)) {
    lines.push_back("RDMA device " + line);
  }
  std::ranges::sort(lines);
  for (const std::string& line : lines) {
    out << '\n' << line;
  }
  return out;
}

const Route* find_match(const std::vector<Route>& routes, const ip::Address& destination,
                        std::uint32_t table, IfIndex oif) {
  const Route* best = nullptr;
  for (const Route& route : routes) {
    const bool is_match = route.table == table && route.dst.contains(destination) &&
                          (oif == IfIndex::none || route.nic == oif);
    if (is_match && (best == nullptr || route.dst.length > best->dst.length ||
                     (route.dst == best->dst && route.metric < best->metric))) {
      best = &route;
    }
  }
  return best;
}

int add_address(World& world, const IfAddress& address) {
  if (address.prefix.family() == ip::Family::v6) {
    return add_v6_address(world, address);
  }
  const Link* link = find_link(world.pod_links, address.index, &Link::index);
  if (link == nullptr) {
    return ENODEV;
  }
  bool is_secondary = false;
  for (const IfAddress& other : world.pod_addresses) {
    if (other.index == address.index && other.prefix == address.prefix) {
      return EEXIST;
    }
    is_secondary |= is_of_same_subnet(other, address);
  }
  world.pod_addresses.push_back(address);
  const bool has_subnet = address.prefix.length < ip::bits(address.prefix.family());
  if (link->is_up && has_subnet && !is_secondary) {
    world.pod_routes.push_back(connected_route(address));
  }
  return 0;
}

int remove_address(World& world, const IfAddress& address) {
  if (address.prefix.family() == ip::Family::v6) {
    return remove_v6_address(world, address);
  }
  const auto found = std::ranges::find_if(world.pod_addresses, [&](const IfAddress& other) {
    return other.index == address.index && other.prefix == address.prefix;
  });
  if (found == world.pod_addresses.end()) {
    return EADDRNOTAVAIL;
  }
  const auto primary = std::ranges::find_if(world.pod_addresses, [&](const IfAddress& other) {
    return is_of_same_subnet(other, address);
  });
  const bool is_primary = primary == found;
  std::erase_if(world.pod_addresses, [&](const IfAddress& other) {
    return (other.index == address.index && other.prefix == address.prefix) ||
           (is_primary && is_of_same_subnet(other, address));
  });
  std::erase_if(world.pod_routes, [&](const Route& route) {
    return route.src && route.dst.family() == ip::Family::v4 && !is_local(world, *route.src);
  });
  return 0;
}

int add_route(World& world, const Route& wanted) {
  Route route = wanted;
  const bool is_v6 = route.dst.family() == ip::Family::v6;
  if (is_v6 && route.metric == 0) {
    route.metric = net::kV6Metric;
  }
  if (std::ranges::any_of(world.pod_routes,
                          [&](const Route& other) { return has_same_key(other, route); })) {
    return EEXIST;
  }
  if (route.type == net::RouteType::unicast) {
    const Link* link = find_link(world.pod_links, route.nic, &Link::index);
    if (link == nullptr || !link->is_up) {
      return link == nullptr ? ENODEV : ENETDOWN;
    }
    const int refused = is_v6 ? check_v6_route(world, route) : check_gateway(world, route);
    if (refused != 0) {
      return refused;
    }
  }
  if (route.src && !is_local(world, *route.src)) {
    return EINVAL;
  }
  world.pod_routes.push_back(route);
  return 0;
}

int remove_route(World& world, const Route& route) {
  return erase_one(world.pod_routes, route, ESRCH);
}

int add_rule(World& world, const net::Rule& rule) {
  if (holds(world.pod_rules, rule)) {
    return EEXIST;
  }
  world.pod_rules.push_back(rule);
  return 0;
}

int remove_rule(World& world, const net::Rule& rule) {
  return erase_one(world.pod_rules, rule, ENOENT);
}

}  // namespace mvr::test
