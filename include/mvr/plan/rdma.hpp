// SPDX-License-Identifier: Apache-2.0
/// \file
/// Which RDMA device serves a master, and giving a device back to the node.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "mvr/cni/netconf.hpp"
#include "mvr/plan/kernel.hpp"

namespace mvr::plan {

/// A port of an RDMA device, chosen for a NIC.
struct RdmaPort {
  rdma::DeviceIndex device{};
  std::string name;                          ///< the device's
  std::uint32_t number = 1;                  ///< the port's
  net::IfIndex netdev = net::IfIndex::none;  ///< the port's, in the master's netns
  std::uint64_t node_guid = 0;               ///< the device's

  bool operator==(const RdmaPort&) const = default;
};

/// The kernel's netns mode as far as the configuration agrees with it; nothing when no device is to
/// be looked for. Errors: Code::rdma_mode if it asks for the other mode, Code::no_rdma_device if
/// this kernel has no RDMA and the configuration insists on it.
Result<std::optional<rdma::NetnsMode>> find_rdma_mode(Kernel& kernel, const cni::RdmaConf& conf);

/// The interfaces that a master's frames pass on their way down, the master first: a VLAN, then
/// what it lies on.
Result<std::vector<net::Link>> read_layers(Kernel& kernel, Where where, const net::Link& master);

/// True when a port's netdev is one of the layers, or a member of one that is a bond.
Result<bool> is_below(Kernel& kernel, Where where, net::IfIndex netdev,
                      const std::vector<net::Link>& layers);

/// The port that serves the master, among the devices that its namespace sees: that of the device
/// that the configuration names, or the nearest one below the master. Nothing when there is none.
/// Fails with Code::no_rdma_device if the device with the configuration's deviceID is another
/// master's.
Result<std::optional<RdmaPort>> find_rdma_port(Kernel& kernel, const cni::NetConf& conf,
                                               Where where, const net::Link& master);

/// The devices and their netdevs, for people: "mlx5_0 (ens1f0np0), mlx5_1"; "none".
Result<std::string> list_rdma_devices(Kernel& kernel, Where where);

/// The device of this index, unless the index has been given to another one since: the GUID tells.
/// Null when there is none.
const rdma::Device* find_device(const std::vector<rdma::Device>& devices, rdma::DeviceIndex index,
                                std::uint64_t node_guid);

/// Takes a device back from the pod; one that is not there is fine.
Result<void> return_rdma_device(Kernel& kernel, rdma::DeviceIndex device);

/// Gives a device that is at home its name again: the pod may have changed it, and kernels with
/// names per namespace do so on a clash. Another device of that name keeps it.
Result<void> restore_rdma_name(Kernel& kernel, rdma::DeviceIndex device, const std::string& name);

}  // namespace mvr::plan
