// SPDX-License-Identifier: Apache-2.0
// RDMA netlink messages have no header between nlmsghdr and the attributes.
#include "rdma/codec.hpp"

#include <rdma/rdma_netlink.h>

#include <array>
#include <cstring>

#include <netlink/attr.h>

#include "net/message.hpp"

namespace mvr::rdma {
namespace {

using net::MessagePtr;
using Attributes = std::array<nlattr*, RDMA_NLDEV_ATTR_MAX>;

/// \source IBA specification, PortInfo:PortState; include/rdma/ib_verbs.h, IB_PORT_ACTIVE
constexpr std::uint8_t kActive = 4;

constexpr int type_of(int command) {
  return RDMA_NL_GET_TYPE(RDMA_NL_NLDEV, command);
}

MessagePtr make_request(int command) {
  return MessagePtr(nlmsg_alloc_simple(type_of(command), 0));
}

MessagePtr make_request(int command, DeviceIndex device) {
  MessagePtr message = make_request(command);
  if (!message || nla_put_u32(message.get(), RDMA_NLDEV_ATTR_DEV_INDEX, to_int(device)) != 0) {
    return nullptr;
  }
  return message;
}

/// The attributes of an answer to `command`; nothing if it is none.
std::optional<Attributes> parse(nlmsghdr* message, int command) {
  Attributes attributes{};
  if (message->nlmsg_type != type_of(command) ||
      nlmsg_parse(message, 0, attributes.data(), RDMA_NLDEV_ATTR_MAX - 1, nullptr) != 0) {
    return std::nullopt;
  }
  return attributes;
}

/// A number of exactly this size in host order.
template <typename T>
std::optional<T> read_number(const nlattr* attribute) {
  const auto bytes = net::payload(attribute);
  if (bytes.size() != sizeof(T)) {
    return std::nullopt;
  }
  T value{};
  std::memcpy(&value, bytes.data(), sizeof(T));
  return value;
}

std::optional<DeviceIndex> read_index(const Attributes& attributes) {
  const auto number = read_number<std::uint32_t>(attributes[RDMA_NLDEV_ATTR_DEV_INDEX]);
  return number ? std::optional(DeviceIndex{*number}) : std::nullopt;
}

}  // namespace

std::optional<NetnsMode> parse_netns_mode(nlmsghdr* message) {
  const auto attributes = parse(message, RDMA_NLDEV_CMD_SYS_GET);
  if (!attributes) {
    return std::nullopt;
  }
  const auto mode = read_number<std::uint8_t>((*attributes)[RDMA_NLDEV_SYS_ATTR_NETNS_MODE]);
  if (!mode) {
    return std::nullopt;
  }
  return *mode == 0 ? NetnsMode::exclusive : NetnsMode::shared;
}

std::optional<Device> parse_device(nlmsghdr* message) {
  const auto attributes = parse(message, RDMA_NLDEV_CMD_GET);
  const auto index = attributes ? read_index(*attributes) : std::nullopt;
  if (!index) {
    return std::nullopt;
  }
  Device device;
  device.index = *index;
  device.name = net::read_string((*attributes)[RDMA_NLDEV_ATTR_DEV_NAME]);
  device.node_guid =
      read_number<std::uint64_t>((*attributes)[RDMA_NLDEV_ATTR_NODE_GUID]).value_or(0);
  return device;
}

std::optional<DevicePort> parse_port(nlmsghdr* message) {
  const auto attributes = parse(message, RDMA_NLDEV_CMD_PORT_GET);
  const auto index = attributes ? read_index(*attributes) : std::nullopt;
  const auto number = attributes
                          ? read_number<std::uint32_t>((*attributes)[RDMA_NLDEV_ATTR_PORT_INDEX])
                          : std::nullopt;
  if (!index || !number) {
    return std::nullopt;
  }
  const auto netdev = read_number<std::uint32_t>((*attributes)[RDMA_NLDEV_ATTR_NDEV_INDEX]);
  const auto state = read_number<std::uint8_t>((*attributes)[RDMA_NLDEV_ATTR_PORT_STATE]);
  DevicePort found;
  found.device = *index;
  found.port.number = *number;
  found.port.netdev = net::IfIndex{static_cast<int>(netdev.value_or(0))};
  found.port.is_active = state == kActive;
  return found;
}

std::optional<std::string> parse_chardev(nlmsghdr* message) {
  const auto attributes = parse(message, RDMA_NLDEV_CMD_GET_CHARDEV);
  if (!attributes) {
    return std::nullopt;
  }
  std::string name = net::read_string((*attributes)[RDMA_NLDEV_ATTR_CHARDEV_NAME]);
  return name.empty() ? std::nullopt : std::optional(std::move(name));
}

MessagePtr make_get_netns_mode() {
  return make_request(RDMA_NLDEV_CMD_SYS_GET);
}

MessagePtr make_get_devices() {
  return make_request(RDMA_NLDEV_CMD_GET);
}

MessagePtr make_get_ports(DeviceIndex device) {
  return make_request(RDMA_NLDEV_CMD_PORT_GET, device);
}

MessagePtr make_get_verbs_node(DeviceIndex device) {
  MessagePtr message = make_request(RDMA_NLDEV_CMD_GET_CHARDEV, device);
  if (!message || nla_put_string(message.get(), RDMA_NLDEV_ATTR_CHARDEV_TYPE, "uverbs") != 0) {
    return nullptr;
  }
  return message;
}

MessagePtr make_move(DeviceIndex device, int target_netns) {
  MessagePtr message = make_request(RDMA_NLDEV_CMD_SET, device);
  if (!message || nla_put_u32(message.get(), RDMA_NLDEV_NET_NS_FD,
                              static_cast<std::uint32_t>(target_netns)) != 0) {
    return nullptr;
  }
  return message;
}

MessagePtr make_rename(DeviceIndex device, const std::string& name) {
  MessagePtr message = make_request(RDMA_NLDEV_CMD_SET, device);
  if (!message || nla_put_string(message.get(), RDMA_NLDEV_ATTR_DEV_NAME, name.c_str()) != 0) {
    return nullptr;
  }
  return message;
}

}  // namespace mvr::rdma
