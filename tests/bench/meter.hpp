// SPDX-License-Identifier: Apache-2.0
/// \file
/// Programs run as a runtime runs them, and what that took.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "support/shell.hpp"

namespace mvr::bench {

/// What one verb took, of all its programs one after the other and of those that they started.
struct Sample {
  double wall_ms = 0;  ///< from before the start until its output and itself have ended
  double cpu_ms = 0;   ///< user and system
  double minor_faults = 0;
  double major_faults = 0;
  double switches = 0;     ///< voluntary: it waited
  double preemptions = 0;  ///< involuntary
  double programs = 0;     ///< that were started here

  Sample& operator+=(const Sample& other);
};

/// What a verb's programs are run under when they are looked at instead of timed.
enum class Lens {
  none,
  system_calls,  ///< strace
  memory,        ///< bench-peak
  instructions   ///< callgrind; of the first program of each
};

/// Runs programs and adds up what they took.
class Meter {
 public:
  explicit Meter(Lens lens = Lens::none) : lens_(lens) {}

  /// Runs a program to its end, which must be a good one, and returns its standard output.
  std::string run(const test::Command& command);

  /// The same for a program that is not part of what is measured.
  static std::string run_unmeasured(const test::Command& command);

  [[nodiscard]] const Sample& sample() const { return sample_; }

  /// Of `Lens::system_calls` the sum, of `Lens::memory` the greatest, in KiB, of
  /// `Lens::instructions` the sum.
  [[nodiscard]] double seen() const { return seen_; }

 private:
  Lens lens_;
  Sample sample_ = {};
  double seen_ = 0;
};

/// Where the build has put bench-empty, bench-floor and bench-peak.
std::string tool_path(const std::string& name);

}  // namespace mvr::bench
