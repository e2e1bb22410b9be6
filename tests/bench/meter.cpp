// SPDX-License-Identifier: Apache-2.0
#include "bench/meter.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstring>
#include <fstream>
#include <optional>
#include <sstream>

#include "mvr/base/text.hpp"
#include "support/catch.hpp"
#include "support/namespaces.hpp"

namespace mvr::bench {

namespace {

using test::Command;
using Clock = std::chrono::steady_clock;

constexpr const char* kSeen = "/run/test/seen";
constexpr int kLimitSeconds = 60;

struct Pipe {
  Fd reader;
  Fd writer;
};

Pipe make_pipe() {
  std::array<int, 2> ends{};
  REQUIRE(pipe2(ends.data(), O_CLOEXEC) == 0);
  return {Fd(ends[0]), Fd(ends[1])};
}

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
  std::vector<char*> result;
  for (std::string& text : texts) {
    result.push_back(text.data());
  }
  result.push_back(nullptr);
  return result;
}

/// A file descriptor of the namespace to start in, or of ours.
class Namespace {
 public:
  explicit Namespace(const std::string& path)
      : home_(open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC)), is_other_(!path.empty()) {
    if (is_other_) {
      const Fd there(open(path.c_str(), O_RDONLY | O_CLOEXEC));
      REQUIRE(setns(there.get(), CLONE_NEWNET) == 0);
    }
  }
  Namespace(const Namespace&) = delete;
  Namespace& operator=(const Namespace&) = delete;
  ~Namespace() {
    if (is_other_) {
      setns(home_.get(), CLONE_NEWNET);
    }
  }

 private:
  Fd home_;
  bool is_other_;
};

/// By posix_spawn, which shares memory until the exec as Go's runtime does: the pages of the
/// benchmark are not copied, and so are no part of what is measured.
pid_t spawn(const Command& command, const std::array<int, 3>& stdio) {
  std::vector<std::string> arguments = command.argv;
  std::vector<std::string> environment;
  for (const auto& [key, value] : command.env) {
    environment.push_back(key + "=" + value);
  }
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  for (int fd = 0; fd < 3; ++fd) {
    posix_spawn_file_actions_adddup2(&actions, stdio[static_cast<std::size_t>(fd)], fd);
  }
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t defaults;
  sigemptyset(&defaults);
  sigaddset(&defaults, SIGPIPE);
  posix_spawnattr_setsigdefault(&attributes, &defaults);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
  pid_t pid = -1;
  const int error = posix_spawnp(&pid, arguments.at(0).c_str(), &actions, &attributes,
                                 pointers_to(arguments).data(), pointers_to(environment).data());
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  INFO(arguments.at(0) << ": " << std::strerror(error));
  REQUIRE(error == 0);
  return pid;
}

/// Takes what is there; closes `fd` at its end.
void take(Fd& fd, std::string& text) {
  std::array<char, 16384> buffer;
  const ssize_t count = read(fd.get(), buffer.data(), buffer.size());
  if (count <= 0) {
    fd = Fd();
    return;
  }
  text.append(buffer.data(), static_cast<std::size_t>(count));
}

/// Reads both until both have ended, as a runtime does; false when that takes too long.
bool drain(Fd& out, Fd& err, std::string& out_text, std::string& err_text) {
  while (out || err) {
    std::array<pollfd, 2> polled{{{out.get(), POLLIN, 0}, {err.get(), POLLIN, 0}}};
    if (poll(polled.data(), polled.size(), kLimitSeconds * 1000) <= 0) {
      return false;
    }
    if (polled[0].revents != 0) {
      take(out, out_text);
    }
    if (polled[1].revents != 0) {
      take(err, err_text);
    }
  }
  return true;
}

double milliseconds_of(const timeval& time) {
  return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_usec) / 1e3;
}

