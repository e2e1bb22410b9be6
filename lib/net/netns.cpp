// SPDX-License-Identifier: Apache-2.0
#include "mvr/net/netns.hpp"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>

#include <exception>

#include "mvr/base/text.hpp"

namespace mvr::net {

Result<Netns> open_netns(const std::string& path) {
  const std::string place = "netns " + printable(path, PATH_MAX);
  // O_NONBLOCK: the path may be a fifo by mistake or malice.
  Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd) {
    const bool is_gone = errno == ENOENT || errno == ENOTDIR;
    return fail(sys_error(Code::bad_netns, is_gone ? ENOENT : errno, place));
  }
  const int type = ::ioctl(fd.get(), NS_GET_NSTYPE);
  if (type < 0 && errno != ENOTTY) {
    return fail(sys_error(Code::bad_netns, errno, place));
  }
  if (type != CLONE_NEWNET) {
    return fail(Error{Code::bad_netns, EINVAL, place + ": not a network namespace"});
  }
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) {
    return fail(sys_error(Code::bad_netns, errno, place));
  }
  return Netns{path, std::move(fd), {status.st_dev, status.st_ino}};
}

Result<Netns> open_own_netns() {
  return open_netns("/proc/thread-self/ns/net");
}

Result<std::optional<pid_t>> find_process(const NetnsId& id) {
  for (const std::string& name : MVR_TRY(read_directory("/proc"))) {
    const auto pid = parse_number<pid_t>(name);
    const std::string path = "/proc/" + name + "/ns/net";
    struct stat status {};
    if (!pid || ::stat(path.c_str(), &status) != 0) {
      if (pid && errno == ENOMEM) {
        return fail(sys_error(Code::bad_netns, errno, path));
      }
      continue;  // it has ended, or hides
    }
    if (NetnsId{status.st_dev, status.st_ino} == id) {
      return pid;
    }
  }
  return std::nullopt;
}

Result<NetnsGuard> NetnsGuard::enter(const Netns& target, const Netns& home) {
  if (::setns(target.fd.get(), CLONE_NEWNET) != 0) {
    return fail(sys_error(Code::bad_netns, errno, "enter netns " + target.path));
  }
  return NetnsGuard(home);
}

// The way back is one that we have come, so what stops us (memory, most likely) may pass.
NetnsGuard::~NetnsGuard() {
  constexpr int kAttempts = 100;
  constexpr timespec kPause{0, 1'000'000};
  for (int i = 0; home_ != nullptr && ::setns(home_->fd.get(), CLONE_NEWNET) != 0; ++i) {
    if (i == kAttempts) {
      std::terminate();
    }
    ::nanosleep(&kPause, nullptr);
  }
}

}  // namespace mvr::net
