// SPDX-License-Identifier: Apache-2.0
#include "mvr/base/capabilities.hpp"

#include <errno.h>
#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cstdint>

namespace mvr {
namespace {

constexpr std::array<std::uint32_t, 6> kNeeded = {
    CAP_NET_ADMIN,     // links, addresses, routes, rules, RDMA devices, sysctls of the pod
    CAP_NET_RAW,       // the probes' packet sockets
    CAP_SYS_ADMIN,     // entering the pod's namespace; a sysfs of it
    CAP_SYS_PTRACE,    // /proc/PID/ns/net of a pod that has lost its path
    CAP_DAC_OVERRIDE,  // a namespace, log or document below a directory of another user
    CAP_KILL,          // an IPAM plugin that hangs, whatever user it has become
};

constexpr std::uint32_t kBits = 32;

}  // namespace

Result<void> drop_capabilities() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> sets{};
  if (::syscall(SYS_capget, &header, sets.data()) != 0) {
    return fail(sys_error(Code::io, errno, "capget"));
  }
  std::array<std::uint32_t, _LINUX_CAPABILITY_U32S_3> needed{};
  for (const std::uint32_t capability : kNeeded) {
    needed.at(capability / kBits) |= 1U << (capability % kBits);
  }
  for (std::size_t i = 0; i < sets.size(); ++i) {
    sets.at(i).effective &= needed.at(i);
  }
  if (::syscall(SYS_capset, &header, sets.data()) != 0) {
    return fail(sys_error(Code::io, errno, "capset"));
  }
  return {};
}

}  // namespace mvr
