// SPDX-License-Identifier: Apache-2.0
/// \file
/// Sends prepared netlink messages and reads their answers, and nothing else: no program that makes
/// these kernel objects one by one can be faster.
/// Usage: bench-floor FILE
/// The file: a FloorHead, then for each message a FloorPart and that many bytes.
#include <fcntl.h>
#include <linux/netlink.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdio>

#include "bench/floor_file.hpp"

namespace {

using mvr::bench::FloorHead;
using mvr::bench::FloorPart;

constexpr std::size_t kFileLimit = 1 << 16;

int open_socket() {
  return socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
}

/// The errno in the answer to one message.
int exchange(int fd, const char* message, std::size_t size) {
  std::array<char, 8192> answer{};
  if (send(fd, message, size, 0) != static_cast<ssize_t>(size) ||
      recv(fd, answer.data(), answer.size(), 0) < static_cast<ssize_t>(NLMSG_LENGTH(sizeof(int)))) {
    return 1;
  }
  const auto* header = reinterpret_cast<const nlmsghdr*>(answer.data());
  const auto* error = reinterpret_cast<const nlmsgerr*>(answer.data() + NLMSG_HDRLEN);
  return header->nlmsg_type == NLMSG_ERROR ? -error->error : 1;
}

}  // namespace

int main(int argc, char** argv) {
  alignas(FloorPart) static std::array<char, kFileLimit> content;
  const int file = argc == 2 ? open(argv[1], O_RDONLY | O_CLOEXEC) : -1;
  const ssize_t size = read(file, content.data(), content.size());
  if (size < static_cast<ssize_t>(sizeof(FloorHead))) {
    return 2;
  }
  const auto* head = reinterpret_cast<const FloorHead*>(content.data());
  const int host = head->needs_host != 0 ? open_socket() : -1;
  const int netns = open(head->netns.data(), O_RDONLY | O_CLOEXEC);
  if (setns(netns, CLONE_NEWNET) != 0 || dup2(netns, head->netns_fd) < 0) {
    return 3;
  }
  const int pod = open_socket();
  for (auto at = static_cast<ssize_t>(sizeof(FloorHead)); at < size;) {
    const auto* part = reinterpret_cast<const FloorPart*>(content.data() + at);
    at += static_cast<ssize_t>(sizeof(FloorPart));
    const int error = exchange(part->is_hosts != 0 ? host : pod, content.data() + at, part->size);
    if (error != 0 && head->goes_on == 0) {
      dprintf(STDERR_FILENO, "message at %zd: errno %d\n", at, error);
      return 4;
    }
    at += static_cast<ssize_t>(NLMSG_ALIGN(part->size));
  }
  return 0;
}
