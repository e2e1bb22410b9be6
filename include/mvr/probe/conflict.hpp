// SPDX-License-Identifier: Apache-2.0
/// \file
/// Does somebody have our addresses already? Asked before they are configured.
#pragma once

#include <optional>
#include <vector>

#include "mvr/probe/probe.hpp"

namespace mvr::probe {

/// An address of ours that another one claims.
struct Conflict {
  ip::Address address;
  ip::Mac owner;

  bool operator==(const Conflict&) const = default;
};

/// Probes for addresses while the caller does something else: `start` sends the first ones,
/// `finish` the rest, and listens. Nobody's cache changes by it: they name no sender. Another one
/// that probes for the same address at this moment is a conflict as well.
/// \source RFC 5227, section 2.1.1; RFC 4862, section 5.4
class ConflictProbe {
 public:
  /// \param socket outlives the probe
  /// Errors: Code::io (socket), interrupted.
  static Result<ConflictProbe> start(const Fd& socket, const Options& options,
                                     std::vector<ip::Address> addresses,
                                     const HasCarrier& has_carrier, const Budget& budget);

  /// The first conflict, as soon as it is seen; nothing when all attempts and the interval after
  /// the last have passed without one, or when there is no carrier and so nobody to be asked.
  Result<std::optional<Conflict>> finish(const Budget& budget);

  /// False when the addresses have not been asked for as often as wanted: no carrier, or the kernel
  /// could not send.
  [[nodiscard]] bool is_conclusive() const { return has_carrier_ && missed_ < options_.attempts; }

 private:
  ConflictProbe(const Fd& socket, const Options& options, std::vector<ip::Address> addresses)
      : socket_(&socket), options_(options), addresses_(std::move(addresses)) {}

  Result<void> send_round();
  Result<std::optional<Conflict>> listen(const Budget& budget);

  const Fd* socket_;
  Options options_;
  std::vector<ip::Address> addresses_;
  int rounds_ = 0;               ///< sent
  int missed_ = 0;               ///< that the kernel could not send
  Clock::time_point next_ = {};  ///< when the next one is due, or the wait after the last ends
  bool has_carrier_ = false;
};

/// Tells the NIC's neighbours its addresses, so that they forget whoever had them before.
/// \param times how often: a neighbour may lose the first one
/// Fails with Code::io.
/// \source RFC 5227, section 2.3; RFC 4861, section 7.2.6
Result<void> announce(const Fd& socket, const Options& options,
                      const std::vector<ip::Address>& addresses, int times);

}  // namespace mvr::probe
