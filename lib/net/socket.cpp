// SPDX-License-Identifier: Apache-2.0
#include "mvr/net/socket.hpp"

#include <errno.h>
#include <linux/netlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <string>

#include <netlink/attr.h>

namespace mvr::net {
namespace {

/// Datagrams of others that are passed over: they may write as fast as we read.
constexpr int kMostForeign = 100'000;

constexpr std::chrono::milliseconds kDumpRetryTime{500};

/// The kernel fills a dump's datagrams up to the reader's buffer, at most 32 KiB.
/// \source net/netlink/af_netlink.c, netlink_dump
constexpr std::size_t kLargest = 32UL * 1024;

/// What is enough for an ack with its extended text, since the request is not repeated in it.
constexpr std::size_t kAckSize = 4UL * 1024;

/// Requests in one sendmsg(2), whose acks have room in the socket.
constexpr std::size_t kMostAtOnce = 64;

Error socket_error(std::string_view what) {
  return sys_error(Code::io, errno, what);
}

/// The failure that an NLMSG_ERROR or NLMSG_DONE reports; nothing for an ack.
Result<void> read_status(nlmsghdr* message) {
  if (message->nlmsg_len < NLMSG_HDRLEN + sizeof(int)) {
    return fail(Code::io, "the kernel's answer is cut short");
  }
  const int status = *static_cast<const int*>(nlmsg_data(message));
  if (status >= 0) {
    return {};
  }
  // An error carries the request behind the status, in full unless the kernel caps it.
  std::size_t fixed_size = sizeof(int);
  if (message->nlmsg_type == NLMSG_ERROR) {
    const auto* error = static_cast<const nlmsgerr*>(nlmsg_data(message));
    const bool is_capped = (message->nlmsg_flags & NLM_F_CAPPED) != 0;
    fixed_size = sizeof(nlmsgerr);
    fixed_size += is_capped ? 0 : NLMSG_ALIGN(error->msg.nlmsg_len) - sizeof(nlmsghdr);
  }
  Error error = sys_error(Code::io, -status, "the kernel answers");
  error.details = extended_ack(message, fixed_size);
  return fail(std::move(error));
}

/// What one recvmmsg(2) reads: several datagrams, so that the parts of an answer need one call.
class Datagrams {
 public:
  /// \param size the largest that is expected
  explicit Datagrams(std::size_t size) : size_(size), count_(kBufferSize / size) {
    for (std::size_t i = 0; i < count_; ++i) {
      parts_[i] = {buffer_.data() + i * size, size};
      headers_[i].msg_hdr = {&senders_[i], sizeof(sockaddr_nl), &parts_[i], 1, nullptr, 0, 0};
    }
  }

  /// How many there were. EAGAIN when there is none.
  Result<std::size_t> read(const Fd& fd) {
    int count = -1;
    do {
      count = ::recvmmsg(fd.get(), headers_.data(), static_cast<unsigned>(count_),
                         MSG_TRUNC | MSG_DONTWAIT, nullptr);
    } while (count < 0 && errno == EINTR);
    if (count < 0) {
      return fail(socket_error("netlink receive"));
    }
    return static_cast<std::size_t>(count);
  }

  [[nodiscard]] bool is_from_kernel(std::size_t i) const { return senders_[i].nl_pid == 0; }

  /// Calls `visit` for each message of the i-th datagram.
  template <typename Visit>
  Result<void> for_each(std::size_t i, const Visit& visit) {
    if (headers_[i].msg_len > size_) {
      return fail(sys_error(Code::io, EMSGSIZE, "netlink receive"));
    }
    auto left = static_cast<int>(headers_[i].msg_len);
    auto* message = reinterpret_cast<nlmsghdr*>(parts_[i].iov_base);
    for (; nlmsg_ok(message, left) != 0; message = nlmsg_next(message, &left)) {
      visit(message);
    }
    return {};
  }

 private:
  static constexpr std::size_t kMostParts = 16;
  static constexpr std::size_t kBufferSize = kMostParts * kAckSize;

  std::size_t size_;
  std::size_t count_;
  alignas(nlmsghdr) std::array<char, kBufferSize> buffer_;
  std::array<mmsghdr, kMostParts> headers_{};
  std::array<iovec, kMostParts> parts_{};
  std::array<sockaddr_nl, kMostParts> senders_{};
};

bool is_dump(const nlmsghdr& request) {
  return (request.nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP;
}

}  // namespace

std::string extended_ack(nlmsghdr* message, std::size_t fixed_size) {
  if ((message->nlmsg_flags & NLM_F_ACK_TLVS) == 0 ||
      message->nlmsg_len < NLMSG_HDRLEN + NLMSG_ALIGN(fixed_size)) {
    return {};
  }
  const nlattr* text = nlmsg_find_attr(message, static_cast<int>(fixed_size), NLMSGERR_ATTR_MSG);
  if (text == nullptr || nla_len(text) <= 0) {
    return {};
  }
  const std::string bytes(static_cast<const char*>(nla_data(text)),
                          static_cast<std::size_t>(nla_len(text)));
  return bytes.substr(0, bytes.find('\0'));
}

Result<Socket> Socket::open(int protocol) {
  Fd fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol));
  if (!fd) {
    return fail(socket_error("netlink socket"));
  }
  const int on = 1;
  for (const int option : {NETLINK_EXT_ACK, NETLINK_CAP_ACK, NETLINK_GET_STRICT_CHK}) {
    if (::setsockopt(fd.get(), SOL_NETLINK, option, &on, sizeof(on)) != 0) {
      return fail(socket_error("netlink socket option " + std::to_string(option)));
    }
  }
  return Socket(std::move(fd));
}

