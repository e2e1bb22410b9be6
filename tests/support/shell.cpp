// SPDX-License-Identifier: Apache-2.0
#include "support/shell.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <sstream>

#include "mvr/base/budget.hpp"
#include "mvr/base/text.hpp"
#include "support/catch.hpp"
#include "support/namespaces.hpp"

namespace mvr::test {

namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr int kExecFailed = 127;

/// A program that has ended may have left a child behind which holds its pipes open; its output is
/// then taken as complete after this time.
constexpr milliseconds kDrainTime{300};

struct Pipe {
  Fd reader;
  Fd writer;
};

Pipe make_pipe() {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) {
    FAIL("pipe2: " << std::strerror(errno));
  }
  return {Fd(ends[0]), Fd(ends[1])};
}

std::vector<std::string> environment_of(const Command& command) {
  std::map<std::string, std::string> all = command.env;
  for (char** entry = command.clean_env ? nullptr : environ; entry != nullptr && *entry != nullptr;
       ++entry) {
    const std::string_view text = *entry;
    const auto equals = text.find('=');
    if (equals != std::string_view::npos) {
      all.emplace(text.substr(0, equals), text.substr(equals + 1));
    }
  }
  std::vector<std::string> result;
  for (const auto& [key, value] : all) {
    result.push_back(key + "=" + value);
  }
  return result;
}

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
  std::vector<char*> result;
  for (std::string& text : texts) {
    result.push_back(text.data());
  }
  result.push_back(nullptr);
  return result;
}

/// Everything that the child needs, made before the fork: it must not allocate.
struct Child {
  std::array<int, 3> stdio;
  int netns;
  bool is_traced;
  char** argv;
  char** envp;
};

[[noreturn]] void become(const Child& child) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  restore_default_signals();
  for (std::size_t i = 0; i < child.stdio.size(); ++i) {
    dup2(child.stdio[i], static_cast<int>(i));
  }
  const bool is_there = child.netns < 0 || setns(child.netns, CLONE_NEWNET) == 0;
  if (is_there && (!child.is_traced || ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) == 0)) {
    execvpe(child.argv[0], child.argv, child.envp);
  }
  const char* reason = std::strerror(errno);
  [[maybe_unused]] const auto written = write(STDERR_FILENO, reason, std::strlen(reason));
  _exit(kExecFailed);
}

Fd open_netns(const std::string& path) {
  if (path.empty()) {
    return {};
  }
  Fd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) {
    FAIL("open " << path << ": " << std::strerror(errno));
  }
  return fd;
}

/// Takes what is there; closes `fd` at its end.
void take(Fd& fd, std::string& text) {
  std::array<char, 65536> buffer;
  const ssize_t count = read(fd.get(), buffer.data(), buffer.size());
  if (count > 0) {
    text.append(buffer.data(), static_cast<std::size_t>(count));
  } else if (count == 0 || (errno != EAGAIN && errno != EINTR)) {
    fd = Fd();
  }
}

int milliseconds_until(steady_clock::time_point moment) {
  const auto left = std::chrono::ceil<milliseconds>(moment - steady_clock::now()).count();
  return static_cast<int>(std::max<decltype(left)>(left, 0));
}

}  // namespace

Process::Process(const Command& command)
    : input_(command.input), deadline_(steady_clock::now() + command.timeout * slowness()) {
  // A program that does not read its input must not end the test.
  ::signal(SIGPIPE, SIG_IGN);
  Pipe in = make_pipe();
  Pipe out = make_pipe();
  Pipe err = make_pipe();
  const Fd netns = open_netns(command.netns);
  std::vector<std::string> arguments = command.argv;
  std::vector<std::string> environment = environment_of(command);
  std::vector<char*> argv = pointers_to(arguments);
  std::vector<char*> envp = pointers_to(environment);
  const Child child{{in.reader.get(), out.writer.get(), err.writer.get()},
                    netns.get(),
                    command.is_traced,
                    argv.data(),
                    envp.data()};
  pid_ = fork();
  if (pid_ < 0) {
    FAIL("fork: " << std::strerror(errno));
  }
  if (pid_ == 0) {
    become(child);
  }
  pidfd_ = Fd(static_cast<int>(syscall(SYS_pidfd_open, pid_, 0)));
  in_ = std::move(in.writer);
  out_ = std::move(out.reader);
  err_ = std::move(err.reader);
  for (const Fd* fd : {&in_, &out_, &err_}) {
    fcntl(fd->get(), F_SETFL, O_NONBLOCK);
  }
  feed();
}

