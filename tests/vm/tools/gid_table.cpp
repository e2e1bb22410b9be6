// SPDX-License-Identifier: Apache-2.0
/// \file
/// Prints a port's GID table as an application gets it, one JSON object an entry:
///
///     gid-table rxe1 1
///     {"index":2,"gid":"::ffff:172.16.11.10","type":"RoCE v2","ndev_index":7}
#include <arpa/inet.h>
#include <infiniband/verbs.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

namespace {

using Context = std::unique_ptr<ibv_context, int (*)(ibv_context*)>;
using Devices = std::unique_ptr<ibv_device*, void (*)(ibv_device**)>;

Context open_device(std::string_view name) {
  int count = 0;
  const Devices devices(ibv_get_device_list(&count), &ibv_free_device_list);
  for (int i = 0; i < count; ++i) {
    ibv_device* device = devices.get()[i];
    if (name == ibv_get_device_name(device)) {
      return {ibv_open_device(device), &ibv_close_device};
    }
  }
  return {nullptr, &ibv_close_device};
}

const char* name_of(std::uint32_t type) {
  switch (type) {
    case IBV_GID_TYPE_IB:
      return "IB";
    case IBV_GID_TYPE_ROCE_V1:
      return "RoCE v1";
    case IBV_GID_TYPE_ROCE_V2:
      return "RoCE v2";
    default:
      return "unknown";
  }
}

void print(const ibv_gid_entry& entry) {
  std::array<char, INET6_ADDRSTRLEN> gid{};
  inet_ntop(AF_INET6, entry.gid.raw, gid.data(), gid.size());
  std::printf("{\"index\":%u,\"gid\":\"%s\",\"type\":\"%s\",\"ndev_index\":%u}\n", entry.gid_index,
              gid.data(), name_of(entry.gid_type), entry.ndev_ifindex);
}

int print_table(ibv_context* context, std::uint32_t port) {
  // The kernel gives the entries in use; the length of its answer is a number of 16 bits.
  std::vector<ibv_gid_entry> entries(UINT16_MAX / sizeof(ibv_gid_entry));
  const ssize_t count = ibv_query_gid_table(context, entries.data(), entries.size(), 0);
  if (count < 0) {
    std::fprintf(stderr, "gid-table: ibv_query_gid_table: %s\n",
                 std::strerror(static_cast<int>(-count)));
    return EXIT_FAILURE;
  }
  entries.resize(static_cast<std::size_t>(count));
  for (const ibv_gid_entry& entry : entries) {
    if (entry.port_num == port) {
      print(entry);
    }
  }
  return EXIT_SUCCESS;
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 3) {
    std::fputs("Usage: gid-table DEVICE PORT\n", stderr);
    return 2;
  }
  const Context context = open_device(arguments[1]);
  if (!context) {
    std::fprintf(stderr, "gid-table: %s: %s\n", arguments[1], std::strerror(errno));
    return EXIT_FAILURE;
  }
  return print_table(context.get(), static_cast<std::uint32_t>(std::atoi(arguments[2])));
}
