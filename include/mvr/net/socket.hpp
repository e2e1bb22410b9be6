// SPDX-License-Identifier: Apache-2.0
/// \file
/// A netlink socket that keeps what libnl's own calls lose: errno and the kernel's extended ack.
#pragma once

#include <functional>

#include "mvr/base/error.hpp"
#include "mvr/net/handle.hpp"

namespace mvr::net {

/// One socket, one netns: that in which it was opened, wherever the process goes afterwards.
/// Strict checking of requests and extended acks are on. Requests are synchronous: the kernel has
/// queued its whole answer, or its next part, when send returns. All errors carry Code::io, the
/// kernel's errno, and its extended ack as details; callers give them their own code.
///
/// Interrupted calls (EINTR) are repeated. ENOBUFS: a dump is asked for again; any other answer is
/// still awaited. What another process sends to the socket is ignored. An interrupted dump
/// (NLM_F_DUMP_INTR) is repeated for half a second, then its last answer is taken, as the objects
/// looked for are hardly ever those that changed.
class Socket {
 public:
  /// \param protocol NETLINK_ROUTE or another family of netlink(7)
  static Result<Socket> open(int protocol);

  /// Sends a request that changes something and waits for the ack.
  Result<void> change(MessagePtr request);

  using OnMessage = std::function<void(nlmsghdr*)>;

  /// Sends a request that has one answer.
  Result<void> get(MessagePtr request, const OnMessage& on_answer);

  /// Sends a dump request. `restart` is called before each try and drops what came before.
  Result<void> dump(MessagePtr request, const std::function<void()>& restart,
                    const OnMessage& on_object);

 private:
  explicit Socket(SocketPtr socket) : socket_(std::move(socket)) {}

  struct Outcome {
    bool is_finished = false;
    bool is_interrupted = false;
    bool is_foreign = false;  ///< from a process, not the kernel
  };

  Result<void> send(nl_msg* request);
  Result<Outcome> receive(const nlmsghdr& request, const OnMessage& on_message);
  Result<Outcome> exchange(nl_msg* request, const OnMessage& on_message);
  void drain();

  SocketPtr socket_;
};

/// The extended ack's text in an NLMSG_ERROR or NLMSG_DONE message; empty if there is none.
/// \param fixed_size bytes before the attributes
/// \source linux/netlink.h, enum nlmsgerr_attrs
std::string extended_ack(nlmsghdr* message, std::size_t fixed_size);

}  // namespace mvr::net