Process::~Process() {
  if (pidfd_) {
    signal(SIGKILL);
    reap();
  }
}

void Process::signal(int number) const {
  kill(pid_, number);
}

void Process::feed() {
  const ssize_t count = write(in_.get(), input_.data(), input_.size());
  if (count >= 0) {
    input_.erase(0, static_cast<std::size_t>(count));
  }
  if (input_.empty() || (count < 0 && errno == EPIPE)) {
    in_ = Fd();
  }
}

/// Moves bytes until the program has ended; false when the deadline came first.
bool Process::pump(steady_clock::time_point deadline) {
  bool ended = false;
  while (!ended || out_ || err_) {
    std::array<pollfd, 4> polled{{{ended ? -1 : pidfd_.get(), POLLIN, 0},
                                  {in_.get(), POLLOUT, 0},
                                  {out_.get(), POLLIN, 0},
                                  {err_.get(), POLLIN, 0}}};
    if (poll(polled.data(), polled.size(), milliseconds_until(deadline)) == 0) {
      return ended;
    }
    if (polled[0].revents != 0) {
      ended = true;
      deadline = steady_clock::now() + kDrainTime;
    }
    if (polled[1].revents != 0) {
      feed();
    }
    if (polled[2].revents != 0) {
      take(out_, out_text_);
    }
    if (polled[3].revents != 0) {
      take(err_, err_text_);
    }
  }
  return true;
}

int Process::reap() {
  int status = 0;
  while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pidfd_ = Fd();
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

Output Process::wait() {
  if (!pump(deadline_)) {
    signal(SIGKILL);
    pump(steady_clock::now() + kDrainTime);
  }
  const int status = reap();
  return {status, std::move(out_text_), std::move(err_text_)};
}

Output run(const Command& command) {
  return Process(command).wait();
}

namespace {

/// By our own way into the namespace: `ip -n` would also make a mount namespace with a new sysfs.
std::string run_ip(const std::string& netns, std::vector<std::string> arguments,
                   const std::string& input) {
  arguments.insert(arguments.begin(), "ip");
  const Output output = run({.argv = arguments, .input = input, .netns = netns_path(netns)});
  if (output.status != 0) {
    FAIL(join(arguments, " ") << ": " << output.err << '\n' << input);
  }
  return output.out;
}

}  // namespace

int slowness() {
  static const int result = std::getenv("MVR_VM") == nullptr ? 1 : 8;
  return result;
}

std::string ip(std::vector<std::string> arguments) {
  return run_ip("", std::move(arguments), "");
}

void ip_batch(const std::string& netns, const std::string& lines) {
  run_ip(netns, {"-batch", "-"}, lines);
}

json ip_json(const std::string& netns, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {"-json", "-details"});
  const std::string text = run_ip(netns, std::move(arguments), "");
  if (text.find_first_not_of(" \n") == std::string::npos) {
    return json::array();
  }
  return json::parse(text, nullptr, false);
}

std::vector<json> ip_json_batch(const std::string& netns, const std::string& family,
                                const std::string& lines) {
  std::istringstream text(run_ip(netns, {"-json", "-details", family, "-batch", "-"}, lines));
  std::vector<json> answers;
  while (text >> std::ws && !text.eof()) {
    text >> answers.emplace_back();
  }
  return answers;
}

}  // namespace mvr::test
