// SPDX-License-Identifier: Apache-2.0
/// \file
/// Runs points, each trial in a world of its own.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "point.hpp"
#include "world.hpp"

namespace conformance {

enum class State { passed, failed, skipped };

/// What came of a point.
struct Outcome {
  State state = State::passed;
  std::string version = {};   ///< in which it failed, or was tried last; "" if it was not tried
  std::string expected = {};  ///< failed: what the point wants; skipped: why
  std::string found = {};     ///< failed: what there was instead
  std::vector<std::string> calls = {};  ///< those of that version, for people to read
  std::chrono::milliseconds time{0};
};

/// Which of the known versions the plugin says that it supports, oldest first; empty if it does not
/// answer. Throws std::runtime_error if there can be no world on this machine.
std::vector<Version> supported_versions(const Subject& subject);

/// Tries a point in each version that it applies to, up to the first failure.
Outcome try_point(const Point& point, const Subject& subject, const WorldOptions& world);

}  // namespace conformance
