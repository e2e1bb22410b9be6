// SPDX-License-Identifier: Apache-2.0
/// \file
/// What a node has: its GPUs and NICs, and where on the PCIe tree they are. Facts only; what
/// becomes a rail is decided in rails.hpp.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "mvr/base/error.hpp"

namespace mvr::ops {

/// A PCI device.
struct PciDevice {
  std::vector<std::string> path;  ///< host bridge, root port, bridges, itself: "pci0000:15" first
  std::string vendor;             ///< four hexadecimal digits: "15b3"
  std::string device;
  int numa = -1;  ///< -1 = the firmware does not say

  /// "0000:1a:00.0"
  [[nodiscard]] std::string address() const { return path.empty() ? "" : path.back(); }

  bool operator==(const PciDevice&) const = default;
};

enum class NicKind { physical, virtual_function, representor, bond };

struct Nic {
  std::string name;
  PciDevice pci;       ///< empty path for a bond
  std::string rdma;    ///< its RDMA device; empty = none
  std::string master;  ///< the bond or bridge that it belongs to; empty = none
  NicKind kind = NicKind::physical;
  std::int64_t speed_mbps = 0;  ///< 0 = unknown, as of a NIC that is down
  std::int64_t mtu = 0;
  bool is_up = false;
  bool is_ethernet = true;
  bool has_default_route = false;  ///< the node's own, by this NIC or what is on top of it

  bool operator==(const Nic&) const = default;
};

struct Inventory {
  std::string node;
  std::vector<PciDevice> gpus;  ///< by address: nvidia-smi's order
  std::vector<Nic> nics;        ///< by address, bonds last; software devices are not in it

  bool operator==(const Inventory&) const = default;
};

/// The part of a device's path in sysfs that is PCI: host bridge, bridges, device. Empty if it is
/// none. \param path as realpath(3) gives it
std::vector<std::string> parse_pci_path(std::string_view path);

/// The netdevs of a node's default routes. \source proc(5), /proc/net/route;
/// net/ipv6/route.c, rt6_info_route, for /proc/net/ipv6_route
/// \param v4 the text of the first file \param v6 that of the second
std::set<std::string> parse_default_routes(std::string_view v4, std::string_view v6);

/// Reads a node's devices from a sysfs tree, /sys or a copy.
/// Fails with Code::io if there is no class/net in it.
/// \param default_route the netdevs of the node's default routes; the NICs below them count as well
Result<Inventory> read_inventory(const std::string& sysfs, std::string node,
                                 const std::set<std::string>& default_route);

/// As `--inventory` prints it.
std::string format_inventory(const Inventory& inventory);

/// Fails with Code::decode and the name of what is missing or wrong.
Result<Inventory> parse_inventory(std::string_view text);

}  // namespace mvr::ops
