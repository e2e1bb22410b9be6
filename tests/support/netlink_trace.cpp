// SPDX-License-Identifier: Apache-2.0
#include "support/netlink_trace.hpp"

#include <linux/netlink.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include <set>

#include "support/catch.hpp"
#include "support/tracee.hpp"

namespace mvr::test {

namespace {

ino_t read_netns(const std::string& process) {
  struct stat info {};
  stat(("/proc/" + process + "/ns/net").c_str(), &info);
  return info.st_ino;
}

/// Notes what goes through the sockets that a program opens in our network namespace.
class Listener {
 public:
  explicit Listener(Tracee& tracee) : tracee_(tracee) {}

  /// A call that has succeeded.
  void note(const SystemCall& call, std::uint64_t result) {
    const auto fd = call.arguments[0];
    if (call.number == SYS_socket) {
      const bool is_hosts = read_netns(std::to_string(tracee_.pid())) == read_netns("self");
      if (call.arguments[0] == AF_NETLINK && is_hosts) {
        sockets_.insert(result);
      }
    } else if (call.number == SYS_close) {
      sockets_.erase(fd);
    } else if (sockets_.contains(fd)) {
      note_transfer(call, result);
    }
  }

  [[nodiscard]] const NetlinkTraffic& host() const { return host_; }

 private:
  void note_transfer(const SystemCall& call, std::uint64_t result) {
    switch (call.number) {
      case SYS_sendmsg:
        note_message(call.arguments[1]);
        break;
      case SYS_sendto:
        note_requests(call.arguments[1], result);
        break;
      case SYS_recvmsg:
      case SYS_recvfrom:
        note_answer(result);
        break;
      case SYS_recvmmsg:
        for (std::uint64_t i = 0; i < result; ++i) {
          note_answer(read<mmsghdr>(call.arguments[1] + i * sizeof(mmsghdr)).msg_len);
        }
        break;
      default:
        break;
    }
  }

  void note_answer(std::uint64_t size) {
    ++host_.messages;
    host_.bytes += size;
  }

  void note_message(std::uint64_t address) {
    const auto message = read<msghdr>(address);
    for (std::size_t i = 0; i < message.msg_iovlen; ++i) {
      const auto part = read<iovec>(reinterpret_cast<std::uint64_t>(message.msg_iov + i));
      note_requests(reinterpret_cast<std::uint64_t>(part.iov_base), part.iov_len);
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

  template <typename T>
  [[nodiscard]] T read(std::uint64_t address) const {
    const auto value = tracee_.read<T>(address);
    REQUIRE(value);
    return *value;
  }

  Tracee& tracee_;
  std::set<std::uint64_t> sockets_;
  NetlinkTraffic host_;
};

}  // namespace

Traced run_traced(const Call& call) {
  Command command = make_command(call);
  command.env["ASAN_OPTIONS"] += ":detect_leaks=0";  // which needs ptrace itself
  Tracee tracee(std::move(command));
  Listener listener(tracee);
  while (const auto entered = tracee.enter()) {
    const auto result = tracee.leave();
    if (result && *result >= 0) {
      listener.note(*entered, static_cast<std::uint64_t>(*result));
    }
  }
  return {make_answer(tracee.wait()), listener.host()};
}

}  // namespace mvr::test
