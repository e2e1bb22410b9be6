// SPDX-License-Identifier: Apache-2.0
#include "mvr/net/socket.hpp"

#include <errno.h>
#include <linux/netlink.h>
#include <sys/socket.h>

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
constexpr std::size_t kBufferSize = 32UL * 1024;

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
  SocketPtr socket(nl_socket_alloc());
  if (!socket) {
    return fail(sys_error(Code::io, ENOMEM, "netlink socket"));
  }
  nl_socket_disable_auto_ack(socket.get());  // a read's answer is its end; changes ask for the ack
  if (nl_connect(socket.get(), protocol) < 0) {
    return fail(socket_error("netlink socket"));
  }
  const int on = 1;
  for (const int option : {NETLINK_EXT_ACK, NETLINK_CAP_ACK, NETLINK_GET_STRICT_CHK}) {
    if (::setsockopt(nl_socket_get_fd(socket.get()), SOL_NETLINK, option, &on, sizeof(on)) != 0) {
      return fail(socket_error("netlink socket option " + std::to_string(option)));
    }
  }
  return Socket(std::move(socket));
}

Result<void> Socket::send(nl_msg* request) {
  nl_complete_msg(socket_.get(), request);
  const nlmsghdr* header = nlmsg_hdr(request);
  for (;;) {
    if (::send(nl_socket_get_fd(socket_.get()), header, header->nlmsg_len, 0) >= 0) {
      return {};
    }
    if (errno != EINTR) {
      return fail(socket_error("netlink send"));
    }
  }
}

/// By the time a request is sent the kernel has dealt with it, and the parts of a list it makes
/// while we read; so an answer that is not there is lost, and waiting for it would be for ever.
/// \source net/netlink/af_netlink.c, netlink_unicast_kernel and netlink_recvmsg
Result<Socket::Outcome> Socket::receive(const nlmsghdr& request, const OnMessage& on_message) {
  alignas(nlmsghdr) std::array<char, kBufferSize> buffer;
  const int fd = nl_socket_get_fd(socket_.get());
  sockaddr_nl sender{};
  ssize_t received = -1;
  do {
    socklen_t length = sizeof(sender);
    received = ::recvfrom(fd, buffer.data(), buffer.size(), MSG_TRUNC | MSG_DONTWAIT,
                          reinterpret_cast<sockaddr*>(&sender), &length);
  } while (received < 0 && errno == EINTR);
  if (received < 0) {
    return fail(socket_error("netlink receive"));
  }
  if (static_cast<std::size_t>(received) > buffer.size()) {
    return fail(sys_error(Code::io, EMSGSIZE, "netlink receive"));
  }
  Outcome outcome;
  if (sender.nl_pid != 0) {
    outcome.is_foreign = true;  // a process of the pod, not the kernel
    return outcome;
  }
  auto left = static_cast<int>(received);
  auto* message = reinterpret_cast<nlmsghdr*>(buffer.data());
  for (; nlmsg_ok(message, left) != 0; message = nlmsg_next(message, &left)) {
    if (message->nlmsg_seq != request.nlmsg_seq) {
      continue;  // the rest of an answer that was given up
    }
    outcome.is_interrupted |= (message->nlmsg_flags & NLM_F_DUMP_INTR) != 0;
    if (message->nlmsg_type == NLMSG_ERROR || message->nlmsg_type == NLMSG_DONE) {
      MVR_TRY(read_status(message));
      outcome.is_finished = true;
      continue;
    }
    on_message(message);
    outcome.is_finished |= (message->nlmsg_flags & NLM_F_MULTI) == 0;
  }
  return outcome;
}

Result<Socket::Outcome> Socket::exchange(nl_msg* request, const OnMessage& on_message) {
  MVR_TRY(send(request));
  const nlmsghdr* header = nlmsg_hdr(request);
  const bool is_dump = (header->nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP;
  Outcome outcome;
  bool is_overrun = false;
  for (int foreign = 0; !outcome.is_finished;) {
    if (foreign == kMostForeign) {
      return fail(Code::io, "netlink receive: a process floods our socket");
    }
    Result<Outcome> part = receive(*header, on_message);
    if (!part && part.error().sys_errno == ENOBUFS) {
      is_overrun = true;  // said once; an answer that is not lost still comes
      continue;
    }
    if (!part) {
      if (is_dump) {
        drain();
      }
      return part;
    }
    foreign += part->is_foreign ? 1 : 0;
    outcome.is_finished = part->is_finished;
    outcome.is_interrupted |= part->is_interrupted;
  }
  return is_overrun && is_dump ? fail(sys_error(Code::io, ENOBUFS, "netlink receive"))
                               : Result<Outcome>(outcome);
}

/// While a list is not read to its end, the kernel refuses the socket another one (EBUSY).
void Socket::drain() {
  std::array<char, kBufferSize> buffer;
  for (int i = 0; i < kMostForeign; ++i) {
    if (::recv(nl_socket_get_fd(socket_.get()), buffer.data(), buffer.size(), MSG_DONTWAIT) < 0) {
      return;
    }
  }
}

Result<void> Socket::change(MessagePtr request) {
  nlmsg_hdr(request.get())->nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
  MVR_TRY(exchange(request.get(), [](nlmsghdr*) {}));
  return {};
}

Result<void> Socket::get(MessagePtr request, const OnMessage& on_answer) {
  nlmsg_hdr(request.get())->nlmsg_flags |= NLM_F_REQUEST;
  MVR_TRY(exchange(request.get(), on_answer));
  return {};
}

Result<void> Socket::dump(MessagePtr request, const std::function<void()>& restart,
                          const OnMessage& on_object) {
  nlmsghdr* header = nlmsg_hdr(request.get());
  header->nlmsg_flags |= NLM_F_REQUEST | NLM_F_DUMP;
  const auto give_up = std::chrono::steady_clock::now() + kDumpRetryTime;
  for (;;) {
    restart();
    header->nlmsg_seq = NL_AUTO_SEQ;
    Result<Outcome> outcome = exchange(request.get(), on_object);
    const bool may_retry = std::chrono::steady_clock::now() < give_up;
    if (!outcome && (outcome.error().sys_errno != ENOBUFS || !may_retry)) {
      return fail(std::move(outcome).error());
    }
    if (outcome && (!outcome->is_interrupted || !may_retry)) {
      return {};
    }
  }
}

}  // namespace mvr::net
