// SPDX-License-Identifier: Apache-2.0
#include "mvr/plan/rdma.hpp"

#include <algorithm>
#include <tuple>

#include "mvr/base/text.hpp"

namespace mvr::plan {
namespace {

using rdma::Device;
using rdma::NetnsMode;
using rdma::Port;

/// Deeper than any stack of VLANs and bonds.
constexpr int kMaxDepth = 8;

constexpr const char* kModeHint =
    "change it while no pod runs (rdma system set netns MODE) or at boot (ib_core netns_mode)";

const Device* find_device(const std::vector<Device>& devices, const std::string& name) {
  const auto found = std::ranges::find(devices, name, &Device::name);
  return found != devices.end() ? &*found : nullptr;
}

const Device* find_device(const std::vector<Device>& devices, rdma::DeviceIndex index) {
  const auto found = std::ranges::find(devices, index, &Device::index);
  return found != devices.end() ? &*found : nullptr;
}

/// How far below the master a netdev is; nothing if it is not below.
Result<std::optional<int>> find_depth(Kernel& kernel, Where where, net::IfIndex netdev,
                                      const std::vector<net::Link>& layers) {
  for (int climbed = 0; climbed < kMaxDepth && netdev != net::IfIndex::none; ++climbed) {
    const auto layer = std::ranges::find(layers, netdev, &net::Link::index);
    if (layer != layers.end()) {
      // A bridge's members serve others as well.
      const bool is_member = layer->kind == "bond" || layer->kind == "team";
      return climbed == 0 || is_member
                 ? std::optional(static_cast<int>(layer - layers.begin()) + climbed)
                 : std::nullopt;
    }
    const auto link = MVR_TRY(kernel.read_link(where, netdev));
    netdev = link ? link->upper : net::IfIndex::none;
  }
  return std::nullopt;
}

/// The nearest port below the master; of equals an active one, then the lowest.
Result<std::optional<RdmaPort>> find_nearest(Kernel& kernel, Where where,
                                             const std::vector<net::Link>& layers,
                                             const std::vector<Device>& devices) {
  using Rank = std::tuple<int, bool, rdma::DeviceIndex, std::uint32_t>;
  std::optional<std::pair<Rank, RdmaPort>> best;
  for (const Device& device : devices) {
    for (const Port& port : device.ports) {
      const auto depth = MVR_TRY(find_depth(kernel, where, port.netdev, layers));
      if (!depth) {
        continue;
      }
      const Rank rank{*depth, !port.is_active, device.index, port.number};
      if (!best || rank < best->first) {
        best = {rank,
                RdmaPort{device.index, device.name, port.number, port.netdev, device.node_guid}};
      }
    }
  }
  return best ? std::optional(best->second) : std::nullopt;
}

/// The device that the configuration names. It is taken at its word: a device may serve a master in
/// a way that cannot be seen.
Result<std::optional<RdmaPort>> find_named(Kernel& kernel, Where where,
                                           const std::vector<net::Link>& layers,
                                           const std::vector<Device>& devices,
                                           const std::string& name) {
  const Device* device = find_device(devices, name);
  if (device == nullptr) {
    return std::nullopt;
  }
  if (auto port = MVR_TRY(find_nearest(kernel, where, layers, {*device}))) {
    return port;
  }
  const Port first = device->ports.empty() ? Port{.number = 1} : device->ports.front();
  return RdmaPort{device->index, device->name, first.number, first.netdev, device->node_guid};
}

/// The RDMA devices of the PCI or auxiliary device that a device plugin allotted.
Result<std::optional<RdmaPort>> find_allotted(Kernel& kernel, Where where,
                                              const std::vector<net::Link>& layers,
                                              std::vector<Device> devices,
                                              const std::string& device_id) {
  const auto names = MVR_TRY(kernel.read_device_rdma(device_id));
  std::erase_if(devices, [&](const Device& device) {
    return std::ranges::find(names, device.name) == names.end();
  });
  auto port = MVR_TRY(find_nearest(kernel, where, layers, devices));
  if (!port && !devices.empty()) {
    return fail(Code::no_rdma_device, "deviceID \"" + device_id + "\": its RDMA device " +
                                          devices.front().name + " is not below master " +
                                          layers.front().name);
  }
  return port;
}

}  // namespace

Result<std::optional<NetnsMode>> find_rdma_mode(Kernel& kernel, const cni::RdmaConf& conf) {
  if (conf.mode == cni::RdmaMode::off) {
    return std::nullopt;
  }
  const std::string wish = "rdma \"" + std::string(to_string(conf.mode)) + '"';
  const auto mode = MVR_TRY(kernel.read_rdma_mode());
  if (!mode && (conf.mode != cni::RdmaMode::automatic || !conf.device.empty())) {
    return fail(Code::no_rdma_device,
                wish +
                    ": this kernel has no RDMA (NETLINK_RDMA is refused); load ib_core and the "
                    "driver of the NIC");
  }
  if (conf.mode == cni::RdmaMode::automatic) {
    return mode;
  }
  if ((conf.mode == cni::RdmaMode::shared) != (*mode == NetnsMode::shared)) {
    return fail(Code::rdma_mode, wish + ": the kernel's RDMA netns mode is " +
                                     std::string(to_string(*mode)) + "; " + kModeHint);
  }
  return mode;
}

Result<std::vector<net::Link>> read_layers(Kernel& kernel, Where where, const net::Link& master) {
  std::vector<net::Link> layers = {master};
  while (layers.back().kind == "vlan" && !layers.back().has_lower_elsewhere &&
         layers.size() < kMaxDepth) {
    auto lower = MVR_TRY(kernel.read_link(where, layers.back().lower));
    if (!lower) {
      break;
    }
    layers.push_back(*std::move(lower));
  }
  return layers;
}

Result<bool> is_below(Kernel& kernel, Where where, net::IfIndex netdev,
                      const std::vector<net::Link>& layers) {
  return MVR_TRY(find_depth(kernel, where, netdev, layers)).has_value();
}

Result<std::optional<RdmaPort>> find_rdma_port(Kernel& kernel, const cni::NetConf& conf,
                                               Where where, const net::Link& master) {
  const auto devices = MVR_TRY(kernel.read_rdma_devices(where));
  const auto layers = MVR_TRY(read_layers(kernel, where, master));
  if (!conf.rdma.device.empty()) {
    return find_named(kernel, where, layers, devices, conf.rdma.device);
  }
  if (!conf.device_id.empty()) {
    return find_allotted(kernel, where, layers, devices, conf.device_id);
  }
  return find_nearest(kernel, where, layers, devices);
}

Result<std::string> list_rdma_devices(Kernel& kernel, Where where) {
  std::vector<std::string> texts;
  for (const Device& device : MVR_TRY(kernel.read_rdma_devices(where))) {
    std::vector<std::string> netdevs;
    for (const Port& port : device.ports) {
      const auto link = port.netdev != net::IfIndex::none
                            ? MVR_TRY(kernel.read_link(where, port.netdev))
                            : std::optional<net::Link>();
      if (link) {
        netdevs.push_back(link->name);
      }
    }
    texts.push_back(device.name + (netdevs.empty() ? "" : " (" + join(netdevs, ", ") + ')'));
  }
  return texts.empty() ? "none" : join(texts, ", ");
}

const Device* find_device(const std::vector<Device>& devices, rdma::DeviceIndex index,
                          std::uint64_t node_guid) {
  const Device* device = find_device(devices, index);
  return device != nullptr && device->node_guid == node_guid ? device : nullptr;
}

Result<void> return_rdma_device(Kernel& kernel, rdma::DeviceIndex device) {
  const bool is_there =
      find_device(MVR_TRY(kernel.read_rdma_devices(Where::pod)), device) != nullptr;
  return is_there ? kernel.move_rdma_device(Where::pod, device) : Result<void>();
}

Result<void> restore_rdma_name(Kernel& kernel, rdma::DeviceIndex device, const std::string& name) {
  const auto devices = MVR_TRY(kernel.read_rdma_devices(Where::host));
  const Device* home = find_device(devices, device);
  const bool is_renamed = home != nullptr && home->name != name;
  if (!is_renamed || find_device(devices, name) != nullptr) {
    return {};
  }
  return kernel.rename_rdma_device(device, name);
}

}  // namespace mvr::plan
