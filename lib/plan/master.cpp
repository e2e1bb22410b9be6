// SPDX-License-Identifier: Apache-2.0
// Which of the node's interfaces is the master.
#include <net/if_arp.h>

#include "mvr/base/text.hpp"
#include "mvr/plan/facts.hpp"
#include "mvr/plan/vlan.hpp"

namespace mvr::plan {
namespace {

using MaybeLink = std::optional<net::Link>;

/// "0000:0b:00.0"; no netdev name has a colon.
bool is_pci_address(const std::string& name) {
  return name.find(':') != std::string::npos;
}

/// The first netdev of a PCI or auxiliary device, by its name in `where`.
Result<MaybeLink> find_by_device(Kernel& kernel, Where where, const std::string& device) {
  const auto names = MVR_TRY(kernel.read_device_netdevs(device));
  return names.empty() ? Result<MaybeLink>(MaybeLink()) : kernel.read_link(where, names[0]);
}

/// The first netdev of the RDMA device of that name.
Result<MaybeLink> find_by_rdma(Kernel& kernel, Where where, const std::string& name) {
  for (const rdma::Device& device : MVR_TRY(kernel.read_rdma_devices(where))) {
    for (const rdma::Port& port : device.ports) {
      if (device.name == name && port.netdev != net::IfIndex::none) {
        return kernel.read_link(where, port.netdev);
      }
    }
  }
  return std::nullopt;
}

Result<MaybeLink> find_candidate(Kernel& kernel, Where where, const std::string& name) {
  if (is_pci_address(name)) {
    return find_by_device(kernel, where, name);
  }
  const auto link = MVR_TRY(kernel.read_link(where, name));
  return link ? link : MVR_TRY(find_by_rdma(kernel, where, name));
}

Result<net::Link> find_named(Kernel& kernel, const cni::NetConf& conf) {
  const Where where = conf.link_in_container ? Where::pod : Where::host;
  for (const std::string& name : conf.master) {
    if (auto link = MVR_TRY(find_candidate(kernel, where, name))) {
      return *std::move(link);
    }
  }
  return fail(
      Code::master_unusable,
      "master \"" + join(conf.master, "\", \"") + "\": no such " +
          (is_pci_address(conf.master.front()) ? "device with a netdev"
                                               : "interface, and no RDMA device with one,") +
          (where == Where::pod ? " in the pod (linkInContainer)" : " on this node"));
}

/// No `master` given: the device that the kubelet allotted, else where the default route goes.
Result<net::Link> find_unnamed(Kernel& kernel, const cni::NetConf& conf) {
  const Where where = conf.link_in_container ? Where::pod : Where::host;
  if (!conf.device_id.empty()) {
    if (auto link = MVR_TRY(find_by_device(kernel, where, conf.device_id))) {
      return *std::move(link);
    }
    return fail(Code::master_unusable, "deviceID \"" + conf.device_id + "\": has no netdev here");
  }
  const auto index = MVR_TRY(find_default_interface(kernel, where));
  if (index) {
    if (auto link = MVR_TRY(kernel.read_link(where, *index))) {
      return *std::move(link);
    }
  }
  return fail(Code::master_unusable,
              "master is not set and there is no default route to take it from");
}

Result<void> check_usable(const net::Link& master) {
  const auto refuse = [&](const std::string& why) {
    return fail(Code::master_unusable, "master " + master.name + ": " + why);
  };
  if (master.arp_type == ARPHRD_INFINIBAND) {
    return refuse(
        "is IP over InfiniBand, which carries no macvlan; an Ethernet (RoCE) port is needed");
  }
  if (master.arp_type != ARPHRD_ETHER) {
    return refuse("is no Ethernet interface (hardware type " + std::to_string(master.arp_type) +
                  ")");
  }
  return {};
}

/// The VLAN of the master that the configuration asks for, as it is or will be; else the master.
Result<net::Link> find_vlan_of(Kernel& kernel, net::Link master, const cni::NetConf& conf) {
  if (conf.vlan == 0) {
    return master;
  }
  const auto id = static_cast<std::uint16_t>(conf.vlan);
  const auto vlan = MVR_TRY(find_vlan(kernel, master, id));
  return vlan ? *vlan : foresee_vlan(master, id);
}

Result<void> check_mtu(const net::Link& master, const cni::NetConf& conf) {
  if (conf.mtu > master.mtu) {
    return fail(Code::bad_config, "mtu " + std::to_string(conf.mtu) + ": must be 0 to " +
                                      std::to_string(master.mtu) + ", the MTU of master " +
                                      master.name);
  }
  return {};
}

}  // namespace

Result<net::Link> find_master(Kernel& kernel, const cni::NetConf& conf) {
  net::Link master =
      MVR_TRY(conf.master.empty() ? find_unnamed(kernel, conf) : find_named(kernel, conf));
  MVR_TRY(check_usable(master));
  net::Link lower = MVR_TRY(find_vlan_of(kernel, std::move(master), conf));
  MVR_TRY(check_mtu(lower, conf));
  return lower;
}

}  // namespace mvr::plan
