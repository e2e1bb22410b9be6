// SPDX-License-Identifier: Apache-2.0
#include "vm/support/killer.hpp"

#include <linux/netlink.h>
#include <rdma/rdma_netlink.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include <optional>

#include "support/catch.hpp"
#include "support/tracee.hpp"

namespace mvr::test {

namespace {

/// The header of the first netlink request, if that is what the program sends.
std::optional<nlmsghdr> read_request(const Tracee& tracee, const SystemCall& call) {
  const auto message = tracee.read<msghdr>(call.arguments[1]);
  const auto part = message && message->msg_iovlen > 0
                        ? tracee.read<iovec>(reinterpret_cast<std::uint64_t>(message->msg_iov))
                        : std::nullopt;
  const auto header =
      part ? tracee.read<nlmsghdr>(reinterpret_cast<std::uint64_t>(part->iov_base)) : std::nullopt;
  return header && header->nlmsg_len == part->iov_len ? header : std::nullopt;
}

/// The change that the program is about to make.
std::optional<Change> read_change(const Tracee& tracee, const SystemCall& call) {
  switch (call.number) {
    case SYS_sendmsg: {
      const auto request = read_request(tracee, call);
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

}  // namespace

bool Change::is_of_rdma_device() const {
  return message_type == RDMA_NL_GET_TYPE(RDMA_NL_NLDEV, RDMA_NLDEV_CMD_SET);
}

Output run_and_kill(const Command& command, const std::function<bool(const Change&)>& is_it,
                    Moment moment) {
  Tracee tracee(command);
  while (const auto call = tracee.enter()) {
    const auto change = read_change(tracee, *call);
    if (change && is_it(*change)) {
      if (moment == Moment::after) {
        REQUIRE(tracee.leave());
      }
      tracee.kill();
      break;
    }
  }
  return tracee.wait();
}

}  // namespace mvr::test
