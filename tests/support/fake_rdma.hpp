// SPDX-License-Identifier: Apache-2.0
/// \file
/// The RDMA devices of a node in memory: who sees them, and what the kernel does to them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "mvr/plan/kernel.hpp"

namespace mvr::test {

struct FakeDevice {
  rdma::Device device;                      ///< as one sees it who sees all of it
  plan::Where where = plan::Where::host;    ///< its namespace; of no account in shared mode
  plan::Where netdevs = plan::Where::host;  ///< the namespace of its ports' netdevs
  std::string bus_id;                       ///< of the PCI or auxiliary device; empty = none
  std::string verbs_node;                   ///< in /dev/infiniband; empty = none
  bool is_movable = true;                   ///< what its driver says

  bool operator==(const FakeDevice&) const = default;
};

/// The node's RDMA. Two are equal if they have the same devices, in whatever order.
struct FakeRdma {
  std::optional<rdma::NetnsMode> mode;  ///< nothing: a kernel without RDMA
  std::vector<FakeDevice> devices;
  /// Names are unique in a namespace only, and a device that finds its name taken where it comes to
  /// gets another one; else they are unique on the node, as up to Linux 6.12.
  bool has_names_by_netns = false;

  bool operator==(const FakeRdma& other) const;
};

/// One line a device.
std::vector<std::string> lines_of(const FakeRdma& rdma);

/// What a namespace sees: in shared mode everything, in exclusive mode its own. A port's netdev is
/// told to its own namespace only.
std::vector<rdma::Device> see_devices(const FakeRdma& rdma, plan::Where where);

/// Names of the host's devices of a PCI or auxiliary device, sorted.
std::vector<std::string> see_names(const FakeRdma& rdma, const std::string& bus_id);

// What the kernel does with a request. Each gives 0 or an errno, and changes nothing if it fails.

/// EINVAL: not in this namespace. EOPNOTSUPP: shared mode, or the driver cannot.
int move_device(FakeRdma& rdma, plan::Where from, rdma::DeviceIndex index);

/// EINVAL: not in the host's namespace. EEXIST: another device has the name.
int rename_device(FakeRdma& rdma, rdma::DeviceIndex index, const std::string& name);

}  // namespace mvr::test
