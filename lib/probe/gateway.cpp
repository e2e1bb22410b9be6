// SPDX-License-Identifier: Apache-2.0
#include "mvr/probe/gateway.hpp"

#include <errno.h>
#include <poll.h>
#include <sys/epoll.h>

#include <algorithm>

#include "probe/wire.hpp"

namespace mvr::probe {
namespace {

/// A target that is being asked.
using Query = Answer;

std::chrono::microseconds since(Clock::time_point start) {
  return std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - start);
}

void note_claim(const Claim& claim, Clock::time_point start, std::vector<Query>& queries) {
  for (Query& query : queries) {
    if (!query.mac && !claim.is_probe && query.target.gateway == claim.address) {
      query.mac = claim.mac;
      query.elapsed = since(start);
    }
  }
}

bool all_answered(const std::vector<Query>& queries) {
  return std::ranges::all_of(queries, [](const Query& query) { return query.mac.has_value(); });
}

/// Sends one request for each target that has not answered and has attempts left.
/// False when there was none.
Result<bool> send_round(const Fd& socket, const Options& options, std::vector<Query>& queries) {
  bool is_needed = false;
  for (Query& query : queries) {
    if (!query.mac && query.attempts < options.attempts) {
      is_needed = true;
      const Target& target = query.target;
      const bool is_sent = MVR_TRY(send_question(socket, options, target.source, target.gateway));
      query.attempts += is_sent ? 1 : 0;
    }
  }
  return is_needed;
}

/// Receives until `until` or until all have answered. The clock is looked at for each frame, so
/// that a flood of them does not hold up the next request.
Result<void> receive_until(const Fd& socket, const ip::Mac& own, Clock::time_point start,
                           Clock::time_point until, const Budget& budget,
                           std::vector<Query>& queries) {
  while (!all_answered(queries) && Clock::now() < until) {
    if (MVR_TRY(budget.wait(socket.get(), POLLIN, until))) {
      const auto claim = MVR_TRY(receive_claim(socket, own));
      if (claim) {
        note_claim(*claim, start, queries);
      }
    }
  }
  return {};
}

/// A round whose requests could not be sent is made up for; twice the attempts bound that.
Result<void> ask(const Fd& socket, const Options& options, Clock::time_point start,
                 const Budget& budget, std::vector<Query>& queries) {
  for (int round = 0; round < 2 * options.attempts; ++round) {
    const auto until = Clock::now() + options.interval;
    if (!MVR_TRY(send_round(socket, options, queries))) {
      break;
    }
    MVR_TRY(receive_until(socket, options.mac, start, until, budget, queries));
  }
  return {};
}

Result<std::vector<Query>> make_queries(const std::vector<Target>& targets) {
  std::vector<Query> queries;
  for (const Target& target : targets) {
    if (target.source.family() != target.gateway.family()) {
      return fail(sys_error(Code::io, EAFNOSUPPORT, "probe for " + target.gateway.to_string()));
    }
    queries.push_back({target, std::nullopt, 0, {}});
  }
  return queries;
}

std::vector<ip::Address> list_sources(const std::vector<Target>& targets) {
  std::vector<ip::Address> sources;
  std::ranges::transform(targets, std::back_inserter(sources), &Target::source);
  return sources;
}

/// One NIC of several that ask at the same time.
struct Asking {
  const Inquiry* inquiry = nullptr;
  int epoll = -1;
  std::vector<Query> queries = {};
  std::optional<Error> error = {};  ///< then it is done

  [[nodiscard]] bool is_done() const { return error || all_answered(queries); }

  /// Nobody listens to a socket that has failed: it would be ready again and again.
  void give_up(Error why) {
    error = std::move(why);
    ::epoll_ctl(epoll, EPOLL_CTL_DEL, inquiry->socket->get(), nullptr);
  }

