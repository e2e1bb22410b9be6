// SPDX-License-Identifier: Apache-2.0
#include "support/surroundings.hpp"

#include <chrono>
#include <filesystem>

#include "support/catch.hpp"
#include "support/namespaces.hpp"

namespace mvr::test {

namespace {

constexpr const char* kHostRoot = "/run/hostroot";

std::string ready_file() {
  return std::string(kScratchDir) + "/daemon-is-ready";
}

/// The node's root at another path, with mounts that propagate, as a kubelet's hostPath does it.
void share_root() {
  std::filesystem::create_directories(kHostRoot);
  REQUIRE(run({.argv = {"mount", "--make-rshared", "/"}}).status == 0);
  REQUIRE(run({.argv = {"mount", "--rbind", "/", kHostRoot}}).status == 0);
}

Command daemon_command() {
  share_root();
  const std::string lines =
      "mount -t proc none /proc\n"
      "for dir in /etc /opt /run/netns /sys; do\n"
      "  mount -t tmpfs none $dir\n"
      "done\n"
      "touch " +
      ready_file() + "\nexec sleep 1000\n";
  return {.argv = {"unshare", "--mount", "--propagation", "slave", "--pid", "--fork",
                   "--kill-child", "sh", "-c", lines}};
}

}  // namespace

Command surround(const Call& call, const std::string& lines) {
  Command command = make_command(call);
  command.argv = {"unshare",         "--mount", "sh", "-e", "-c", lines + "\nexec \"$0\"\n",
                  command.argv.at(0)};
  return command;
}

Answer run_surrounded(const Call& call, const std::string& lines) {
  return make_answer(run(surround(call, lines)));
}

ContainedDaemon::ContainedDaemon() : process_(daemon_command()) {
  REQUIRE(eventually([] { return std::filesystem::exists(ready_file()); }));
}

// Unlike chroot(8), who calls chroot(2) need not change the working directory.
Answer ContainedDaemon::run_plugin(const Call& call) const {
  Command command = make_command(call);
  const std::string process = "/proc/" + std::to_string(process_.pid()) + "/ns/";
  command.argv = {"nsenter",
                  "--mount=" + process + "mnt",
                  "--pid=" + process + "pid_for_children",
                  "perl",
                  "-e",
                  "chdir '/etc'; chroot shift or die; exec @ARGV",
                  kHostRoot,
                  command.argv.at(0)};
  return make_answer(run(command));
}

}  // namespace mvr::test