Sample make_sample(Clock::duration wall, const rusage& used) {
  return {.wall_ms = std::chrono::duration<double, std::milli>(wall).count(),
          .cpu_ms = milliseconds_of(used.ru_utime) + milliseconds_of(used.ru_stime),
          .minor_faults = static_cast<double>(used.ru_minflt),
          .major_faults = static_cast<double>(used.ru_majflt),
          .switches = static_cast<double>(used.ru_nvcsw),
          .preemptions = static_cast<double>(used.ru_nivcsw),
          .programs = 1};
}

struct Run {
  std::string out;
  Sample sample;
};

Run run_once(const Command& command) {
  const Namespace start(command.netns);
  Pipe in = make_pipe();
  Pipe out = make_pipe();
  Pipe err = make_pipe();
  std::string out_text;
  std::string err_text;
  ::signal(SIGPIPE, SIG_IGN);  // some read no input

  const auto begin = Clock::now();
  const pid_t pid = spawn(command, {in.reader.get(), out.writer.get(), err.writer.get()});
  in.reader = Fd();
  out.writer = Fd();
  err.writer = Fd();
  [[maybe_unused]] const auto fed =
      write(in.writer.get(), command.input.data(), command.input.size());
  in.writer = Fd();
  const bool is_in_time = drain(out.reader, err.reader, out_text, err_text);
  if (!is_in_time) {
    kill(pid, SIGKILL);
  }
  int status = 0;
  rusage used{};
  REQUIRE(wait4(pid, &status, 0, &used) == pid);
  const auto wall = Clock::now() - begin;

  INFO(join(command.argv, " ") << "\n" << command.input << "\n" << out_text << err_text);
  REQUIRE(is_in_time);
  REQUIRE(status == 0);
  return {std::move(out_text), make_sample(wall, used)};
}

std::vector<std::string> lens_argv(Lens lens) {
  switch (lens) {
    case Lens::system_calls:
      return {"/usr/bin/strace", "-f", "-c", "-o", kSeen};
    case Lens::memory:
      return {tool_path("peak"), kSeen};
    case Lens::instructions:
      return {"/usr/bin/valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null",
              std::string("--log-file=") + kSeen};
    case Lens::none:
      break;
  }
  return {};
}

/// The figure that the lens has left in its file.
double read_seen(Lens lens) {
  std::ifstream file(kSeen);
  std::string line;
  double value = 0;
  if (lens == Lens::memory) {
    file >> value;
    return value;
  }
  while (std::getline(file, line)) {
    std::istringstream words(line);
    std::string word;
    if (lens == Lens::system_calls && line.ends_with(" total")) {
      double ignored = 0;  // share, seconds, microseconds a call
      words >> ignored >> ignored >> ignored >> value;
    } else if (lens == Lens::instructions && line.find("Collected :") != std::string::npos) {
      words >> word >> word >> word >> value;
    }
  }
  return value;
}

}  // namespace

Sample& Sample::operator+=(const Sample& other) {
  wall_ms += other.wall_ms;
  cpu_ms += other.cpu_ms;
  minor_faults += other.minor_faults;
  major_faults += other.major_faults;
  switches += other.switches;
  preemptions += other.preemptions;
  programs += other.programs;
  return *this;
}

std::string Meter::run(const Command& command) {
  Command wrapped = command;
  const std::vector<std::string> lens = lens_argv(lens_);
  wrapped.argv.insert(wrapped.argv.begin(), lens.begin(), lens.end());
  Run run = run_once(wrapped);
  sample_ += run.sample;
  if (lens_ != Lens::none) {
    const double seen = read_seen(lens_);
    REQUIRE(seen > 0);
    seen_ = lens_ == Lens::memory ? std::max(seen_, seen) : seen_ + seen;
  }
  return run.out;
}

std::string Meter::run_unmeasured(const Command& command) {
  return run_once(command).out;
}

std::string tool_path(const std::string& name) {
  return MVR_BENCH_TOOLS "/bench-" + name;
}

}  // namespace mvr::bench
