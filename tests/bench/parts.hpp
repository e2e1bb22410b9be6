// SPDX-License-Identifier: Apache-2.0
/// \file
/// The parts of the benchmark. Each builds a world of its own, measures, and returns figures for
/// the JSON file; what prints them knows nothing else.
#pragma once

#include <nlohmann/json.hpp>

#include "bench/rounds.hpp"

namespace mvr::bench {

struct Options {
  bool is_quick = false;
  std::chrono::seconds time{100};  ///< for the rounds of `measure_verbs`
};

/// "rounds"; "rows": one for each contestant's verb; "shares" and "goals": what they say about us;
/// "effort": what they ask of the kernel, in a pass that is not timed.
json measure_verbs(const Options& options);
void print_verbs(const json& figures);

/// Two rows: our program from disk, and from the page cache.
json measure_cold(const Options& options);
void print_cold(const json& figures);

/// "links", "routes", "nics", "pods": rows of what ADD takes when there are more of them.
json measure_growth(const Options& options);
void print_growth(const json& figures);

/// A row of figures over the rounds.
/// \param reference "chain" for example, with the same verb; ratios are null without one
json make_row(const Samples& samples, const std::string& name, Verb verb,
              const std::string& reference);

/// What each contestant's verbs ask of the kernel: rows.
json measure_effort(const std::vector<Contestant>& contestants);
void print_effort(const json& rows);

/// What we want to reach, and whether we do.
/// \param effort the rows of `measure_effort`
json judge(const Samples& samples, const json& effort);
void print_goals(const json& goals);

}  // namespace mvr::bench
