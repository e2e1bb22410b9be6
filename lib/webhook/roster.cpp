// SPDX-License-Identifier: Apache-2.0
#include "webhook/roster.hpp"

#include <algorithm>
#include <tuple>
#include <utility>
#include <vector>

namespace mvr::webhook {

/// Called with the lock held. Empty when nobody gives way.
std::function<void()> Roster::take_place() {
  const auto rank = [](const auto& entry) {
    return std::tuple(entry.second.phase, entry.second.since);
  };
  const auto first = std::ranges::min_element(taken_, {}, rank);
  if (first == taken_.end() || first->second.phase == Phase::answering) {
    return nullptr;
  }
  std::function<void()> close = std::move(first->second.close);
  taken_.erase(first);
  return close;
}

std::optional<Roster::Id> Roster::enter(std::function<void()> close) {
  std::function<void()> evict;
  Id id = 0;
  {
    const std::lock_guard lock(mutex_);
    if (taken_.size() >= places_) {
      evict = take_place();
      if (!evict) {
        return std::nullopt;
      }
    }
    id = ++count_;
    taken_.emplace(id, Place{Phase::fresh, id, std::move(close)});
  }
  if (evict) {
    evict();
  }
  return id;
}

void Roster::change(Id id, Phase phase) {
  const std::lock_guard lock(mutex_);
  const auto found = taken_.find(id);
  if (found != taken_.end()) {
    found->second.phase = phase;
    found->second.since = ++count_;
  }
}

void Roster::leave(Id id) {
  const std::lock_guard lock(mutex_);
  taken_.erase(id);
  if (taken_.empty()) {
    empty_.notify_all();
  }
}

void Roster::close_waiting() {
  std::vector<std::function<void()>> waiting;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [id, place] : taken_) {
      if (place.phase == Phase::fresh || place.phase == Phase::idle) {
        waiting.push_back(place.close);
      }
    }
  }
  for (const auto& close : waiting) {
    close();
  }
}

bool Roster::wait_empty(std::chrono::steady_clock::time_point until) {
  std::unique_lock lock(mutex_);
  return empty_.wait_until(lock, until, [&] { return taken_.empty(); });
}

std::size_t Roster::size() const {
  const std::lock_guard lock(mutex_);
  return taken_.size();
}

}  // namespace mvr::webhook
