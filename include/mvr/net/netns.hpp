// SPDX-License-Identifier: Apache-2.0
/// \file
/// Network namespaces: opening them by path, telling them apart, visiting them.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

#include "mvr/base/error.hpp"
#include "mvr/base/fd.hpp"

namespace mvr::net {

/// What tells network namespaces apart while they live; numbers are used again after their end.
/// \source namespaces(7), "The /proc/pid/ns/ directory"
struct NetnsId {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;

  bool operator==(const NetnsId&) const = default;
};

struct Netns {
  std::string path;  ///< as the runtime gave it
  Fd fd;
  NetnsId id;
};

/// Opens a namespace by path. Fails with Code::bad_netns: sys_errno ENOENT when there is nothing at
/// the path, EINVAL when what is there is no network namespace (a plain file that stayed behind).
Result<Netns> open_netns(const std::string& path);

/// The namespace this process is in.
Result<Netns> open_own_netns();

/// A process in the namespace; nothing if none is left. What keeps a namespace alive may also be an
/// open file or a bind mount, which nobody can find. Fails where processes cannot be looked at.
Result<std::optional<pid_t>> find_process(const NetnsId& id);

/// In another namespace from here to the end of the scope. For opening sockets and sysfs, writing
/// sysctls and moving RDMA devices, nothing else. Not being able to return ends the process by
/// std::terminate: all else would happen in the wrong place.
class NetnsGuard {
 public:
  static Result<NetnsGuard> enter(const Netns& target, const Netns& home);

  NetnsGuard(NetnsGuard&& other) noexcept : home_(std::exchange(other.home_, nullptr)) {}
  NetnsGuard& operator=(NetnsGuard&&) = delete;
  NetnsGuard(const NetnsGuard&) = delete;
  NetnsGuard& operator=(const NetnsGuard&) = delete;
  ~NetnsGuard();

 private:
  explicit NetnsGuard(const Netns& home) : home_(&home) {}

  const Netns* home_;
};

}  // namespace mvr::net
