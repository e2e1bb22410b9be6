// SPDX-License-Identifier: Apache-2.0
/// \file
/// The sysfs by which GIDs are read: that of the namespace, mounted nowhere.
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "mvr/rdma/gid.hpp"
#include "support/namespaces.hpp"
#include "support/print.hpp"
#include "support/shell.hpp"

using mvr::Code;
using mvr::Fd;
using namespace mvr::rdma;
using namespace mvr::test;

namespace {

bool has_link(const Fd& sysfs, const std::string& name) {
  return ::faccessat(sysfs.get(), ("class/net/" + name).c_str(), F_OK, 0) == 0;
}

std::string mounts() {
  return run({.argv = {"cat", "/proc/self/mountinfo"}}).out;
}

}  // namespace

TEST_CASE("the pod's sysfs shows the pod, from outside as well", "[rdma]") {
  isolate();
  add_netns("pod");
  ip_batch("", "link add near type veth peer name distant netns pod\n");
  const std::string before = mounts();
  const Fd pod = [] {
    const Inside inside("pod");
    return unwrap(open_sysfs());
  }();
  CHECK(mounts() == before);
  CHECK(has_link(pod, "distant"));
  CHECK_FALSE(has_link(pod, "near"));
  const Fd host = unwrap(open_host_sysfs());
  CHECK(has_link(host, "near"));
  CHECK_FALSE(has_link(host, "distant"));
}

TEST_CASE("the pod's sysfs cannot be written to", "[rdma]") {
  isolate();
  const Fd sysfs = unwrap(open_sysfs());
  const Fd file(::openat(sysfs.get(), "class/net/lo/mtu", O_WRONLY | O_CLOEXEC));
  CHECK_FALSE(file);
  CHECK(errno == EROFS);
}

TEST_CASE("a device that the namespace does not have has no GID table there", "[rdma]") {
  isolate();
  const auto table = GidTable::open(unwrap(open_sysfs()), "no_such_device", 1);
  REQUIRE_FALSE(table);
  CHECK(table.error().code == Code::io);
  CHECK(table.error().sys_errno == ENOENT);
  CHECK_FALSE(read_pci_address(unwrap(open_sysfs()), "no_such_device"));
}
