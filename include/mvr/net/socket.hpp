// SPDX-License-Identifier: Apache-2.0
/// \file
/// A netlink socket that keeps what libnl's own calls lose: errno and the kernel's extended ack.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "mvr/base/error.hpp"
#include "mvr/base/fd.hpp"
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

  /// Sends such requests at once. The kernel deals with them one after the other and goes on after
  /// a failure. What each came to, in their order.
  std::vector<Result<void>> change_all(const std::vector<MessagePtr>& requests);

  using OnMessage = std::function<void(nlmsghdr*)>;

  /// Sends a request that has one answer.
  Result<void> get(MessagePtr request, const OnMessage& on_answer);

  /// Sends a dump request. `restart` is called before each try and drops what came before.
  Result<void> dump(MessagePtr request, const std::function<void()>& restart,
                    const OnMessage& on_object);

 private:
  explicit Socket(Fd fd) : fd_(std::move(fd)) {}

  /// What has come of a request so far.
  struct Outcome {
    std::optional<Result<void>> status = {};  ///< once its answer is complete
    bool is_interrupted = false;

    void note(nlmsghdr* message, const OnMessage& on_message);
  };

  Result<void> send(std::span<nlmsghdr* const> requests);
  Result<int> receive(std::uint32_t first, std::span<Outcome> outcomes,
                      const OnMessage& on_message);
  Result<void> receive_all(std::uint32_t first, std::span<Outcome> outcomes,
                           const OnMessage& on_message);
  std::vector<Outcome> exchange(std::span<nlmsghdr* const> requests, const OnMessage& on_message);
  void drain();

  Fd fd_;
  std::uint32_t sequence_ = 0;  ///< of the last request
};

/// The extended ack's text in an NLMSG_ERROR or NLMSG_DONE message; empty if there is none.
/// \param fixed_size bytes before the attributes
/// \source linux/netlink.h, enum nlmsgerr_attrs
std::string extended_ack(nlmsghdr* message, std::size_t fixed_size);

}  // namespace mvr::net
