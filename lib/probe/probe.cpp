// SPDX-License-Identifier: Apache-2.0
#include "mvr/probe/probe.hpp"

#include <algorithm>

#include "probe/wire.hpp"

namespace mvr::probe {
namespace {

constexpr std::chrono::milliseconds kCarrierPoll{5};

Result<bool> wait_for_carrier(const Options& options, const HasCarrier& has_carrier,
                              const Budget& budget) {
  const auto until = Clock::now() + options.attempts * options.interval;
  for (;;) {
    if (MVR_TRY(has_carrier())) {
      return true;
    }
    if (Clock::now() >= until) {
      return false;
    }
    const auto next = Clock::now() + std::min(options.interval, kCarrierPoll);
    MVR_TRY(budget.wait(-1, 0, std::min(next, until)));
  }
}

}  // namespace

Result<bool> prepare(const Fd& socket, const Options& options,
                     const std::vector<ip::Address>& addresses, const HasCarrier& has_carrier,
                     const Budget& budget) {
  if (!MVR_TRY(wait_for_carrier(options, has_carrier, budget))) {
    return false;
  }
  MVR_TRY(bind_to(socket, options, addresses));
  return true;
}

}  // namespace mvr::probe
