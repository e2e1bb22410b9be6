// SPDX-License-Identifier: Apache-2.0
#include "support/netlink_trace.hpp"

#include <fcntl.h>
#include <linux/netlink.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <set>

#include "mvr/base/fd.hpp"
#include "support/catch.hpp"

namespace mvr::test {

namespace {

using Arguments = std::array<std::uint64_t, 6>;

/// A file in memory to be a program's standard input or output.
Fd make_stream(const std::string& content) {
  Fd file(memfd_create("stream", MFD_CLOEXEC));
  REQUIRE(write(file.get(), content.data(), content.size()) ==
          static_cast<ssize_t>(content.size()));
  lseek(file.get(), 0, SEEK_SET);
  return file;
}

std::string read_stream(const Fd& file) {
  std::string text(static_cast<std::size_t>(lseek(file.get(), 0, SEEK_END)), '\0');
  REQUIRE(pread(file.get(), text.data(), text.size(), 0) == static_cast<ssize_t>(text.size()));
  return text;
}

ino_t read_netns(const std::string& process) {
  struct stat info {};
  stat(("/proc/" + process + "/ns/net").c_str(), &info);
  return info.st_ino;
}

/// A program that we run from one system call to the next.
class Tracee {
 public:
  explicit Tracee(pid_t pid) : pid_(pid) {}

  /// Until it ends; returns its exit status.
  int follow() {
    int status = 0;
    REQUIRE(waitpid(pid_, &status, 0) == pid_);
    constexpr auto kOptions = PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL;
    REQUIRE(ptrace(PTRACE_SETOPTIONS, pid_, nullptr, kOptions) == 0);
    int signal = 0;
    while (ptrace(PTRACE_SYSCALL, pid_, nullptr, signal) == 0 &&
           waitpid(pid_, &status, 0) == pid_ && WIFSTOPPED(status)) {
      const bool is_syscall = WSTOPSIG(status) == (SIGTRAP | 0x80);
      if (is_syscall) {
        look();
      }
      signal = is_syscall || WSTOPSIG(status) == SIGTRAP ? 0 : WSTOPSIG(status);
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }

  [[nodiscard]] const NetlinkTraffic& host() const { return host_; }

 private:
  void look() {
    __ptrace_syscall_info info{};
    ptrace(PTRACE_GET_SYSCALL_INFO, pid_, sizeof(info), &info);
    if (info.op == PTRACE_SYSCALL_INFO_ENTRY) {
      call_ = info.entry.nr;
      std::copy_n(std::begin(info.entry.args), arguments_.size(), arguments_.begin());
    } else if (info.op == PTRACE_SYSCALL_INFO_EXIT && info.exit.rval >= 0) {
      note(static_cast<std::uint64_t>(info.exit.rval));
    }
  }

  /// A call that has succeeded.
  void note(std::uint64_t result) {
    const auto fd = arguments_[0];
    if (call_ == SYS_socket) {
      const bool is_hosts = read_netns(std::to_string(pid_)) == read_netns("self");
      if (arguments_[0] == AF_NETLINK && is_hosts) {
        sockets_.insert(result);
      }
    } else if (call_ == SYS_close) {
      sockets_.erase(fd);
    } else if (sockets_.contains(fd)) {
      note_transfer(result);
    }
  }

  void note_transfer(std::uint64_t size) {
    if (call_ == SYS_sendmsg) {
      const auto message = read<msghdr>(arguments_[1]);
      const auto part = read<iovec>(reinterpret_cast<std::uint64_t>(message.msg_iov));
      note_requests(reinterpret_cast<std::uint64_t>(part.iov_base), size);
    } else if (call_ == SYS_sendto) {
      note_requests(arguments_[1], size);
    } else if (call_ == SYS_recvmsg || call_ == SYS_recvfrom) {
      ++host_.messages;
      host_.bytes += size;
    }
  }

  void note_requests(std::uint64_t address, std::uint64_t size) {
    const std::uint64_t end = address + size;
    while (address + sizeof(nlmsghdr) <= end) {
      const auto header = read<nlmsghdr>(address);
      const bool is_dump = (header.nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP;
      host_.requests.push_back(std::to_string(header.nlmsg_type) + (is_dump ? " dump" : ""));
      REQUIRE(header.nlmsg_len >= sizeof(nlmsghdr));
      address += NLMSG_ALIGN(header.nlmsg_len);
    }
  }

  /// A value in its memory.
  template <typename T>
  T read(std::uint64_t address) const {
    T value{};
    iovec here{&value, sizeof(value)};
    iovec there{reinterpret_cast<void*>(address), sizeof(value)};
    REQUIRE(process_vm_readv(pid_, &here, 1, &there, 1, 0) == static_cast<ssize_t>(sizeof(value)));
    return value;
  }

  pid_t pid_;
  std::uint64_t call_ = 0;  ///< that it has entered
  Arguments arguments_{};
  std::set<std::uint64_t> sockets_;
  NetlinkTraffic host_;
};

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (std::string& text : texts) {
    pointers.push_back(text.data());
  }
  pointers.push_back(nullptr);
  return pointers;
}

/// Stopped at its first instruction.
pid_t start(Command command, const std::array<int, 3>& streams) {
  std::vector<std::string> variables;
  for (const auto& [name, value] : command.env) {
    variables.push_back(name + '=' + value);
  }
  const std::vector<char*> argv = pointers_to(command.argv);
  const std::vector<char*> env = pointers_to(variables);
  const pid_t pid = fork();
  if (pid != 0) {
    return pid;
  }
  for (int i = 0; i < static_cast<int>(streams.size()); ++i) {
    dup2(streams.at(static_cast<std::size_t>(i)), i);
  }
  ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
  execve(argv[0], argv.data(), env.data());
  _exit(127);
}

}  // namespace

Traced run_traced(const Call& call) {
  Command command = make_command(call);
  command.env["ASAN_OPTIONS"] += ":detect_leaks=0";  // which needs ptrace itself
  const Fd in = make_stream(command.input);
  const Fd out = make_stream("");
  const Fd err = make_stream("");
  Tracee tracee(start(std::move(command), {in.get(), out.get(), err.get()}));
  const int status = tracee.follow();
  return {make_answer({.status = status, .out = read_stream(out), .err = read_stream(err)}),
          tracee.host()};
}

}  // namespace mvr::test
