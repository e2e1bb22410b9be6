// SPDX-License-Identifier: Apache-2.0
#include "support/fake_rdma.hpp"

#include <errno.h>

#include <algorithm>

namespace mvr::test {
namespace {

using plan::Where;
using rdma::NetnsMode;

bool is_seen(const FakeRdma& rdma, const FakeDevice& device, Where where) {
  return rdma.mode && (*rdma.mode == NetnsMode::shared || device.where == where);
}

FakeDevice* find_seen(FakeRdma& rdma, Where where, rdma::DeviceIndex index) {
  const auto found = std::ranges::find_if(rdma.devices, [&](const FakeDevice& device) {
    return device.device.index == index && is_seen(rdma, device, where);
  });
  return found != rdma.devices.end() ? &*found : nullptr;
}

/// True if a device that is in `where`, or comes there, cannot have the name.
bool is_taken(const FakeRdma& rdma, const FakeDevice& device, Where where,
              const std::string& name) {
  return std::ranges::any_of(rdma.devices, [&](const FakeDevice& other) {
    const bool is_rival = !rdma.has_names_by_netns || other.where == where;
    return &other != &device && is_rival && other.device.name == name;
  });
}

std::string find_free_name(const FakeRdma& rdma, const FakeDevice& device, Where where) {
  for (int i = 0;; ++i) {
    const std::string name = "ibdev" + std::to_string(i);
    if (!is_taken(rdma, device, where, name)) {
      return name;
    }
  }
}

std::string line_of(const FakeDevice& device) {
  std::string line = std::to_string(to_int(device.device.index)) + ' ' + device.device.name +
                     (device.where == Where::host ? " of the host" : " of the pod");
  for (const rdma::Port& port : device.device.ports) {
    line += " port " + std::to_string(port.number) + " netdev " +
            std::to_string(to_int(port.netdev)) + (port.is_active ? " active" : " down");
  }
  return line;
}

}  // namespace

bool FakeRdma::operator==(const FakeRdma& other) const {
  return mode == other.mode && std::ranges::is_permutation(devices, other.devices) &&
         has_names_by_netns == other.has_names_by_netns;
}

std::vector<std::string> lines_of(const FakeRdma& rdma) {
  std::vector<std::string> lines;
  std::ranges::transform(rdma.devices, std::back_inserter(lines), line_of);
  return lines;
}

std::vector<rdma::Device> see_devices(const FakeRdma& rdma, Where where) {
  std::vector<rdma::Device> seen;
  for (const FakeDevice& device : rdma.devices) {
    if (!is_seen(rdma, device, where)) {
      continue;
    }
    seen.push_back(device.device);
    for (rdma::Port& port : seen.back().ports) {
      port.netdev = device.netdevs == where ? port.netdev : net::IfIndex::none;
    }
  }
  std::ranges::sort(seen, {}, &rdma::Device::index);
  return seen;
}

std::vector<std::string> see_names(const FakeRdma& rdma, const std::string& bus_id) {
  std::vector<std::string> names;
  for (const FakeDevice& device : rdma.devices) {
    if (is_seen(rdma, device, Where::host) && device.bus_id == bus_id) {
      names.push_back(device.device.name);
    }
  }
  std::ranges::sort(names);
  return names;
}

int move_device(FakeRdma& rdma, Where from, rdma::DeviceIndex index) {
  FakeDevice* device = find_seen(rdma, from, index);
  if (device == nullptr) {
    return EINVAL;
  }
  if (*rdma.mode == NetnsMode::shared || !device->is_movable) {
    return EOPNOTSUPP;
  }
  const Where target = from == Where::host ? Where::pod : Where::host;
  if (is_taken(rdma, *device, target, device->device.name)) {
    device->device.name = find_free_name(rdma, *device, target);
  }
  device->where = target;
  return 0;
}

int rename_device(FakeRdma& rdma, rdma::DeviceIndex index, const std::string& name) {
  FakeDevice* device = find_seen(rdma, Where::host, index);
  if (device == nullptr) {
    return EINVAL;
  }
  if (is_taken(rdma, *device, Where::host, name)) {
    return EEXIST;
  }
  device->device.name = name;
  return 0;
}

}  // namespace mvr::test