/// The kernel gives the socket its number with the first request.
Result<void> Socket::send(std::span<nlmsghdr* const> requests) {
  std::vector<iovec> parts;
  for (nlmsghdr* request : requests) {
    request->nlmsg_seq = ++sequence_;
    parts.push_back({request, request->nlmsg_len});
  }
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  for (;;) {
    if (::sendmsg(fd_.get(), &message, 0) >= 0) {
      return {};
    }
    if (errno != EINTR) {
      return fail(socket_error("netlink send"));
    }
  }
}

void Socket::Outcome::note(nlmsghdr* message, const OnMessage& on_message) {
  is_interrupted |= (message->nlmsg_flags & NLM_F_DUMP_INTR) != 0;
  if (message->nlmsg_type == NLMSG_ERROR || message->nlmsg_type == NLMSG_DONE) {
    status = read_status(message);
    return;
  }
  on_message(message);
  if ((message->nlmsg_flags & NLM_F_MULTI) == 0) {
    status = Result<void>();
  }
}

/// By the time a request is sent the kernel has dealt with it, and the parts of a list it makes
/// while we read; so an answer that is not there is lost, and waiting for it would be for ever.
/// Returns how many datagrams were of a process of the pod, and not of the kernel.
/// \source net/netlink/af_netlink.c, netlink_unicast_kernel and netlink_recvmsg
Result<int> Socket::receive(std::uint32_t first, std::span<Outcome> outcomes,
                            const OnMessage& on_message) {
  Datagrams datagrams(outcomes.size() == 1 ? kLargest : kAckSize);
  const std::size_t count = MVR_TRY(datagrams.read(fd_));
  int foreign = 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (!datagrams.is_from_kernel(i)) {
      ++foreign;
      continue;
    }
    MVR_TRY(datagrams.for_each(i, [&](nlmsghdr* message) {
      const std::size_t which = message->nlmsg_seq - first;
      if (which < outcomes.size()) {  // else it is the rest of an answer that was given up
        outcomes[which].note(message, on_message);
      }
    }));
  }
  return foreign;
}

/// Until each request has its outcome.
Result<void> Socket::receive_all(std::uint32_t first, std::span<Outcome> outcomes,
                                 const OnMessage& on_message) {
  const auto is_open = [](const Outcome& outcome) { return !outcome.status; };
  bool is_overrun = false;
  for (int foreign = 0; std::ranges::any_of(outcomes, is_open);) {
    if (foreign >= kMostForeign) {
      return fail(Code::io, "netlink receive: a process floods our socket");
    }
    const Result<int> received = receive(first, outcomes, on_message);
    if (!received && received.error().sys_errno == ENOBUFS) {
      is_overrun = true;  // said once; an answer that is not lost still comes
      continue;
    }
    foreign += MVR_TRY(received);
  }
  return is_overrun ? fail(sys_error(Code::io, ENOBUFS, "netlink receive")) : Result<void>();
}

/// The requests' outcomes, each with its status. What failed on the way is the status of all that
/// had none by then.
std::vector<Socket::Outcome> Socket::exchange(std::span<nlmsghdr* const> requests,
                                              const OnMessage& on_message) {
  std::vector<Outcome> outcomes(requests.size());
  Result<void> done = send(requests);
  if (done) {
    done = receive_all(requests.front()->nlmsg_seq, outcomes, on_message);
  }
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    // A list that has lost a part is none. An ack that has come is one, whatever else was lost.
    if (!done && (!outcomes[i].status || is_dump(*requests[i]))) {
      outcomes[i].status = done;
    }
  }
  return outcomes;
}

/// While a list is not read to its end, the kernel refuses the socket another one (EBUSY).
void Socket::drain() {
  Datagrams datagrams(kLargest);
  for (int i = 0; i < kMostForeign && datagrams.read(fd_); ++i) {
  }
}

std::vector<Result<void>> Socket::change_all(const std::vector<MessagePtr>& requests) {
  std::vector<Result<void>> results;
  std::vector<nlmsghdr*> headers;
  for (const MessagePtr& request : requests) {
    headers.push_back(nlmsg_hdr(request.get()));
    headers.back()->nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
  }
  for (std::span<nlmsghdr* const> left = headers; !left.empty();) {
    const auto some = left.first(std::min(left.size(), kMostAtOnce));
    for (Outcome& outcome : exchange(some, [](nlmsghdr*) {})) {
      results.push_back(*std::move(outcome.status));
    }
    left = left.subspan(some.size());
  }
  return results;
}

Result<void> Socket::change(MessagePtr request) {
  nlmsghdr* header = nlmsg_hdr(request.get());
  header->nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
  return *exchange({&header, 1}, [](nlmsghdr*) {}).front().status;
}

Result<void> Socket::get(MessagePtr request, const OnMessage& on_answer) {
  nlmsghdr* header = nlmsg_hdr(request.get());
  header->nlmsg_flags |= NLM_F_REQUEST;
  return *exchange({&header, 1}, on_answer).front().status;
}

Result<void> Socket::dump(MessagePtr request, const std::function<void()>& restart,
                          const OnMessage& on_object) {
  nlmsghdr* header = nlmsg_hdr(request.get());
  header->nlmsg_flags |= NLM_F_REQUEST | NLM_F_DUMP;
  const auto give_up = std::chrono::steady_clock::now() + kDumpRetryTime;
  for (;;) {
    restart();
    const Outcome outcome = exchange({&header, 1}, on_object).front();
    const bool may_retry = std::chrono::steady_clock::now() < give_up;
    const Result<void>& status = *outcome.status;
    if (!status && (status.error().sys_errno != ENOBUFS || !may_retry)) {
      drain();
      return status;
    }
    if (status && (!outcome.is_interrupted || !may_retry)) {
      return {};
    }
  }
}

}  // namespace mvr::net
