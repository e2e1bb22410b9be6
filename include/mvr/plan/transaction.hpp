// SPDX-License-Identifier: Apache-2.0
/// \file
/// Steps that are done together or not at all.
#pragma once

#include <chrono>
#include <functional>
#include <span>
#include <vector>

#include "mvr/base/budget.hpp"
#include "mvr/plan/step.hpp"

namespace mvr::plan {

/// Told of each step after it was tried, with the time it took.
using OnStep = std::function<void(const Step&, std::chrono::microseconds, const Result<void>&)>;

/// Does steps and remembers how to take them back. Each inverse is remembered before its step is
/// tried, so a step that fails half-way is taken back as well.
class Transaction {
 public:
  Transaction(Kernel& kernel, OnStep on_step) : kernel_(kernel), on_step_(std::move(on_step)) {}

  /// Stops at the first failure, and before a step when the budget is at its end. Steps that go
  /// together are one in this: all of them are tried, and the first failure among them counts.
  Result<void> run(const std::vector<Step>& steps, const Budget& budget);

  /// Takes back what was done, the last first. Goes on after failures and returns them; what has
  /// gone already is none.
  std::vector<Error> undo();

 private:
  Result<void> run_one(const Step& step);
  std::vector<Result<void>> run_together(std::span<const Step> steps);
  Result<void> run_some(std::span<const Step> steps);

  Kernel& kernel_;
  OnStep on_step_;
  std::vector<Step> inverses_;
};

}  // namespace mvr::plan
