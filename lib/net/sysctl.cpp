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

}  // namespace

Result<void> write_sysctl(const Sysctl& sysctl) {
  const std::string path = kRoot + sysctl.path;
  const Fd fd(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  // A value goes in one write; the kernel takes the second part of a split one for another value.
  if (!fd || ::write(fd.get(), sysctl.value.data(), sysctl.value.size()) < 0) {
    return fail(sys_error(Code::io, errno, path + " = " + sysctl.value));
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
