// SPDX-License-Identifier: Apache-2.0
/// \file
/// The places that there are for connections, and who gives up his for a newcomer.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>

namespace mvr::webhook {

/// What a connection does, in the order in which they give way: who has shown nothing yet is the
/// first, who is being answered never does. So slow or silent clients, however many, take nothing
/// from those who ask: they are gone when their places are wanted. An answer is on its way for no
/// time, unless its reader is such a client: so it is `writing`, and no longer `answering`.
enum class Phase { fresh, reading, writing, idle, answering };

/// Every function may be called by any thread.
class Roster {
 public:
  using Id = std::uint64_t;

  explicit Roster(std::size_t places) : places_(places) {}

  /// A place for a fresh connection. When there is none left, the one that has been longest in the
  /// first of the phases loses its own: its `close` is called. Nothing when all are being answered.
  std::optional<Id> enter(std::function<void()> close);

  /// An id that has left is passed over, here and below.
  void change(Id id, Phase phase);
  void leave(Id id);

  /// Closes those that have no request under way.
  void close_waiting();

  /// True when all have left before the moment.
  bool wait_empty(std::chrono::steady_clock::time_point until);

  [[nodiscard]] std::size_t size() const;

 private:
  struct Place {
    Phase phase = Phase::fresh;
    std::uint64_t since = 0;  ///< a count of all changes
    std::function<void()> close;
  };

  std::function<void()> take_place();

  std::size_t places_;
  mutable std::mutex mutex_;
  std::condition_variable empty_;
  std::map<Id, Place> taken_;
  std::uint64_t count_ = 0;
};

}  // namespace mvr::webhook
