// SPDX-License-Identifier: Apache-2.0
/// \file
/// Rounds in which each contestant runs once, in an order of each round's own, and what can be said
/// about them. What disturbs the machine for a while disturbs all of them, so ratios within a round
/// mean more than times.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "bench/contestants.hpp"

namespace mvr::bench {

/// Of each contestant's verb a sample for each round.
using Samples = std::map<std::pair<std::string, Verb>, std::vector<Sample>>;

struct Extent {
  int least_rounds = 5;
  int most_rounds = 1000;
  std::chrono::milliseconds time{60'000};  ///< no new round afterwards, once there are the least
};

/// Before each verb is a rest of some milliseconds, so that none pays for the one before.
/// The first round, in which the page cache is filled, is not counted.
Samples run_rounds(const std::vector<Contestant>& contestants, const Extent& extent);

/// One figure of each round.
using Series = std::vector<double>;

Series series_of(const std::vector<Sample>& samples, double Sample::*field);

/// 0 of nothing.
double median(Series series);

/// The value that nine of ten do not exceed.
double p90(Series series);

/// Of two figures of the same round.
Series combine(const Series& a, const Series& b, const std::function<double(double, double)>& by);
Series divide(const Series& a, const Series& b);
Series subtract(const Series& a, const Series& b);

}  // namespace mvr::bench
