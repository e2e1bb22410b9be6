// SPDX-License-Identifier: Apache-2.0
/// \file
/// Who is in a network namespace, whether or not it has a name.
#include <signal.h>
#include <unistd.h>

#include "mvr/net/netns.hpp"
#include "support/namespaces.hpp"
#include "support/print.hpp"
#include "support/shell.hpp"

using namespace mvr::net;
using namespace mvr::test;

namespace {

/// Waits until a process that was just started has entered its namespace.
bool is_soon_found(const NetnsId& id, pid_t pid) {
  return eventually([&] { return unwrap(find_process(id)) == pid; });
}

}  // namespace

TEST_CASE("a process finds itself in its namespace", "[netns]") {
  isolate();
  CHECK(unwrap(find_process(unwrap(open_own_netns()).id)) == ::getpid());
}

TEST_CASE("a process is found in a namespace as long as it lives", "[netns]") {
  isolate();
  const Netns pod = unwrap(open_netns(add_netns("pod")));
  CHECK_FALSE(unwrap(find_process(pod.id)));
  Process sleeper({.argv = {"sleep", "100"}, .netns = netns_path("pod")});
  CHECK(is_soon_found(pod.id, sleeper.pid()));
  remove_netns("pod");
  CHECK(unwrap(find_process(pod.id)) == sleeper.pid());
  sleeper.signal(SIGKILL);
  sleeper.wait();
  CHECK_FALSE(unwrap(find_process(pod.id)));
}

TEST_CASE("a process of another namespace, or of a like number, is not taken", "[netns]") {
  isolate();
  const NetnsId own = unwrap(open_own_netns()).id;
  const Netns pod = unwrap(open_netns(add_netns("pod")));
  const Process sleeper({.argv = {"sleep", "100"}, .netns = netns_path("pod")});
  CHECK(is_soon_found(pod.id, sleeper.pid()));
  CHECK(unwrap(find_process(own)) == ::getpid());
  CHECK_FALSE(unwrap(find_process({own.device + 1, own.inode})));
  CHECK_FALSE(unwrap(find_process({})));
}
