// SPDX-License-Identifier: Apache-2.0
#include "support/unit_rdma.hpp"

#include <algorithm>

#include "support/unit_pod.hpp"

namespace mvr::test {

std::uint64_t guid_of(int index) {
  return 0x506b4b0300c50000 + static_cast<std::uint64_t>(index);
}

FakeDevice roce(int index, const std::string& name, int netdev) {
  FakeDevice device;
  device.device.index = rdma::DeviceIndex{static_cast<std::uint32_t>(index)};
  device.device.name = name;
  device.device.node_guid = guid_of(index);
  device.device.ports = {{1, net::IfIndex{netdev}, true}};
  device.verbs_node = "uverbs" + std::to_string(index);
  return device;
}

World rdma_world(rdma::NetnsMode mode) {
  World world = calico_world();
  world.rdma.mode = mode;
  world.rdma.devices = {roce(4, "rocep12s0", 12), roce(3, "rocep11s0", 11)};
  device_of(world, kRail1).bus_id = "0000:0b:00.0";
  device_of(world, kRail2).bus_id = "mlx5_core.sf.4";
  return world;
}

FakeDevice& device_of(World& world, rdma::DeviceIndex index) {
  const auto found = std::ranges::find_if(world.rdma.devices,
                                          [&](const auto& d) { return d.device.index == index; });
  REQUIRE(found != world.rdma.devices.end());
  return *found;
}

}  // namespace mvr::test
