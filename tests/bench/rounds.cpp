// SPDX-License-Identifier: Apache-2.0
#include "bench/rounds.hpp"

#include <time.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <random>

namespace mvr::bench {

namespace {

using Clock = std::chrono::steady_clock;

/// Lets the kernel end what a program has begun and left, above all a grace period of RCU: whoever
/// comes into one waits for a part of it only. Of any length, so that nobody keeps step with the
/// clock's ticks, by which grace periods go.
void rest(std::mt19937& random) {
  std::uniform_int_distribution<long> microseconds(4'000, 12'000);
  const timespec pause{0, microseconds(random) * 1'000};
  nanosleep(&pause, nullptr);
}

void run_round(const std::vector<Contestant>& contestants, std::mt19937& random, Samples& samples) {
  std::vector<const Contestant*> order;
  for (const Contestant& contestant : contestants) {
    order.push_back(&contestant);
  }
  std::shuffle(order.begin(), order.end(), random);
  for (const Contestant* contestant : order) {
    for (const auto& [verb, run] : contestant->verbs) {
      rest(random);
      Meter meter;
      run(meter);
      samples[{contestant->name, verb}].push_back(meter.sample());
    }
    contestant->tidy();
  }
}

}  // namespace

Samples run_rounds(const std::vector<Contestant>& contestants, const Extent& extent) {
  std::mt19937 random;  // the same orders in each run
  Samples warm_up;
  run_round(contestants, random, warm_up);
  Samples samples;
  const auto end = Clock::now() + extent.time;
  for (int round = 0; round < extent.most_rounds; ++round) {
    if (round >= extent.least_rounds && Clock::now() > end) {
      break;
    }
    run_round(contestants, random, samples);
  }
  return samples;
}

Series series_of(const std::vector<Sample>& samples, double Sample::*field) {
  Series result;
  for (const Sample& sample : samples) {
    result.push_back(sample.*field);
  }
  return result;
}

double median(Series series) {
  if (series.empty()) {
    return 0;
  }
  std::sort(series.begin(), series.end());
  const std::size_t half = series.size() / 2;
  return series.size() % 2 == 1 ? series[half] : std::midpoint(series[half - 1], series[half]);
}

double p90(Series series) {
  if (series.empty()) {
    return 0;
  }
  std::sort(series.begin(), series.end());
  const double rank = std::ceil(0.9 * static_cast<double>(series.size()));
  return series[static_cast<std::size_t>(rank) - 1];
}

Series combine(const Series& a, const Series& b, const std::function<double(double, double)>& by) {
  Series result;
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    result.push_back(by(a[i], b[i]));
  }
  return result;
}

Series divide(const Series& a, const Series& b) {
  return combine(a, b, std::divides());
}

Series subtract(const Series& a, const Series& b) {
  return combine(a, b, std::minus());
}

}  // namespace mvr::bench