  /// Keeps what has failed, and gives what has not.
  template <typename T>
  std::optional<T> note(Result<T> result) {
    if (!result) {
      give_up(std::move(result).error());
      return std::nullopt;
    }
    return *std::move(result);
  }
};

Result<std::vector<Query>> begin(const Inquiry& inquiry, const Fd& epoll) {
  auto queries = MVR_TRY(make_queries(inquiry.targets));
  MVR_TRY(bind_to(*inquiry.socket, inquiry.options, list_sources(inquiry.targets)));
  epoll_event event{};
  event.events = EPOLLIN;
  if (::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, inquiry.socket->get(), &event) != 0) {
    return fail(sys_error(Code::io, errno, "epoll"));
  }
  return queries;
}

bool are_done(const std::vector<Asking>& nics) {
  return std::ranges::all_of(nics, &Asking::is_done);
}

/// False when there was nobody to ask.
bool send_rounds(std::vector<Asking>& nics) {
  bool is_needed = false;
  for (Asking& nic : nics) {
    if (!nic.error) {
      const auto sent =
          nic.note(send_round(*nic.inquiry->socket, nic.inquiry->options, nic.queries));
      is_needed |= sent.value_or(false);
    }
  }
  return is_needed;
}

void receive_all(Clock::time_point start, std::vector<Asking>& nics) {
  for (Asking& nic : nics) {
    if (!nic.error) {
      const auto claim = nic.note(receive_claim(*nic.inquiry->socket, nic.inquiry->options.mac))
                             .value_or(std::nullopt);
      if (claim) {
        note_claim(*claim, start, nic.queries);
      }
    }
  }
}

Result<void> ask_together(const Fd& epoll, const Options& options, Clock::time_point start,
                          const Budget& budget, std::vector<Asking>& nics) {
  for (int round = 0; round < 2 * options.attempts; ++round) {
    const auto until = Clock::now() + options.interval;
    if (!send_rounds(nics)) {
      break;
    }
    while (!are_done(nics) && Clock::now() < until) {
      if (MVR_TRY(budget.wait(epoll.get(), POLLIN, until))) {
        receive_all(start, nics);
      }
    }
  }
  return {};
}

void note_silence(Clock::time_point start, std::vector<Query>& queries) {
  for (Query& query : queries) {
    if (!query.mac) {
      query.elapsed = since(start);
    }
  }
}

}  // namespace

Result<std::vector<Answer>> probe_gateways(const Fd& socket, const Options& options,
                                           const std::vector<Target>& targets,
                                           const HasCarrier& has_carrier, const Budget& budget) {
  const auto start = Clock::now();
  std::vector<Query> queries = MVR_TRY(make_queries(targets));
  if (!queries.empty() &&
      MVR_TRY(prepare(socket, options, list_sources(targets), has_carrier, budget))) {
    MVR_TRY(ask(socket, options, start, budget, queries));
  }
  note_silence(start, queries);
  return queries;
}

Result<std::vector<Result<std::vector<Answer>>>> probe_together(
    const std::vector<Inquiry>& inquiries, const Budget& budget) {
  std::vector<Result<std::vector<Answer>>> answers;
  if (inquiries.empty()) {
    return answers;
  }
  const auto start = Clock::now();
  const Fd epoll(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll) {
    return fail(sys_error(Code::io, errno, "epoll"));
  }
  std::vector<Asking> nics;
  for (const Inquiry& inquiry : inquiries) {
    nics.push_back({&inquiry, epoll.get()});
    nics.back().queries = nics.back().note(begin(inquiry, epoll)).value_or(std::vector<Query>());
  }
  MVR_TRY(ask_together(epoll, inquiries.front().options, start, budget, nics));
  for (Asking& nic : nics) {
    note_silence(start, nic.queries);
    answers.push_back(nic.error ? fail(*std::move(nic.error))
                                : Result<std::vector<Answer>>(std::move(nic.queries)));
  }
  return answers;
}

}  // namespace mvr::probe
