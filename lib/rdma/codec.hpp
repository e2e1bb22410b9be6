// SPDX-License-Identifier: Apache-2.0
/// \file
/// Values to RDMA netlink messages and back, without a socket.
#pragma once

#include <optional>
#include <string>

#include "mvr/base/error.hpp"
#include "mvr/net/handle.hpp"
#include "mvr/rdma/device.hpp"

namespace mvr::rdma {

/// A port and the device that it belongs to.
struct DevicePort {
  DeviceIndex device{};
  Port port;

  bool operator==(const DevicePort&) const = default;
};

// What an answer says. Nothing for one of another command, and for one that is malformed.

std::optional<NetnsMode> parse_netns_mode(nlmsghdr* message);
std::optional<Device> parse_device(nlmsghdr* message);  ///< without its ports
std::optional<DevicePort> parse_port(nlmsghdr* message);
std::optional<std::string> parse_chardev(nlmsghdr* message);

// The requests of device.hpp. Null only when memory is short.

net::MessagePtr make_get_netns_mode();
net::MessagePtr make_get_devices();
net::MessagePtr make_get_ports(DeviceIndex device);
net::MessagePtr make_get_verbs_node(DeviceIndex device);
net::MessagePtr make_move(DeviceIndex device, int target_netns);
net::MessagePtr make_rename(DeviceIndex device, const std::string& name);

}  // namespace mvr::rdma
