// SPDX-License-Identifier: Apache-2.0
#include "ipam/spawn.hpp"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "mvr/base/budget.hpp"

namespace mvr::ipam {
namespace {

constexpr int kExecFailed = 127;

struct Pipe {
  Fd reader;
  Fd writer;
};

/// The same file above the standard descriptors. Whoever starts us with one of those closed would
/// otherwise get a pipe there, and dup2 onto itself keeps close-on-exec.
Result<Fd> lift(Fd fd) {
  if (fd.get() > STDERR_FILENO) {
    return fd;
  }
  Fd high(::fcntl(fd.get(), F_DUPFD_CLOEXEC, STDERR_FILENO + 1));
  if (!high) {
    return fail(sys_error(Code::io, errno, "fcntl F_DUPFD_CLOEXEC"));
  }
  return high;
}

Result<Pipe> make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    return fail(sys_error(Code::io, errno, "pipe"));
  }
  Fd reader(ends[0]);
  Fd writer(ends[1]);
  Pipe pipe;
  pipe.reader = MVR_TRY(lift(std::move(reader)));
  pipe.writer = MVR_TRY(lift(std::move(writer)));
  return pipe;
}

/// We wait for the plugin to read, but not in write(2). Each end of a pipe has flags of its own:
/// the plugin's keeps blocking.
Result<void> set_nonblocking(const Fd& fd) {
  if (::fcntl(fd.get(), F_SETFL, O_NONBLOCK) != 0) {
    return fail(sys_error(Code::io, errno, "fcntl O_NONBLOCK"));
  }
  return {};
}

/// All that the child needs, made before it exists: between vfork and exec it runs in our memory
/// and may neither allocate nor fail half-way.
struct Launch {
  const char* path;
  char* const* arguments;
  char* const* environment;
  std::array<int, 3> streams;
  pid_t parent;
  int error;  ///< the child's errno, which it leaves here because the memory is shared
};

[[noreturn, gnu::noinline]] void become_plugin(Launch& launch) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  // Had we been killed before the line above, no signal would ever come.
  if (::getppid() != launch.parent) {
    ::_exit(kExecFailed);
  }
  bool ready = true;
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd) {
    ready = ready && ::dup2(launch.streams[static_cast<std::size_t>(fd)], fd) == fd;
  }
  if (ready) {
    restore_default_signals();
    ::execve(launch.path, launch.arguments, launch.environment);
  }
  launch.error = errno;
  ::_exit(kExecFailed);
}

/// posix_spawn cannot set PDEATHSIG, and fork would copy our page tables for nothing. A function of
/// its own, because the child runs on our stack frame and must not return from it.
[[gnu::noinline]] pid_t vfork_plugin(Launch& launch) {
  const pid_t pid = ::vfork();  // NOLINT(clang-analyzer-security.insecureAPI.vfork)
  if (pid == 0) {
    become_plugin(launch);  // NOLINT(clang-analyzer-unix.Vfork): exec and system calls only
  }
  return pid;
}

/// The child has executed the program or given up by the time vfork returns here.
Result<pid_t> launch_plugin(Launch& launch) {
  const pid_t pid = vfork_plugin(launch);
  if (pid < 0) {
    return fail(sys_error(Code::io, errno, "vfork"));
  }
  if (launch.error != 0) {
    while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
    }
    return fail(sys_error(Code::ipam_failed, launch.error, launch.path));
  }
  return pid;
}

}  // namespace

std::vector<char*> make_environment(std::vector<std::string>& variables) {
  std::vector<std::string*> left;
  std::ranges::transform(variables, std::back_inserter(left),
                         [](std::string& variable) { return &variable; });
  const auto has_name_of = [](std::string_view ours, const std::string& variable) {
    return ours.starts_with(variable.substr(0, variable.find('=') + 1));
  };
  std::vector<char*> environment;
  for (char** ours = environ; ours != nullptr && *ours != nullptr; ++ours) {
    const auto fits = [&](const std::string& variable) { return has_name_of(*ours, variable); };
    const auto found = std::ranges::find_if(left, [&](const auto* one) { return fits(*one); });
    if (found != left.end()) {
      environment.push_back((*found)->data());
      left.erase(found);
    } else if (std::ranges::none_of(variables, fits)) {
      environment.push_back(*ours);
    }
  }
  std::ranges::transform(left, std::back_inserter(environment),
                         [](std::string* variable) { return variable->data(); });
  environment.push_back(nullptr);
  return environment;
}

Result<Process> spawn(std::string path, const std::vector<char*>& environment) {
  Pipe in = MVR_TRY(make_pipe());
  Pipe out = MVR_TRY(make_pipe());
  Pipe err = MVR_TRY(make_pipe());
  MVR_TRY(set_nonblocking(in.writer));
  // An inherited SIG_IGN would let the kernel reap the child, and its exit status with it.
  static_cast<void>(::signal(SIGCHLD, SIG_DFL));
  const std::array<char*, 2> arguments{path.data(), nullptr};
  Launch launch{path.c_str(),       arguments.data(),
                environment.data(), {in.reader.get(), out.writer.get(), err.writer.get()},
                ::getpid(),         0};
  const pid_t pid = MVR_TRY(launch_plugin(launch));
  return Process{pid, {std::move(in.writer), std::move(out.reader), std::move(err.reader)}};
}

}  // namespace mvr::ipam
