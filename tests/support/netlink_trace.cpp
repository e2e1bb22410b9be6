// SPDX-License-Identifier: Apache-2.0
#include "support/netlink_trace.hpp"

#include <linux/netlink.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include <fstream>
#include <limits>
#include <map>

#include "support/catch.hpp"
#include "support/tracee.hpp"

namespace mvr::test {

namespace {

/// The kernel begins the call again by itself, as often as it likes: a write to one of IPv6's
/// sysctls for as long as somebody, anywhere on the machine, holds the lock of all network
/// configuration. \source linux/errno.h: ERESTARTNOINTR, which only a tracer sees;
/// restart_syscall() in net/ipv6/addrconf.c
constexpr std::int64_t kRestarted = -513;

ino_t read_netns(const std::string& process) {
  struct stat info {};
  stat(("/proc/" + process + "/ns/net").c_str(), &info);
  return info.st_ino;
}

/// The number behind a label in /proc/PID/status, where the process still has its memory.
std::uint64_t read_status(pid_t pid, const std::string& label) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  std::string word;
  while (status >> word && word != label) {
  }
  std::uint64_t value = 0;
  status >> value;
  return value;
}

/// \source proc_pid_stat(5): minflt is the tenth field, the second one is in parentheses.
std::uint64_t read_minor_faults(pid_t pid) {
  std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
  constexpr auto kAll = std::numeric_limits<std::streamsize>::max();
  stat.ignore(kAll, ')');
  constexpr int kBetween = 7;
  std::string word;
  for (int i = 0; i < kBetween; ++i) {
    stat >> word;
  }
  std::uint64_t faults = 0;
  stat >> faults;
  return faults;
}

/// Notes what goes through the sockets that a program opens.
class Listener {
 public:
  explicit Listener(Tracee& tracee) : tracee_(tracee) {}

  /// A call that has succeeded.
  void note(const SystemCall& call, std::uint64_t result) {
    const auto fd = call.arguments[0];
    if (call.number == SYS_socket) {
      if (call.arguments[0] == AF_NETLINK) {
        sockets_[result] = read_netns(std::to_string(tracee_.pid())) == read_netns("self");
      }
    } else if (call.number == SYS_close) {
      sockets_.erase(fd);
    } else if (const auto found = sockets_.find(fd); found != sockets_.end()) {
      note_transfer(call, result, found->second);
    }
  }

  /// Moves what was seen so far into `traced`.
  void hand_over(Traced& traced) {
    traced.host = std::move(host_);
    traced.pod = std::move(pod_);
    traced.sent = std::move(sent_);
  }

 private:
  void note_transfer(const SystemCall& call, std::uint64_t result, bool is_hosts) {
    switch (call.number) {
      case SYS_sendmsg:
        note_message(call.arguments[1], is_hosts);
        break;
      case SYS_sendto:
        note_requests(call.arguments[1], result, is_hosts);
        break;
      case SYS_recvmsg:
      case SYS_recvfrom:
        note_answer(result, is_hosts);
        break;
      case SYS_recvmmsg:
        for (std::uint64_t i = 0; i < result; ++i) {
          note_answer(read<mmsghdr>(call.arguments[1] + i * sizeof(mmsghdr)).msg_len, is_hosts);
        }
        break;
      default:
        break;
    }
  }

  void note_answer(std::uint64_t size, bool is_hosts) {
    NetlinkTraffic& traffic = is_hosts ? host_ : pod_;
    ++traffic.messages;
    traffic.bytes += size;
  }

  void note_message(std::uint64_t address, bool is_hosts) {
    const auto message = read<msghdr>(address);
    for (std::size_t i = 0; i < message.msg_iovlen; ++i) {
      const auto part = read<iovec>(reinterpret_cast<std::uint64_t>(message.msg_iov + i));
      note_requests(reinterpret_cast<std::uint64_t>(part.iov_base), part.iov_len, is_hosts);
    }
  }

  void note_requests(std::uint64_t address, std::uint64_t size, bool is_hosts) {
    const std::uint64_t end = address + size;
    while (address + sizeof(nlmsghdr) <= end) {
      const auto header = read<nlmsghdr>(address);
      const bool is_dump = (header.nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP;
      NetlinkTraffic& traffic = is_hosts ? host_ : pod_;
      traffic.requests.push_back(std::to_string(header.nlmsg_type) + (is_dump ? " dump" : ""));
      REQUIRE(header.nlmsg_len >= sizeof(nlmsghdr));
      std::string bytes(header.nlmsg_len, '\0');
      REQUIRE(tracee_.read_bytes(address, bytes.data(), bytes.size()));
      sent_.push_back({is_hosts, std::move(bytes)});
      address += NLMSG_ALIGN(header.nlmsg_len);
    }
  }

  template <typename T>
  [[nodiscard]] T read(std::uint64_t address) const {
    const auto value = tracee_.read<T>(address);
    REQUIRE(value);
    return *value;
  }

  Tracee& tracee_;
  std::map<std::uint64_t, bool> sockets_ = {};  ///< by number; is it of the host's namespace?
  NetlinkTraffic host_ = {};
  NetlinkTraffic pod_ = {};
  std::vector<SentMessage> sent_ = {};
};

}  // namespace

Traced run_traced(const Call& call) {
  Command command = make_command(call);
  command.env["ASAN_OPTIONS"] += ":detect_leaks=0";  // which needs ptrace itself
  Tracee tracee(std::move(command));
  Listener listener(tracee);
  Traced traced;
  while (const auto entered = tracee.enter()) {
    ++traced.system_calls;
    if (entered->number == SYS_exit_group) {
      traced.minor_faults = read_minor_faults(tracee.pid());
      traced.peak_kib = read_status(tracee.pid(), "VmHWM:");
    }
    const auto result = tracee.leave();
    if (result == kRestarted) {
      --traced.system_calls;
    } else if (result && *result >= 0) {
      listener.note(*entered, static_cast<std::uint64_t>(*result));
    }
  }
  listener.hand_over(traced);
  traced.answer = make_answer(tracee.wait());
  return traced;
}

}  // namespace mvr::test
