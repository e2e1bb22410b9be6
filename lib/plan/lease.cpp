// SPDX-License-Identifier: Apache-2.0
#include "plan/lease.hpp"

#include <algorithm>

#include "plan/cluster.hpp"

namespace mvr::plan {
namespace {

using ip::Family;

bool is_link_local(const ip::Address& address) {
  return ip::Prefix::parse("fe80::/10")->contains(address);
}

bool is_unicast(const ip::Address& address) {
  return !address.is_any() && !address.is_multicast() && !address.is_loopback();
}

Result<void> check_address(const Facts& facts, const cni::IpConfig& ip) {
  const auto refuse = [&](Code code, const std::string& why) {
    return fail(code, "IPAM's address " + ip.address.to_string() + ": " + why);
  };
  const Family family = ip.address.family();
  if (family == Family::v6 && !facts.has_ipv6) {
    return refuse(Code::unsupported_field, "this kernel has no IPv6");
  }
  if (!is_unicast(ip.address.address)) {
    return refuse(Code::bad_config, "is no unicast address that a NIC can have");
  }
  if (ip.address.length == 0) {
    return refuse(Code::bad_config,
                  "its prefix length must be from 1 to " + std::to_string(ip::bits(family)));
  }
  return {};
}

Result<void> check_gateway(const cni::IpConfig& ip, const cni::AddResult& ipam) {
  const std::optional<ip::Address> gateway = gateway_of(ip, ipam);
  if (!gateway) {
    return {};
  }
  const auto refuse = [&](const std::string& why) {
    return fail(Code::bad_config, "IPAM's address " + ip.address.to_string() + ": its gateway " +
                                      gateway->to_string() + ' ' + why);
  };
  if (gateway->family() != ip.address.family()) {
    return refuse("is of the other family");
  }
  if (!is_unicast(*gateway)) {
    return refuse("is no unicast address");
  }
  if (is_own(ipam, *gateway)) {
    return refuse("is the address itself or another one of this NIC");
  }
  return {};
}

/// IPAM may name a table of its own for a route, but none of the kernel's or of the pod's NICs.
Result<void> check_table(const cni::RouteConfig& route, const Facts& facts, const Place& place) {
  const std::uint32_t table = route.table.value_or(place.table);
  if (!route.table || table == place.table) {
    return {};
  }
  const std::string nic = find_nic_of_table(facts.pod, table);
  const bool is_overlays = facts.overlay && table == place.overlay_table;
  if (!is_reserved(table) && !is_overlays && nic.empty()) {
    return {};
  }
  const std::string user = is_overlays ? facts.overlay->link.name : nic;
  return fail(Code::routing, "IPAM's route to " + route.dst.to_string() + ": table " +
                                 std::to_string(table) +
                                 (user.empty() ? " is reserved" : " is in use by " + user));
}

Result<void> check_routes(const cni::AddResult& ipam, const Facts& facts, const Place& place) {
  for (const cni::RouteConfig& route : ipam.routes) {
    if (route.gateway && route.gateway->family() != route.dst.family()) {
      return fail(Code::bad_config, "IPAM's route to " + route.dst.to_string() + ": its gateway " +
                                        route.gateway->to_string() + " is of the other family");
    }
    if (route.dst.family() == Family::v6 && !facts.has_ipv6) {
      return fail(Code::unsupported_field,
                  "IPAM's route to " + route.dst.to_string() + ": this kernel has no IPv6");
    }
    MVR_TRY(check_table(route, facts, place));
    // The kernel would take it, and drop the packets.
    if (route.gateway && is_own(ipam, *route.gateway)) {
      return fail(Code::bad_config, "IPAM's route to " + route.dst.to_string() + ": its gateway " +
                                        route.gateway->to_string() + " is the NIC's own address");
    }
  }
  return {};
}

}  // namespace

std::vector<const cni::RouteConfig*> find_defaults(const cni::AddResult& ipam, Family family) {
  std::vector<const cni::RouteConfig*> found;
  for (const cni::RouteConfig& route : ipam.routes) {
    if (route.dst == ip::Prefix::any(family) && !route.table) {
      found.push_back(&route);
    }
  }
  return found;
}

std::optional<ip::Address> gateway_of(const cni::IpConfig& ip, const cni::AddResult& ipam) {
  const auto defaults = find_defaults(ipam, ip.address.family());
  return ip.gateway || defaults.empty() ? ip.gateway : defaults.front()->gateway;
}

std::optional<ip::Address> first_gateway(const cni::AddResult& ipam, Family family) {
  for (const cni::IpConfig& ip : ipam.ips) {
    const auto gateway = gateway_of(ip, ipam);
    if (gateway && ip.address.family() == family) {
      return gateway;
    }
  }
  return std::nullopt;
}

bool has_family(const cni::AddResult& ipam, Family family) {
  return std::ranges::any_of(
      ipam.ips, [&](const cni::IpConfig& ip) { return ip.address.family() == family; });
}

bool is_own(const cni::AddResult& ipam, const ip::Address& address) {
  return std::ranges::any_of(
      ipam.ips, [&](const cni::IpConfig& ip) { return ip.address.address == address; });
}

bool is_on_link(const cni::AddResult& ipam, const ip::Address& gateway) {
  return is_link_local(gateway) || std::ranges::any_of(ipam.ips, [&](const cni::IpConfig& ip) {
           return ip.address.contains(gateway);
         });
}

cni::AddResult normalize(cni::AddResult ipam) {
  for (cni::RouteConfig& route : ipam.routes) {
    const std::uint32_t table = route.table.value_or(net::kTableMain);
    if (table == 0 || table == net::kTableMain) {
      route.table.reset();
    }
  }
  return ipam;
}

Result<void> check_lease(const cni::AddResult& ipam, const Facts& facts, const Place& place) {
  for (const cni::IpConfig& ip : ipam.ips) {
    MVR_TRY(check_address(facts, ip));
    MVR_TRY(check_gateway(ip, ipam));
  }
  return check_routes(ipam, facts, place);
}

}  // namespace mvr::plan
