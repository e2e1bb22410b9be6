// SPDX-License-Identifier: Apache-2.0
#include "world.hpp"

#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <stdexcept>
#include <system_error>

#include "fd.hpp"
#include "kernel.hpp"
#include "program.hpp"

namespace conformance {

namespace {

namespace fs = std::filesystem;
using std::chrono::steady_clock;

void must(long result, const std::string& what) {
  if (result < 0) {
    throw std::runtime_error(what + ": " + std::strerror(errno));
  }
}

/// Forks into new namespaces. The child is the first process of its own, so all others end with it.
pid_t fork_into_world() {
  clone_args arguments{};
  arguments.flags = CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWPID;
  arguments.exit_signal = SIGCHLD;
  return static_cast<pid_t>(syscall(SYS_clone3, &arguments, sizeof arguments));
}

void mount_all() {
  must(mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr), "make mounts private");
  must(mount("proc", "/proc", "proc", 0, nullptr), "mount /proc");
  // sysfs shows the network namespace in which it was mounted.
  must(mount("sysfs", "/sys", "sysfs", 0, nullptr), "mount /sys");
  for (const char* directory : {kRunDir, kLeaseDir}) {
    must(mount("tmpfs", directory, "tmpfs", 0, "mode=755"), std::string("mount ") + directory);
  }
  fs::create_directories(kOwnDir);
}

void make_links(const WorldOptions& options) {
  ip("", {"link", "set", "lo", "up"});
  for (const std::string& link : options.links) {
    const std::string peer = link + "-peer";
    ip("", {"link", "add", link, "type", "veth", "peer", "name", peer});
    ip("", {"link", "set", link, "up"});
    ip("", {"link", "set", peer, "up"});
  }
  for (const std::string& setup : options.setups) {
    const Output output = run({.argv = {"/bin/sh", "-ec", setup}});
    if (output.status != 0) {
      throw std::runtime_error("--setup '" + setup + "': " + output.err);
    }
  }
}

/// The child's whole life. What it has to say goes into the pipe, "+" or "!" (an error) first.
[[noreturn]] void live(const WorldOptions& options, const std::function<std::string()>& work,
                       int out) {
  std::string answer;
  try {
    must(prctl(PR_SET_PDEATHSIG, SIGKILL), "prctl");
    mount_all();
    make_links(options);
    answer = "+" + work();
  } catch (const std::exception& error) {
    answer = std::string("!") + error.what();
  }
  for (std::size_t done = 0; done < answer.size();) {
    const ssize_t count = write(out, answer.data() + done, answer.size() - done);
    if (count <= 0) {
      _exit(1);
    }
    done += static_cast<std::size_t>(count);
  }
  _exit(0);
}

/// Reads to the end of the pipe; false if that has not come in time.
bool read_all(int in, steady_clock::time_point deadline, std::string& text) {
  std::array<char, 16384> buffer{};
  while (true) {
    pollfd wanted{in, POLLIN, 0};
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - steady_clock::now()).count();
    if (left <= 0 || poll(&wanted, 1, static_cast<int>(left)) == 0) {
      return false;
    }
    const ssize_t count = read(in, buffer.data(), buffer.size());
    if (count == 0) {
      return true;
    }
    text.append(buffer.data(), count > 0 ? static_cast<std::size_t>(count) : 0);
  }
}

}  // namespace

std::string in_new_world(const WorldOptions& options, int seconds,
                         const std::function<std::string()>& work) {
  std::array<int, 2> ends{-1, -1};
  must(pipe2(ends.data(), O_CLOEXEC), "pipe");
  const Fd in(ends[0]);
  Fd out(ends[1]);
  const pid_t pid = fork_into_world();
  must(pid, "no namespaces of our own");
  if (pid == 0) {
    live(options, work, out.get());
  }
  out = Fd();
  std::string answer;
  const bool has_ended =
      read_all(in.get(), steady_clock::now() + std::chrono::seconds(seconds), answer);
  if (!has_ended) {
    kill(pid, SIGKILL);
  }
  waitpid(pid, nullptr, 0);
  if (!has_ended || answer.empty()) {
    throw std::runtime_error(has_ended ? "the point ended without a result"
                                       : "the point did not end in " + std::to_string(seconds) +
                                             " seconds");
  }
  if (answer.front() == '!') {
    throw std::runtime_error(answer.substr(1));
  }
  return answer.substr(1);
}

LeaseDir::LeaseDir() {
  if (!fs::exists(kLeaseDir)) {
    fs::create_directory(kLeaseDir);
    made_ = kLeaseDir;
  }
}

LeaseDir::~LeaseDir() {
  if (!made_.empty()) {
    std::error_code ignored;
    fs::remove(made_, ignored);
  }
}

}  // namespace conformance
