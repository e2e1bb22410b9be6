// SPDX-License-Identifier: Apache-2.0
#include "support/namespaces.hpp"

#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <iostream>

#include "support/catch.hpp"

namespace mvr::test {

namespace {

constexpr const char* kOwnNetns = "/proc/self/ns/net";

/// A system call of the set-up; its failure is the test's.
void must(int result, std::string_view what) {
  if (result < 0) {
    FAIL(what << ": " << std::strerror(errno));
  }
}

Fd open_read_only(const std::string& path) {
  Fd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  must(fd.get(), "open " + path);
  return fd;
}

void set_loopback_up() {
  const Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request{};
  std::strcpy(request.ifr_name, "lo");
  request.ifr_flags = IFF_UP;
  must(ioctl(socket.get(), SIOCSIFFLAGS, &request), "lo up");
}

/// Without privileges: root in a user namespace of our own.
void become_root() {
  const std::string uid = "0 " + std::to_string(geteuid()) + " 1";
  const std::string gid = "0 " + std::to_string(getegid()) + " 1";
  if (unshare(CLONE_NEWUSER) != 0) {
    skip("needs root, or unprivileged user namespaces");
  }
  put_file("/proc/self/setgroups", "deny");
  put_file("/proc/self/uid_map", uid);
  put_file("/proc/self/gid_map", gid);
}

}  // namespace

void skip(std::string_view reason) {
  std::cout << "skipped: " << reason << std::endl;
  std::_Exit(kSkipped);
}

void isolate(Host host) {
  if (geteuid() != 0) {
    become_root();
  }
  if (unshare(CLONE_NEWNS | (host == Host::fresh ? CLONE_NEWNET : 0)) != 0) {
    skip(std::string("unshare: ") + std::strerror(errno));
  }
  must(mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr), "make mounts private");
  // Of the machine's own network namespace the same sysfs is there already.
  if (host == Host::fresh && mount("sysfs", "/sys", "sysfs", 0, nullptr) != 0) {
    skip(std::string("mount sysfs: ") + std::strerror(errno));
  }
  must(mount("tmpfs", "/run", "tmpfs", 0, "mode=755"), "mount tmpfs on /run");
  // The machine's own defaults are none of the tests'.
  if (std::filesystem::exists("/etc/cni")) {
    must(mount("tmpfs", "/etc/cni", "tmpfs", 0, "mode=755"), "mount tmpfs on /etc/cni");
  }
  for (const std::string_view dir : {std::string_view("/run/netns"), kLeaseDir, kScratchDir}) {
    std::filesystem::create_directories(dir);
  }
  set_loopback_up();
}

std::string netns_path(const std::string& name) {
  return name.empty() ? name : "/run/netns/" + name;
}

std::string add_netns(const std::string& name) {
  const Fd home = open_read_only(kOwnNetns);
  const std::string path = netns_path(name);
  put_file(path, "");
  must(unshare(CLONE_NEWNET), "unshare");
  set_loopback_up();
  must(mount(kOwnNetns, path.c_str(), nullptr, MS_BIND, nullptr), "bind " + path);
  must(setns(home.get(), CLONE_NEWNET), "setns back");
  return path;
}

void remove_netns(const std::string& name) {
  const std::string path = netns_path(name);
  must(umount2(path.c_str(), MNT_DETACH), "umount " + path);
  must(unlink(path.c_str()), "unlink " + path);
}

Inside::Inside(const std::string& name) {
  if (!name.empty()) {
    home_ = open_read_only(kOwnNetns);
    must(setns(open_read_only(netns_path(name)).get(), CLONE_NEWNET), "setns " + name);
  }
}

Inside::~Inside() {
  // Going on in the wrong namespace would test nothing.
  if (home_ && setns(home_.get(), CLONE_NEWNET) != 0) {
    std::abort();
  }
}

void put_sysctl(const std::string& netns, const std::string& key, const std::string& value) {
  const Inside inside(netns);
  put_file("/proc/sys/net/" + key, value);
}

std::string read_sysctl(const std::string& netns, const std::string& key) {
  const Inside inside(netns);
  const auto text = read_file("/proc/sys/net/" + key, 4096);
  return text ? text->substr(0, text->find_last_not_of('\n') + 1) : "";
}

void put_file(const std::string& path, std::string_view text, unsigned mode) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  const Fd fd(open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode));
  must(fd.get(), "open " + path);
  if (const auto written = write_all(fd.get(), text); !written) {
    FAIL(path << ": " << written.error().msg);
  }
}

}  // namespace mvr::test
