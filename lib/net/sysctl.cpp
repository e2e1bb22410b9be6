// SPDX-License-Identifier: Apache-2.0
#include "mvr/net/sysctl.hpp"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "mvr/base/fd.hpp"

namespace mvr::net {
namespace {

constexpr const char* kRoot = "/proc/sys/net/";
constexpr std::size_t kMaxValue = 4096;

Error explain(const Sysctl& sysctl, const std::string& path, int error) {
  if (sysctl.label.empty()) {
    return sys_error(Code::io, error, path + " = " + sysctl.value);
  }
  const std::string what = sysctl.label + " \"" + sysctl.value + '"';
  return error == ENOENT ? Error{Code::io, error, what + ": this kernel has no such sysctl"}
                         : sys_error(Code::io, error, what);
}

/// The kernel takes the lock of all network configuration for these, even to write what is there,
/// and begins again, in a loop, for as long as somebody on the machine holds it: tens of
/// milliseconds when many pods start. \source net/ipv6/addrconf.c, addrconf_sysctl_disable
bool needs_lock(const std::string& path) {
  return path.ends_with("/disable_ipv6");
}

}  // namespace

Result<void> write_sysctl(const Sysctl& sysctl) {
  if (needs_lock(sysctl.path) && read_sysctl(sysctl.path) == sysctl.value) {
    return {};
  }
  const std::string path = kRoot + sysctl.path;
  const Fd fd(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  // A value goes in one write; the kernel takes the second part of a split one for another value.
  if (!fd || ::write(fd.get(), sysctl.value.data(), sysctl.value.size()) < 0) {
    return fail(explain(sysctl, path, errno));
  }
  return {};
}

Result<std::string> read_sysctl(const std::string& path) {
  std::string value = MVR_TRY(read_file(kRoot + path, kMaxValue));
  if (value.ends_with('\n')) {
    value.pop_back();
  }
  return value;
}

}  // namespace mvr::net
