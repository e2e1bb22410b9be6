// SPDX-License-Identifier: Apache-2.0
#include "support/tracee.hpp"

#include <elf.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>

#include "support/catch.hpp"

namespace mvr::test {

namespace {

/// How PTRACE_O_TRACESYSGOOD marks the stops at system calls.
constexpr int kSyscallStop = SIGTRAP | 0x80;

Command with_tracer(Command command) {
  command.is_traced = true;
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

/// Where the kernel has put the program's own first instruction.
std::uint64_t find_entry(pid_t pid) {
  std::ifstream vector("/proc/" + std::to_string(pid) + "/auxv", std::ios::binary);
  Elf64_auxv_t entry{};
  while (vector.read(reinterpret_cast<char*>(&entry), sizeof(entry))) {
    if (entry.a_type == AT_ENTRY) {
      return entry.a_un.a_val;
    }
  }
  return 0;
}

user_regs_struct get_registers(pid_t pid) {
  user_regs_struct registers{};
  iovec here{&registers, sizeof(registers)};
  REQUIRE(ptrace(PTRACE_GETREGSET, pid, NT_PRSTATUS, &here) == 0);
  return registers;
}

void set_registers(pid_t pid, user_regs_struct registers) {
  iovec here{&registers, sizeof(registers)};
  REQUIRE(ptrace(PTRACE_SETREGSET, pid, NT_PRSTATUS, &here) == 0);
}

#if defined(__x86_64__)

constexpr std::uint64_t kBreakpoint = 0xcc;  // int3
constexpr std::uint64_t kBreakpointMask = 0xff;

void set_position(user_regs_struct& registers, std::uint64_t address) {
  registers.rip = address;
}

/// At the entry of a call: none happens.
void drop_call(pid_t pid) {
  user_regs_struct registers = get_registers(pid);
  registers.orig_rax = ~0ULL;
  set_registers(pid, registers);
}

void set_first_argument(pid_t pid, std::uint64_t value) {
  user_regs_struct registers = get_registers(pid);
  registers.rdi = value;
  set_registers(pid, registers);
}

void set_result(pid_t pid, std::int64_t result) {
  user_regs_struct registers = get_registers(pid);
  registers.rax = static_cast<unsigned long long>(result);
  set_registers(pid, registers);
}

#elif defined(__aarch64__)

constexpr std::uint64_t kBreakpoint = 0xd4200000;  // brk #0
constexpr std::uint64_t kBreakpointMask = 0xffffffff;

void set_position(user_regs_struct& registers, std::uint64_t address) {
  registers.pc = address;
}

/// At the entry of a call: none happens.
void drop_call(pid_t pid) {
  int number = -1;
  iovec here{&number, sizeof(number)};
  REQUIRE(ptrace(PTRACE_SETREGSET, pid, NT_ARM_SYSTEM_CALL, &here) == 0);
}

void set_first_argument(pid_t pid, std::uint64_t value) {
  user_regs_struct registers = get_registers(pid);
  registers.regs[0] = value;
  set_registers(pid, registers);
}

void set_result(pid_t pid, std::int64_t result) {
  user_regs_struct registers = get_registers(pid);
  registers.regs[0] = static_cast<unsigned long long>(result);
  set_registers(pid, registers);
}

#endif

}  // namespace

Tracee::Tracee(Command command) : process_(with_tracer(std::move(command))) {
  REQUIRE(wait_for_stop(pid()) == SIGTRAP);
  constexpr auto kOptions = PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL;
  REQUIRE(ptrace(PTRACE_SETOPTIONS, pid(), nullptr, kOptions) == 0);
}

void Tracee::skip_loader() {
  const std::uint64_t entry = find_entry(pid());
  const auto code = read<std::uint64_t>(entry);
  REQUIRE(code);
  const auto poke = [&](std::uint64_t word) {
    REQUIRE(ptrace(PTRACE_POKETEXT, pid(), entry, word) == 0);
  };
  poke((*code & ~kBreakpointMask) | kBreakpoint);
  REQUIRE(ptrace(PTRACE_CONT, pid(), nullptr, 0) == 0);
  REQUIRE(wait_for_stop(pid()) == SIGTRAP);
  poke(*code);
  user_regs_struct registers = get_registers(pid());
  set_position(registers, entry);
  set_registers(pid(), registers);
}

/// To the next entry or exit of a call; returns which of the two, as PTRACE_GET_SYSCALL_INFO does.
std::optional<std::uint8_t> Tracee::run_to_stop() {
  for (;;) {
    const bool is_there = ptrace(PTRACE_SYSCALL, pid(), nullptr, std::exchange(signal_, 0)) == 0;
    const auto stop = is_there ? wait_for_stop(pid()) : std::nullopt;
    if (!stop) {
      return std::nullopt;
    }
    if (*stop != kSyscallStop) {
      signal_ = *stop == SIGTRAP ? 0 : *stop;  // an exec is a SIGTRAP of ptrace's own
      continue;
    }
    __ptrace_syscall_info info{};
    if (ptrace(PTRACE_GET_SYSCALL_INFO, pid(), sizeof(info), &info) <= 0) {
      return std::nullopt;
    }
    if (info.op == PTRACE_SYSCALL_INFO_ENTRY) {
      entered_.number = info.entry.nr;
      std::copy_n(std::begin(info.entry.args), entered_.arguments.size(),
                  entered_.arguments.begin());
    } else if (info.op == PTRACE_SYSCALL_INFO_EXIT) {
      result_ = info.exit.rval;
    }
    return info.op;
  }
}

std::optional<SystemCall> Tracee::enter() {
  for (auto stop = run_to_stop(); stop; stop = run_to_stop()) {
    if (*stop == PTRACE_SYSCALL_INFO_ENTRY) {
      return entered_;
    }
  }
  return std::nullopt;
}

std::optional<std::int64_t> Tracee::leave() {
  const auto stop = run_to_stop();
  return stop == PTRACE_SYSCALL_INFO_EXIT ? std::optional(result_) : std::nullopt;
}

void Tracee::refuse(int error) {
  if (entered_.number != SYS_brk) {
    if (entered_.number != SYS_close) {
      drop_call(pid());
    }
    REQUIRE(leave());
    set_result(pid(), -error);
    return;
  }
  set_first_argument(pid(), 0);
  const auto old_break = leave();
  REQUIRE(old_break);
  // The register is the caller's, who may count on it; on some processors the result's as well.
  set_first_argument(pid(), entered_.arguments[0]);
  set_result(pid(), *old_break);
}

void Tracee::kill() {
  process_.signal(SIGKILL);
}

void Tracee::detach() {
  ptrace(PTRACE_DETACH, pid(), nullptr, std::exchange(signal_, 0));
}

bool Tracee::read_bytes(std::uint64_t address, void* value, std::size_t size) const {
  const iovec here{value, size};
  const iovec there{reinterpret_cast<void*>(address), size};
  return process_vm_readv(pid(), &here, 1, &there, 1, 0) == static_cast<ssize_t>(size);
}

}  // namespace mvr::test
