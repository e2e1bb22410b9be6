// SPDX-License-Identifier: Apache-2.0
#include "vm/support/killer.hpp"

#include <linux/netlink.h>
#include <rdma/rdma_netlink.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <optional>

#include "support/catch.hpp"

namespace mvr::test {

namespace {

/// How PTRACE_O_TRACESYSGOOD marks the stops at system calls.
constexpr int kSyscallStop = SIGTRAP | 0x80;

/// The same program, but it waits for us before it begins.
Command stop_first(Command command) {
  command.argv.insert(command.argv.begin(), {"/bin/sh", "-c", "kill -STOP $$; exec \"$0\" \"$@\""});
  return command;
}

/// Waits until the program stops and returns by what; nothing when it has ended, which Process
/// still has to learn.
std::optional<int> wait_for_stop(pid_t pid) {
  siginfo_t info{};
  int result = 0;
  do {
    result = waitid(P_PID, static_cast<id_t>(pid), &info, WSTOPPED | WEXITED | WNOWAIT);
  } while (result != 0 && errno == EINTR);
  REQUIRE(result == 0);
  const bool is_stopped = info.si_code == CLD_STOPPED || info.si_code == CLD_TRAPPED;
  return is_stopped ? std::optional(info.si_status) : std::nullopt;
}

/// Lets the stopped program go on to the next stop.
void resume(pid_t pid, int signal) {
  REQUIRE(ptrace(PTRACE_SYSCALL, pid, nullptr, signal) == 0);
}

/// A signal on its way to the program is passed on; the other stops are ptrace's own.
int signal_to_deliver(int stop) {
  return stop == kSyscallStop || stop == SIGTRAP || stop > 0xff ? 0 : stop;
}

/// The header of a netlink request, if that is what the program sends.
std::optional<nlmsghdr> read_request(pid_t pid, std::uint64_t address, std::uint64_t size) {
  nlmsghdr header{};
  const iovec here{&header, sizeof(header)};
  const iovec there{reinterpret_cast<void*>(address), sizeof(header)};
  const bool is_whole = process_vm_readv(pid, &here, 1, &there, 1, 0) == sizeof(header);
  return is_whole && header.nlmsg_len == size ? std::optional(header) : std::nullopt;
}

std::optional<Change> read_change(pid_t pid, const __ptrace_syscall_info& info) {
  switch (info.entry.nr) {
    case SYS_sendto: {
      const auto request = read_request(pid, info.entry.args[1], info.entry.args[2]);
      const bool is_change = request && (request->nlmsg_flags & NLM_F_ACK) != 0;
      return is_change ? std::optional(Change{"netlink", request->nlmsg_type}) : std::nullopt;
    }
    case SYS_rename:
    case SYS_renameat:
    case SYS_renameat2:
      return Change{"rename"};
    case SYS_unlink:
    case SYS_unlinkat:
      return Change{"unlink"};
    default:
      return std::nullopt;
  }
}

/// The change that the program is about to make; nothing at the end of a system call.
std::optional<Change> change_at_stop(pid_t pid) {
  __ptrace_syscall_info info{};
  REQUIRE(ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info) > 0);
  return info.op == PTRACE_SYSCALL_INFO_ENTRY ? read_change(pid, info) : std::nullopt;
}

/// Goes on until the change that is meant. False when the program has ended before.
bool run_to(pid_t pid, const std::function<bool(const Change&)>& is_it) {
  for (auto stop = wait_for_stop(pid); stop; stop = wait_for_stop(pid)) {
    const auto change = *stop == kSyscallStop ? change_at_stop(pid) : std::nullopt;
    if (change && is_it(*change)) {
      return true;
    }
    resume(pid, signal_to_deliver(*stop));
  }
  return false;
}

}  // namespace

bool Change::is_of_rdma_device() const {
  return message_type == RDMA_NL_GET_TYPE(RDMA_NL_NLDEV, RDMA_NLDEV_CMD_SET);
}

Output run_and_kill(const Command& command, const std::function<bool(const Change&)>& is_it,
                    Moment moment) {
  Process process(stop_first(command));
  const pid_t pid = process.pid();
  REQUIRE(wait_for_stop(pid) == SIGSTOP);
  constexpr long kOptions = PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL;
  REQUIRE(ptrace(PTRACE_SEIZE, pid, nullptr, kOptions) == 0);
  if (run_to(pid, is_it)) {
    if (moment == Moment::after) {
      resume(pid, 0);
      REQUIRE(wait_for_stop(pid) == kSyscallStop);
    }
    process.signal(SIGKILL);
  }
  return process.wait();
}

}  // namespace mvr::test
