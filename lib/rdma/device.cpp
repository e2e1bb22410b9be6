// SPDX-License-Identifier: Apache-2.0
#include "mvr/rdma/device.hpp"

#include <errno.h>
#include <linux/netlink.h>

#include <algorithm>
#include <array>

#include "net/message.hpp"
#include "rdma/codec.hpp"

namespace mvr::rdma {
namespace {

Result<void> change(net::Socket& socket, net::MessagePtr request) {
  if (!request) {
    return fail(net::build_error("RDMA request"));
  }
  return socket.change(std::move(request));
}

/// None for a device that has gone since it was seen.
Result<std::vector<Port>> read_ports(net::Socket& socket, DeviceIndex device) {
  auto found = net::dump(socket, "RDMA ports", make_get_ports(device), parse_port);
  std::vector<Port> ports;
  if (!found && (found.error().sys_errno == EINVAL || found.error().sys_errno == ENODEV)) {
    return ports;
  }
  for (const DevicePort& one : MVR_TRY(std::move(found))) {
    if (one.device == device) {
      ports.push_back(one.port);
    }
  }
  return ports;
}

}  // namespace

std::string_view to_string(NetnsMode mode) {
  return mode == NetnsMode::shared ? "shared" : "exclusive";
}

Result<std::optional<net::Socket>> open_socket() {
  Result<net::Socket> socket = net::Socket::open(NETLINK_RDMA);
  if (!socket && socket.error().sys_errno == EPROTONOSUPPORT) {
    return std::nullopt;
  }
  return MVR_TRY(std::move(socket));
}

Result<NetnsMode> read_netns_mode(net::Socket& socket) {
  net::MessagePtr request = make_get_netns_mode();
  if (!request) {
    return fail(net::build_error("RDMA system"));
  }
  std::optional<NetnsMode> mode;
  MVR_TRY(socket.get(std::move(request), [&](nlmsghdr* m) { mode = parse_netns_mode(m); }));
  // Linux before 5.2 answers without the attribute; it knows shared devices only.
  return mode.value_or(NetnsMode::shared);
}

Result<std::vector<Device>> read_devices(net::Socket& socket) {
  auto devices = MVR_TRY(net::dump(socket, "RDMA devices", make_get_devices(), parse_device));
  for (Device& device : devices) {
    device.ports = MVR_TRY(read_ports(socket, device.index));
  }
  std::ranges::sort(devices, {}, &Device::index);
  return devices;
}

Result<std::optional<std::string>> read_verbs_node(net::Socket& socket, DeviceIndex device) {
  net::MessagePtr request = make_get_verbs_node(device);
  if (!request) {
    return fail(net::build_error("RDMA character device"));
  }
  std::optional<std::string> name;
  Result<void> done = socket.get(std::move(request), [&](nlmsghdr* m) { name = parse_chardev(m); });
  // EINVAL: the device has left; EOPNOTSUPP: the kernel knows no such kind of node.
  constexpr std::array kMissing = {EINVAL, ENODATA, ENOENT, EOPNOTSUPP};
  if (!done && std::ranges::find(kMissing, done.error().sys_errno) == kMissing.end()) {
    return fail(std::move(done).error());
  }
  return name;
}

Result<void> move_device(net::Socket& socket, DeviceIndex device, const net::Netns& target) {
  return change(socket, make_move(device, target.fd.get()));
}

Result<void> rename_device(net::Socket& socket, DeviceIndex device, const std::string& name) {
  return change(socket, make_rename(device, name));
}

}  // namespace mvr::rdma
