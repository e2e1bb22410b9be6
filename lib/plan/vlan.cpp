// SPDX-License-Identifier: Apache-2.0
#include "mvr/plan/vlan.hpp"

#include <errno.h>
#include <net/if.h>

namespace mvr::plan {
namespace {

std::string short_name(const net::Link& master, std::uint16_t id) {
  return "mvr" + std::to_string(to_int(master.index)) + '.' + std::to_string(id);
}

std::string full_name(const net::Link& master, std::uint16_t id) {
  return master.name + '.' + std::to_string(id);
}

Result<std::optional<net::Link>> read_if_it(Kernel& kernel, const std::string& name,
                                            const net::Link& master, std::uint16_t id) {
  auto link = MVR_TRY(kernel.read_link(Where::host, name));
  const bool is_it =
      link && link->vlan_id == id && link->lower == master.index && !link->has_lower_elsewhere;
  return is_it ? std::move(link) : std::nullopt;
}

}  // namespace

Result<std::optional<net::Link>> find_vlan(Kernel& kernel, const net::Link& master,
                                           std::uint16_t id) {
  // The list of all VLANs only where the likely names fail.
  for (const std::string& name : {make_vlan_spec(master, id).name, short_name(master, id)}) {
    if (auto link = MVR_TRY(read_if_it(kernel, name, master, id))) {
      return link;
    }
  }
  for (const std::string& name : MVR_TRY(kernel.read_vlans(id))) {
    if (auto link = MVR_TRY(read_if_it(kernel, name, master, id))) {
      return link;
    }
  }
  return std::nullopt;
}

net::VlanSpec make_vlan_spec(const net::Link& master, std::uint16_t id) {
  const std::string name = full_name(master, id);
  return {name.size() < IFNAMSIZ ? name : short_name(master, id), master.index, id, master.mac};
}

Result<void> raise_vlan(Kernel& kernel, const net::Link& vlan) {
  const std::string conf = "ipv6/conf/" + vlan.name;
  Result<void> done = kernel.write_host_sysctls({{conf + "/accept_ra", "0"}});
  if (!done && done.error().sys_errno != ENOENT) {  // IPv6 may be missing
    return done;
  }
  net::LinkChange change;
  change.index = vlan.index;
  change.up = true;
  done = kernel.change_link(Where::host, change);
  return !done && done.error().sys_errno == ENETDOWN ? Result<void>() : done;
}

net::Link foresee_vlan(const net::Link& master, std::uint16_t id) {
  net::Link link = master;
  link.index = net::IfIndex::none;
  link.name = make_vlan_spec(master, id).name;
  link.alias.clear();
  link.kind = "vlan";
  link.vlan_id = id;
  link.macvlan.reset();
  link.group = net::kOurMark;
  link.lower = master.index;
  link.has_lower_elsewhere = false;
  link.upper = net::IfIndex::none;
  return link;
}

}  // namespace mvr::plan
