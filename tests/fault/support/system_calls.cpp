// SPDX-License-Identifier: Apache-2.0
#include "fault/support/system_calls.hpp"

#include <fcntl.h>
#include <sys/syscall.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace mvr::test {

namespace {

enum class Effect { none, change };

struct KnownCall {
  std::uint64_t number;
  const char* name;
  Effect effect;
  std::vector<int> errors;
};

#define MVR_CALL(name) SYS_##name, #name

const std::vector<KnownCall>& known_calls() {
  using enum Effect;
  static const std::vector<KnownCall> calls{
      // Files.
      {MVR_CALL(openat), none, {EACCES, EMFILE, ENOMEM, ENOSPC, EIO}},
      {MVR_CALL(read), none, {EIO, EINTR}},
      {MVR_CALL(pread64), none, {EIO}},
      {MVR_CALL(write), change, {ENOSPC, EIO, EINTR}},
      {MVR_CALL(close), none, {EIO, EINTR}},
      {MVR_CALL(fstat), none, {ENOMEM, EIO}},
      {MVR_CALL(newfstatat), none, {ENOMEM, EIO, EACCES}},
      {MVR_CALL(statx), none, {ENOMEM, EIO, EACCES}},
      {MVR_CALL(faccessat), none, {EIO, EACCES}},
      {MVR_CALL(faccessat2), none, {EIO, EACCES}},
      {MVR_CALL(getdents64), none, {EIO, ENOMEM}},
      {MVR_CALL(lseek), none, {EIO}},
      {MVR_CALL(mkdirat), change, {ENOSPC, EACCES, EROFS}},
      {MVR_CALL(renameat), change, {ENOSPC, EIO, ENOMEM}},
      {MVR_CALL(renameat2), change, {ENOSPC, EIO, ENOMEM}},
      {MVR_CALL(unlinkat), change, {EIO, EROFS, ENOMEM}},
      {MVR_CALL(ftruncate), change, {EIO, EINTR, ENOSPC}},
      {MVR_CALL(fchmod), change, {EIO, EROFS}},
      {MVR_CALL(flock), none, {EINTR, ENOLCK}},
      {MVR_CALL(fcntl), none, {EMFILE, ENOMEM}},
      {MVR_CALL(ioctl), none, {EPERM, ENOMEM}},
      {MVR_CALL(dup3), none, {EMFILE}},
      // Sockets.
      {MVR_CALL(socket), none, {EMFILE, ENOBUFS, EPERM}},
      {MVR_CALL(bind), none, {ENOMEM, EADDRINUSE}},
      {MVR_CALL(getsockname), none, {ENOBUFS}},
      {MVR_CALL(setsockopt), none, {ENOMEM, EPERM}},
      {MVR_CALL(getsockopt), none, {ENOBUFS}},
      {MVR_CALL(sendto), change, {ENOBUFS, ENOMEM, EPERM, EINTR}},
      {MVR_CALL(sendmsg), change, {ENOBUFS, ENOMEM, EPERM, EINTR}},
      {MVR_CALL(recvfrom), none, {ENOBUFS, ENOMEM, EINTR}},
      {MVR_CALL(recvmsg), none, {ENOBUFS, ENOMEM, EINTR}},
      {MVR_CALL(recvmmsg), none, {ENOBUFS, ENOMEM, EINTR}},
      {MVR_CALL(io_uring_setup), none, {ENOSYS, EPERM, ENOMEM, EMFILE}},
      {MVR_CALL(io_uring_register), none, {ENOMEM, EMFILE}},
      // Processes, namespaces.
      {MVR_CALL(setns), none, {EPERM, ENOMEM}},
      {MVR_CALL(clone), change, {EAGAIN, ENOMEM}},
      {MVR_CALL(clone3), change, {EAGAIN, ENOMEM}},
      {MVR_CALL(wait4), none, {EINTR}},
      {MVR_CALL(kill), change, {ESRCH}},
      {MVR_CALL(pidfd_open), none, {EMFILE, ENOMEM}},
      {MVR_CALL(pipe2), none, {EMFILE, ENFILE}},
      {MVR_CALL(signalfd4), none, {EMFILE, ENOMEM}},
      {MVR_CALL(mount), change, {EPERM, ENOMEM}},
      // Waiting.
      {MVR_CALL(ppoll), none, {EINTR, ENOMEM}},
      {MVR_CALL(epoll_create1), none, {EMFILE, ENOMEM}},
      {MVR_CALL(epoll_ctl), none, {ENOMEM, ENOSPC}},
      {MVR_CALL(epoll_pwait), none, {EINTR}},
      {MVR_CALL(clock_nanosleep), none, {EINTR}},
      // Memory.
      {MVR_CALL(mmap), none, {ENOMEM}},
      {MVR_CALL(brk), none, {ENOMEM}},
      {MVR_CALL(mremap), none, {ENOMEM}},
      {MVR_CALL(mprotect), none, {ENOMEM}},
      // These never fail for a caller who makes no mistake.
      {MVR_CALL(munmap), none, {}},
      {MVR_CALL(madvise), none, {}},
      {MVR_CALL(getrandom), none, {}},
      {MVR_CALL(getpid), none, {}},
      {MVR_CALL(gettid), none, {}},
      {MVR_CALL(getppid), none, {}},
      {MVR_CALL(geteuid), none, {}},
      {MVR_CALL(clock_gettime), none, {}},
      {MVR_CALL(rt_sigaction), none, {}},
      {MVR_CALL(rt_sigprocmask), none, {}},
      {MVR_CALL(rt_sigreturn), none, {}},
      {MVR_CALL(tgkill), none, {}},
      {MVR_CALL(futex), none, {}},
      {MVR_CALL(prlimit64), none, {}},
      {MVR_CALL(exit), none, {}},
      {MVR_CALL(exit_group), none, {}},
#ifdef __x86_64__
      {MVR_CALL(poll), none, {EINTR, ENOMEM}},
      {MVR_CALL(epoll_wait), none, {EINTR}},
      {MVR_CALL(access), none, {EIO, EACCES}},
      {MVR_CALL(stat), none, {ENOMEM, EIO, EACCES}},
      {MVR_CALL(mkdir), change, {ENOSPC, EACCES, EROFS}},
      {MVR_CALL(rename), change, {ENOSPC, EIO, ENOMEM}},
      {MVR_CALL(unlink), change, {EIO, EROFS, ENOMEM}},
      {MVR_CALL(vfork), change, {EAGAIN, ENOMEM}},
      {MVR_CALL(dup2), none, {EBUSY}},
      {MVR_CALL(arch_prctl), none, {}},
      {MVR_CALL(time), none, {}},
#endif
  };
  return calls;
}

#undef MVR_CALL

const KnownCall* find_call(std::uint64_t number) {
  const auto& calls = known_calls();
  const auto found = std::find_if(calls.begin(), calls.end(),
                                  [&](const KnownCall& call) { return call.number == number; });
  return found != calls.end() ? &*found : nullptr;
}

}  // namespace

const std::vector<int>& errors_of(std::uint64_t number) {
  static const std::vector<int> unknown{ENOMEM, EIO};
  const KnownCall* call = find_call(number);
  return call != nullptr ? call->errors : unknown;
}

std::string name_of(std::uint64_t number) {
  const KnownCall* call = find_call(number);
  return call != nullptr ? call->name : "#" + std::to_string(number);
}

bool is_change(const SystemCall& call) {
  if (call.number == SYS_openat) {
    return (call.arguments[2] & O_CREAT) != 0;
  }
  const KnownCall* known = find_call(call.number);
  return known != nullptr && known->effect == Effect::change;
}

}  // namespace mvr::test
