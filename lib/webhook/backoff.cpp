// SPDX-License-Identifier: Apache-2.0
#include "webhook/backoff.hpp"

#include <algorithm>
#include <memory>
#include <random>
#include <utility>

namespace mvr::webhook {

Backoff::Backoff(Milliseconds first, Milliseconds most, std::function<double()> random)
    : first_(first), most_(most), now_(first), random_(std::move(random)) {
}

Backoff::Milliseconds Backoff::next() {
  const double share = 0.5 + random_() / 2;
  const auto wait = std::chrono::duration<double, std::milli>(now_) * share;
  now_ = std::min(most_, now_ * 2);
  return std::chrono::ceil<Milliseconds>(wait);
}

std::function<double()> make_random() {
  auto engine = std::make_shared<std::minstd_rand>(std::random_device{}());
  return [engine] { return std::uniform_real_distribution<double>(0, 1)(*engine); };
}

}  // namespace mvr::webhook
