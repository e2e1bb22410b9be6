// SPDX-License-Identifier: Apache-2.0
/// \file
/// RDMA devices as others see them: the `rdma` command and sysfs.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "support/shell.hpp"

namespace mvr::test {

/// An entry of a port's GID table that is in use.
struct Gid {
  unsigned index = 0;
  std::string address = {};  ///< in its shortest form, as "::ffff:172.16.11.10"
  std::string type = {};     ///< "RoCE v2" or "IB/RoCE v1"
  std::string netdev = {};   ///< empty where the kernel does not say
};

/// `rdma -j ARGUMENTS` in a namespace ("" = ours); fails the test if it fails.
json rdma_json(const std::string& netns, const std::vector<std::string>& arguments);

/// The names of the devices that a namespace sees, sorted.
std::vector<std::string> read_rdma_devices(const std::string& netns);

/// The netdev of a device's port, as the namespace sees it; empty if it does not.
std::string read_rdma_netdev(const std::string& netns, const std::string& device);

/// The GID table of the device's port 1 as the namespace's sysfs has it; empty without the device.
std::vector<Gid> read_gids(const std::string& netns, const std::string& device);

/// The index of an address' RoCE v2 entry in the same table.
std::optional<unsigned> find_gid(const std::string& netns, const std::string& device,
                                 const std::string& address);

/// The same by libibverbs, one JSON object an entry: index, gid, type, ndev_index.
std::vector<json> query_gids(const std::string& netns, const std::string& device);

}  // namespace mvr::test
