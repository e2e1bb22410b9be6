// SPDX-License-Identifier: Apache-2.0
#include "mvr/probe/conflict.hpp"

#include <poll.h>

#include <algorithm>

#include "probe/wire.hpp"

namespace mvr::probe {

Result<ConflictProbe> ConflictProbe::start(const Fd& socket, const Options& options,
                                           std::vector<ip::Address> addresses,
                                           const HasCarrier& has_carrier, const Budget& budget) {
  ConflictProbe probe(socket, options, std::move(addresses));
  if (!probe.addresses_.empty() &&
      MVR_TRY(prepare(socket, options, probe.addresses_, has_carrier, budget))) {
    probe.has_carrier_ = true;
    MVR_TRY(probe.send_round());
  }
  return probe;
}

/// A round that the kernel could not send is repeated at the next turn; twice the attempts bound
/// that.
Result<void> ConflictProbe::send_round() {
  next_ = Clock::now() + options_.interval;
  ++rounds_;
  for (const ip::Address& address : addresses_) {
    const ip::Address nobody = ip::Address::any(address.family());
    const bool is_sent = MVR_TRY(send_question(*socket_, options_, nobody, address));
    if (!is_sent && rounds_ <= options_.attempts && missed_ < options_.attempts) {
      ++missed_;
      --rounds_;
      return {};
    }
  }
  return {};
}

/// Until the next round is due. The clock is looked at for each frame, so that a flood of them does
/// not hold it up.
Result<std::optional<Conflict>> ConflictProbe::listen(const Budget& budget) {
  do {
    if (MVR_TRY(budget.wait(socket_->get(), POLLIN, next_))) {
      const auto claim = MVR_TRY(receive_claim(*socket_, options_.mac));
      if (claim && std::ranges::find(addresses_, claim->address) != addresses_.end()) {
        return Conflict{claim->address, claim->mac};
      }
    }
  } while (Clock::now() < next_);
  return std::nullopt;
}

Result<std::optional<Conflict>> ConflictProbe::finish(const Budget& budget) {
  if (!has_carrier_) {
    return std::nullopt;
  }
  for (;;) {
    if (auto conflict = MVR_TRY(listen(budget))) {
      return conflict;
    }
    if (rounds_ >= options_.attempts) {
      return std::nullopt;
    }
    MVR_TRY(send_round());
  }
}

Result<void> announce(const Fd& socket, const Options& options,
                      const std::vector<ip::Address>& addresses, int times) {
  for (int i = 0; i < times; ++i) {
    for (const ip::Address& address : addresses) {
      MVR_TRY(send_announcement(socket, options, address));
    }
  }
  return {};
}

}  // namespace mvr::probe
