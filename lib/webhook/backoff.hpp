// SPDX-License-Identifier: Apache-2.0
/// \file
/// How long to wait before what failed is tried again.
#pragma once

#include <chrono>
#include <functional>

namespace mvr::webhook {

/// Twice as long after each failure, up to a bound, and each time something between half of that
/// and all of it: what failed for many at once is not tried again by all of them at once.
class Backoff {
 public:
  using Milliseconds = std::chrono::milliseconds;

  /// \param random a number from 0 up to 1, without 1
  Backoff(Milliseconds first, Milliseconds most, std::function<double()> random);

  /// The next wait. Grows.
  Milliseconds next();

  /// It went well: the next wait is a short one again.
  void reset() { now_ = first_; }

 private:
  Milliseconds first_;
  Milliseconds most_;
  Milliseconds now_;
  std::function<double()> random_;
};

/// A source of numbers for it, different in every process and thread.
std::function<double()> make_random();

}  // namespace mvr::webhook
