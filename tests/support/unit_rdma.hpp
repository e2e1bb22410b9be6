// SPDX-License-Identifier: Apache-2.0
/// \file
/// A node whose rails have RDMA devices.
#pragma once

#include <string>

#include "support/fake_world.hpp"

namespace mvr::test {

/// The devices of `rdma_world`: those of enp11s0f0np0 and enp12s0f0np0.
inline constexpr rdma::DeviceIndex kRail1{3};
inline constexpr rdma::DeviceIndex kRail2{4};

/// The node GUID of the device that `roce` makes.
std::uint64_t guid_of(int index);

/// A device of the host with one port, which is active.
FakeDevice roce(int index, const std::string& name, int netdev);

/// The node of `calico_world` with rocep11s0 of the PCI device 0000:0b:00.0 and rocep12s0 of the
/// auxiliary device mlx5_core.sf.4.
World rdma_world(rdma::NetnsMode mode);

/// The device of this index in a world; it must be there.
FakeDevice& device_of(World& world, rdma::DeviceIndex index);

}  // namespace mvr::test
