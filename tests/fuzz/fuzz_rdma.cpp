// SPDX-License-Identifier: Apache-2.0
// One RDMA netlink message of the kernel, in memory of just its size.
#include <linux/netlink.h>
#include <rdma/rdma_netlink.h>

#include <cstring>
#include <memory>

#include "fuzz.hpp"
#include "rdma/codec.hpp"

using mvr::fuzz::require;
namespace rdma = mvr::rdma;

namespace {

/// \source include/uapi/rdma/ib_user_verbs.h, IB_DEVICE_NAME_MAX
constexpr std::size_t kLongestName = 64;

bool is_text(const std::string& text, const nlmsghdr* message) {
  return text.size() < message->nlmsg_len && text.find('\0') == std::string::npos;
}

/// What the kernel calls a device can be sent back to it, as long as a device's name may be.
void read_device(nlmsghdr* message) {
  const auto device = rdma::parse_device(message);
  if (!device) {
    return;
  }
  require(is_text(device->name, message) && device->ports.empty());
  if (device->name.size() > kLongestName) {
    return;
  }
  const auto request = rdma::make_rename(device->index, device->name);
  require(request != nullptr);
  nlmsghdr* answer = nlmsg_hdr(request.get());
  answer->nlmsg_type = message->nlmsg_type;
  const auto again = rdma::parse_device(answer);
  require(again && again->index == device->index && again->name == device->name);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < sizeof(nlmsghdr)) {
    return 0;
  }
  const std::unique_ptr<std::byte[]> bytes(new std::byte[size]);
  std::memcpy(bytes.get(), data, size);
  auto* message = reinterpret_cast<nlmsghdr*>(bytes.get());
  // Whoever receives messages has compared their length with what came.
  message->nlmsg_len = static_cast<std::uint32_t>(size);
  for (const int command : {RDMA_NLDEV_CMD_SYS_GET, RDMA_NLDEV_CMD_GET, RDMA_NLDEV_CMD_PORT_GET,
                            RDMA_NLDEV_CMD_GET_CHARDEV}) {
    message->nlmsg_type = static_cast<std::uint16_t>(RDMA_NL_GET_TYPE(RDMA_NL_NLDEV, command));
    static_cast<void>(rdma::parse_netns_mode(message));
    static_cast<void>(rdma::parse_port(message));
    read_device(message);
    if (const auto node = rdma::parse_chardev(message)) {
      require(!node->empty() && is_text(*node, message));
    }
  }
  return 0;
}
