// SPDX-License-Identifier: Apache-2.0
#include "mvr/probe/gateway.hpp"

#include <errno.h>
#include <poll.h>

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
  for (Query& query : queries) {
    if (!query.mac) {
      query.elapsed = since(start);
    }
  }
  return queries;
}

}  // namespace mvr::probe
