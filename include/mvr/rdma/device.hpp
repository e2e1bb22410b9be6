// SPDX-License-Identifier: Apache-2.0
/// \file
/// RDMA devices: what we ask of the kernel's RDMA netlink, one function a request. Each works in
/// the netns of its socket. Errors carry Code::io, the kernel's errno, its extended ack in
/// `details`.
/// \source drivers/infiniband/core/nldev.c, include/uapi/rdma/rdma_netlink.h
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "mvr/base/error.hpp"
#include "mvr/net/netns.hpp"
#include "mvr/net/socket.hpp"
#include "mvr/net/types.hpp"

namespace mvr::rdma {

/// The kernel's number of a device: one on the whole node, kept by moves and renames. From 0.
enum class DeviceIndex : std::uint32_t {};

constexpr std::uint32_t to_int(DeviceIndex index) {
  return static_cast<std::uint32_t>(index);
}

/// What network namespaces mean to RDMA devices: `shared`, every namespace sees every device;
/// `exclusive`, a device belongs to one namespace and can be moved.
/// \source rdma-system(8)
enum class NetnsMode : std::uint8_t { exclusive = 0, shared = 1 };

std::string_view to_string(NetnsMode mode);

struct Port {
  std::uint32_t number = 0;                  ///< from 1
  net::IfIndex netdev = net::IfIndex::none;  ///< none: it has none in the namespace of the socket
  bool is_active = false;

  bool operator==(const Port&) const = default;
};

struct Device {
  DeviceIndex index{};
  std::string name;  ///< on one kernel up to 6.12 unique on the node, later in its namespace
  std::uint64_t node_guid = 0;
  std::vector<Port> ports;

  bool operator==(const Device&) const = default;
};

/// A socket of the RDMA netlink family; nothing when this kernel has no RDMA (ib_core is missing).
Result<std::optional<net::Socket>> open_socket();

Result<NetnsMode> read_netns_mode(net::Socket& socket);

/// The devices that the namespace sees, with their ports, in the order of their indexes.
Result<std::vector<Device>> read_devices(net::Socket& socket);

/// The name in /dev/infiniband by which programs open the device: "uverbs0". Nothing when there is
/// none, as without ib_uverbs. Linux 5.3.
Result<std::optional<std::string>> read_verbs_node(net::Socket& socket, DeviceIndex device);

/// Moves the device from the socket's namespace to `target`. The kernel wants the caller to be in
/// the socket's namespace meanwhile. EOPNOTSUPP: in shared mode, or its driver cannot. ENODEV,
/// EINVAL: it is not in that namespace.
/// \source drivers/infiniband/core/device.c, ib_device_set_netns_put
Result<void> move_device(net::Socket& socket, DeviceIndex device, const net::Netns& target);

/// EEXIST, ENFILE: the name is taken.
Result<void> rename_device(net::Socket& socket, DeviceIndex device, const std::string& name);

}  // namespace mvr::rdma
