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

struct Needed {
  std::uint32_t number;
  const char* vital_name = nullptr;  ///< of one without which no NIC can be made
};

constexpr std::array<Needed, 6> kNeeded = {{
    {CAP_NET_ADMIN, "CAP_NET_ADMIN"},  // links, addresses, routes, rules, RDMA devices, sysctls
    {CAP_SYS_ADMIN, "CAP_SYS_ADMIN"},  // entering the pod's namespace; a sysfs of it
    {CAP_NET_RAW},                     // the probes' packet sockets
    {CAP_SYS_PTRACE},                  // /proc/PID/ns/net of a pod that has lost its path
    {CAP_DAC_OVERRIDE},  // a namespace, log or document below a directory of another user
    {CAP_KILL},          // an IPAM plugin that hangs, whatever user it has become
}};

constexpr std::uint32_t kBits = 32;

}  // namespace

Result<std::vector<std::string>> drop_capabilities() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> sets{};
  if (::syscall(SYS_capget, &header, sets.data()) != 0) {
    return fail(sys_error(Code::io, errno, "capget"));
  }
  std::array<std::uint32_t, _LINUX_CAPABILITY_U32S_3> needed{};
  std::vector<std::string> missing;
  for (const Needed& one : kNeeded) {
    const std::uint32_t bit = 1U << (one.number % kBits);
    needed.at(one.number / kBits) |= bit;
    if (one.vital_name != nullptr && (sets.at(one.number / kBits).effective & bit) == 0) {
      missing.emplace_back(one.vital_name);
    }
  }
  for (std::size_t i = 0; i < sets.size(); ++i) {
    sets.at(i).effective &= needed.at(i);
  }
  if (::syscall(SYS_capset, &header, sets.data()) != 0) {
    return fail(sys_error(Code::io, errno, "capset"));
  }
  return missing;
}

}  // namespace mvr
