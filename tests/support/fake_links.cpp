// SPDX-License-Identifier: Apache-2.0
// Links of the fake kernel's world, and the settings that come and go with them.
#include <errno.h>

#include <algorithm>

#include "support/fake_ipv6.hpp"
#include "support/fake_world.hpp"

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

/// The settings of an interface, or of what stands for several: path below
/// /proc/sys/net, value.
std::map<std::string, std::string> settings_of(const World& world, const std::string& name) {
  std::map<std::string, std::string> settings;
  const std::string part = "/conf/" + name + '/';
  for (const auto& [path, value] : world.pod_sysctls) {
    if (path.find(part) != std::string::npos) {
      settings[path] = value;
    }
  }
  return settings;
}

std::string renamed(std::string path, const std::string& from, const std::string& to) {
  return path.replace(path.find("/conf/") + 6, from.size(), to);
}

/// Settings that every new interface has: IPv4's with the kernel's values,
/// IPv6's as `default` has them.
void add_settings(World& world, const std::string& name) {
  for (const char* key : {"rp_filter", "arp_ignore", "arp_announce", "forwarding"}) {
    world.pod_sysctls["ipv4/conf/" + name + '/' + key] = "0";
  }
  for (const auto& [path, value] : settings_of(world, "default")) {
    world.pod_sysctls[renamed(path, "default", name)] = value;
  }
}

/// Takes the settings of an interface out of the world.
std::map<std::string, std::string> take_settings(World& world, const std::string& name) {
  std::map<std::string, std::string> taken = settings_of(world, name);
  for (const auto& setting : taken) {
    world.pod_sysctls.erase(setting.first);
  }
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

/// Another macvlan of its master, or the master, has its MAC.
bool has_taken_mac(const World& world, const Link& link) {
  const Link* master = find_link(world.host_links, link.lower, &Link::index);
  return (master != nullptr && master->mac == link.mac) ||
         std::ranges::any_of(world.pod_links, [&](const Link& other) {
           return &other != &link && other.is_up && is_macvlan_of(other, link.lower) &&
                  other.mac == link.mac;
         });
}

void rename_link(World& world, Link& link, const std::string& name) {
  for (const auto& [path, value] : take_settings(world, link.name)) {
    world.pod_sysctls[renamed(path, link.name, name)] = value;
  }
  link.name = name;
}

}  // namespace

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

int create_vlan(World& world, const net::VlanSpec& spec, IfIndex index) {
  const Link* master = find_link(world.host_links, spec.master, &Link::index);
  if (master == nullptr) {
    return ENODEV;
  }
  const bool is_taken = std::ranges::any_of(world.host_links, [&](const Link& other) {
    return other.name == spec.name || (other.vlan_id == spec.id && other.lower == spec.master);
  });
  if (is_taken) {
    return EEXIST;
  }
  Link link;
  link.index = index;
  link.name = spec.name;
  link.kind = "vlan";
  link.vlan_id = spec.id;
  link.mac = spec.mac ? spec.mac : master->mac;
  link.mtu = master->mtu;
  link.group = net::kOurMark;
  link.arp_type = master->arp_type;
  link.lower = master->index;
  world.host_links.push_back(link);
  return 0;
}

int change_link(World& world, const net::LinkChange& change) {
  Link* link = find_link(world.pod_links, change.index, &Link::index);
  const Link* rival = find_link(world.pod_links, change.name, &Link::name);
  if (link == nullptr) {
    return ENODEV;
  }
  if (rival != nullptr && rival != link) {
    return EEXIST;
  }
  link->mac = change.mac ? change.mac : link->mac;
  if (!change.name.empty()) {
    rename_link(world, *link, change.name);
  }
  link->alias = change.alias.empty() ? link->alias : change.alias;
  link->is_promiscuous |= change.promisc;
  link->is_allmulti |= change.allmulti;
  if (!change.up) {
    return 0;
  }
  const bool is_passthru = link->macvlan && link->macvlan->mode == net::MacvlanMode::passthru;
  if (!is_passthru && has_taken_mac(world, *link)) {
    return EADDRINUSE;
  }
  link->is_up = true;
  link->is_running = true;
  follow_ipv6_settings(world, *link);
  return 0;
}

int delete_host_link(World& world, IfIndex index) {
  const Link* link = find_link(world.host_links, index, &Link::index);
  if (link == nullptr) {
    return ENODEV;
  }
  std::vector<IfIndex> above;
  for (const Link& other : world.pod_links) {
    if (other.has_lower_elsewhere && is_macvlan_of(other, index)) {
      above.push_back(other.index);
    }
  }
  for (const IfIndex macvlan : above) {
    delete_link(world, macvlan);
  }
  std::erase_if(world.host_links, [&](const Link& other) { return other.index == index; });
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
    for (const Link& link : world.pod_links) {
      if (sysctl.path == "ipv6/conf/" + link.name + "/disable_ipv6") {
        follow_ipv6_settings(world, link);
      }
    }
  }
  return 0;
}

}  // namespace mvr::test
