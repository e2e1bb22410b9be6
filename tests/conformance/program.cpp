// SPDX-License-Identifier: Apache-2.0
#include "program.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "fd.hpp"

namespace conformance {

namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

/// Both ends of a pipe. Ours does not block: the program decides when to read and when to write.
struct Pipe {
  Fd theirs;
  Fd ours;
};

Pipe make_pipe(bool they_read) {
  std::array<int, 2> ends{-1, -1};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) {
    return {};
  }
  Pipe pipe{Fd(ends.at(they_read ? 0 : 1)), Fd(ends.at(they_read ? 1 : 0))};
  fcntl(pipe.ours.get(), F_SETFL, O_NONBLOCK);
  return pipe;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> result;
  result.reserve(texts.size() + 1);
  for (std::string& text : texts) {
    result.push_back(text.data());
  }
  result.push_back(nullptr);
  return result;
}

/// A process group of its own, so that all of it can be killed; SIGPIPE, which we ignore, as usual.
class Attributes {
 public:
  Attributes() {
    posix_spawnattr_init(&value_);
    sigset_t defaults;
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGPIPE);
    posix_spawnattr_setsigdefault(&value_, &defaults);
    posix_spawnattr_setflags(&value_, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF);
  }
  Attributes(const Attributes&) = delete;
  Attributes(Attributes&&) = delete;
  Attributes& operator=(const Attributes&) = delete;
  Attributes& operator=(Attributes&&) = delete;
  ~Attributes() { posix_spawnattr_destroy(&value_); }

  [[nodiscard]] const posix_spawnattr_t* get() const { return &value_; }

 private:
  posix_spawnattr_t value_{};
};

/// The three standard descriptors of the program.
class Actions {
 public:
  Actions(int in, int out, int err) {
    posix_spawn_file_actions_init(&value_);
    posix_spawn_file_actions_adddup2(&value_, in, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&value_, out, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&value_, err, STDERR_FILENO);
  }
  Actions(const Actions&) = delete;
  Actions(Actions&&) = delete;
  Actions& operator=(const Actions&) = delete;
  Actions& operator=(Actions&&) = delete;
  ~Actions() { posix_spawn_file_actions_destroy(&value_); }

  [[nodiscard]] const posix_spawn_file_actions_t* get() const { return &value_; }

 private:
  posix_spawn_file_actions_t value_{};
};

class Process {
 public:
  explicit Process(const Command& command)
      : in_(make_pipe(true)),
        out_(make_pipe(false)),
        err_(make_pipe(false)),
        input_(command.input),
        deadline_(steady_clock::now() + command.timeout) {
    start(command);
  }

  Output wait() {
    if (pid_ < 0) {
      return {.status = 127, .err = std::string("cannot be run: ") + std::strerror(error_)};
    }
    while (pump()) {
    }
    // It has ended; what it wrote is in the pipes, also if a child of it still holds them open.
    drain(out_.ours, out_text_);
    drain(err_.ours, err_text_);
    return {.status = status_, .out = out_text_, .err = err_text_};
  }

 private:
  void start(const Command& command) {
    std::vector<std::string> argv = command.argv;
    std::vector<std::string> env;
    for (const auto& [name, value] : command.env) {
      env.push_back(std::string(name).append("=").append(value));
    }
    const Actions actions(in_.theirs.get(), out_.theirs.get(), err_.theirs.get());
    const Attributes attributes;
    error_ = posix_spawnp(&pid_, argv.front().c_str(), actions.get(), attributes.get(),
                          pointers(argv).data(), pointers(env).data());
    pid_ = error_ == 0 ? pid_ : -1;
    for (Pipe* pipe : {&in_, &out_, &err_}) {
      pipe->theirs = Fd();
    }
    if (pid_ > 0) {
      pidfd_ = Fd(static_cast<int>(syscall(SYS_pidfd_open, pid_, 0)));
    }
  }

  /// One round of reading and writing; false when the process has ended.
  bool pump() {
    std::array<pollfd, 4> fds{{{pidfd_.get(), POLLIN, 0},
                               {in_.ours.get(), POLLOUT, 0},
                               {out_.ours.get(), POLLIN, 0},
                               {err_.ours.get(), POLLIN, 0}}};
    const auto left = std::chrono::ceil<milliseconds>(deadline_ - steady_clock::now()).count();
    const int ready = poll(fds.data(), fds.size(), static_cast<int>(std::max(left, 0L)));
    if (ready == 0) {
      kill(-pid_, SIGKILL);
      err_text_ += "\n(killed: it did not end in time)";
      reap();
      return false;
    }
    if (fds.at(1).revents != 0) {
      feed();
    }
    drain(out_.ours, out_text_);
    drain(err_.ours, err_text_);
    if (fds.at(0).revents != 0) {
      reap();
      return false;
    }
    return true;
  }

  void feed() {
    const ssize_t count = write(in_.ours.get(), input_.data() + fed_, input_.size() - fed_);
    fed_ += count > 0 ? static_cast<std::size_t>(count) : 0;
    // A program that does not read all of its input is no failure of ours.
    if (fed_ == input_.size() || (count < 0 && errno != EAGAIN && errno != EINTR)) {
      in_.ours = Fd();
    }
  }

  static void drain(Fd& from, std::string& text) {
    std::array<char, 16384> buffer{};
    while (from) {
      const ssize_t count = read(from.get(), buffer.data(), buffer.size());
      if (count < 0) {
        return;
      }
      if (count == 0) {
        from = Fd();
      }
      text.append(buffer.data(), static_cast<std::size_t>(count));
    }
  }

  void reap() {
    int status = 0;
    waitpid(pid_, &status, 0);
    status_ = WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
  }

  Pipe in_;
  Pipe out_;
  Pipe err_;
  Fd pidfd_ = {};
  pid_t pid_ = -1;
  int error_ = 0;
  int status_ = 0;
  std::string input_;
  std::size_t fed_ = 0;
  std::string out_text_ = {};
  std::string err_text_ = {};
  steady_clock::time_point deadline_;
};

}  // namespace

Output run(const Command& command) {
  return Process(command).wait();
}

}  // namespace conformance
