// SPDX-License-Identifier: Apache-2.0
#include "support/fake_world.hpp"

#include <errno.h>

#include <algorithm>
#include <array>
#include <ostream>

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

/// Settings that every interface has, with the kernel's values.
void add_settings(World& world, const std::string& name) {
  for (const char* key : {"rp_filter", "arp_ignore", "arp_announce", "forwarding"}) {
    world.pod_sysctls["ipv4/conf/" + name + '/' + key] = "0";
  }
}

/// Takes the settings of an interface out of the world.
std::map<std::string, std::string> take_settings(World& world, const std::string& name) {
  std::map<std::string, std::string> taken;
  const std::string prefix = "ipv4/conf/" + name + '/';
  std::erase_if(world.pod_sysctls, [&](const auto& setting) {
    const bool is_of_link = setting.first.starts_with(prefix);
    if (is_of_link) {
      taken[setting.first.substr(prefix.size())] = setting.second;
    }
    return is_of_link;
  });
  return taken;
}

bool is_macvlan_of(const Link& link, IfIndex master) {
  return link.macvlan && link.lower == master;
}

int check_master(const World& world, const Link& master, const net::MacvlanSpec& spec) {
  for (const Link& other : world.pod_links) {
    if (is_macvlan_of(other, master.index)) {
      if (other.macvlan->mode == net::MacvlanMode::passthru) {
        return EBUSY;
      }
      if (spec.info.mode == net::MacvlanMode::passthru) {
        return EINVAL;
      }
    }
  }
  return spec.mtu > master.mtu ? EINVAL : 0;
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
         std::to_string(address.metric);
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
         is_permutation(host_routes, other.host_routes) && devices == other.devices &&
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

int create_macvlan(World& world, plan::Where where, const net::MacvlanSpec& spec, IfIndex index) {
  const auto& lowers = where == plan::Where::host ? world.host_links : world.pod_links;
  const Link* master = find_link(lowers, spec.master, &Link::index);
  if (master == nullptr) {
    return ENODEV;
  }
  if (find_link(lowers, spec.name, &Link::name) != nullptr ||
      find_link(world.pod_links, spec.name, &Link::name) != nullptr) {
    return EEXIST;
  }
  if (const int refused = check_master(world, *master, spec); refused != 0) {
    return refused;
  }
  Link link;
  link.index = index;
  link.name = spec.name;
  link.kind = "macvlan";
  link.macvlan = spec.info;
  const bool takes_masters = spec.info.mode == net::MacvlanMode::passthru;
  link.mac = takes_masters ? master->mac : spec.mac;
  link.mtu = spec.mtu != 0 ? spec.mtu : master->mtu;
  link.tx_queue_len = spec.tx_queue_len != 0 ? spec.tx_queue_len : 1000;
  link.group = net::kOurMark;
  link.arp_type = master->arp_type;
  link.lower = master->index;
  link.has_lower_elsewhere = where == plan::Where::host;
  world.pod_links.push_back(link);
  add_settings(world, link.name);
  return 0;
}

int rename_and_raise(World& world, IfIndex index, const std::string& name,
                     const std::string& alias) {
  Link* link = find_link(world.pod_links, index, &Link::index);
  const Link* rival = find_link(world.pod_links, name, &Link::name);
  if (link == nullptr) {
    return ENODEV;
  }
  if (rival != nullptr && rival != link) {
    return EEXIST;
  }
  for (const auto& [key, value] : take_settings(world, link->name)) {
    world.pod_sysctls["ipv4/conf/" + name + '/' + key] = value;
  }
  link->name = name;
  link->alias = alias;
  const Link* master = find_link(world.host_links, link->lower, &Link::index);
  const bool is_passthru = link->macvlan->mode == net::MacvlanMode::passthru;
  const bool is_taken = (master != nullptr && master->mac == link->mac) ||
                        std::ranges::any_of(world.pod_links, [&](const Link& other) {
                          return &other != link && other.is_up &&
                                 is_macvlan_of(other, link->lower) && other.mac == link->mac;
                        });
  if (is_taken && !is_passthru) {
    return EADDRINUSE;
  }
  link->is_up = true;
  link->is_running = true;
  return 0;
}

int delete_link(World& world, IfIndex index) {
  const Link* link = find_link(world.pod_links, index, &Link::index);
  if (link == nullptr) {
    return ENODEV;
  }
  take_settings(world, link->name);
  std::erase_if(world.pod_links, [&](const Link& other) { return other.index == index; });
  std::erase_if(world.pod_addresses, [&](const IfAddress& a) { return a.index == index; });
  std::erase_if(world.pod_routes, [&](const Route& route) { return route.nic == index; });
  return 0;
}

int write_sysctls(World& world, const std::vector<net::Sysctl>& sysctls) {
  for (const net::Sysctl& sysctl : sysctls) {
    const auto setting = world.pod_sysctls.find(sysctl.path);
    if (setting == world.pod_sysctls.end()) {
      return ENOENT;
    }
    setting->second = sysctl.value;
  }
  return 0;
}

int add_address(World& world, const IfAddress& address) {
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
  std::erase_if(world.pod_routes,
                [&](const Route& route) { return route.src && !is_local(world, *route.src); });
  return 0;
}

int add_route(World& world, const Route& route) {
  if (std::ranges::any_of(world.pod_routes,
                          [&](const Route& other) { return has_same_key(other, route); })) {
    return EEXIST;
  }
  if (route.type == net::RouteType::unicast) {
    const Link* link = find_link(world.pod_links, route.nic, &Link::index);
    if (link == nullptr || !link->is_up) {
      return link == nullptr ? ENODEV : ENETDOWN;
    }
    if (const int refused = check_gateway(world, route); refused != 0) {
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
