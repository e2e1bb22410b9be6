// SPDX-License-Identifier: Apache-2.0
#include "mvr/plan/transaction.hpp"

#include <errno.h>

namespace mvr::plan {
namespace {

/// Somebody else may have removed it since we looked, which is as good.
bool is_removal(const Step& step) {
  const auto* route = std::get_if<ChangeRoute>(&step);
  const auto* rule = std::get_if<ChangeRule>(&step);
  return (route != nullptr && route->op == Op::remove) ||
         (rule != nullptr && rule->op == Op::remove);
}

/// Whether there is time left for the step.
Result<void> check(const Budget& budget, const Step& step) {
  Result<void> checked = budget.check();
  return checked ? checked
                 : fail(std::move(checked).error().in("before \"" + describe(step) + '"'));
}

}  // namespace

Result<void> Transaction::run_one(const Step& step) {
  return run_together({&step, 1}).front();
}

/// What they took is shared among them.
std::vector<Result<void>> Transaction::run_together(std::span<const Step> steps) {
  const auto start = Clock::now();
  std::vector<Result<void>> results = apply_all(kernel_, steps);
  const auto took = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - start) /
                    static_cast<int>(steps.size());
  for (std::size_t i = 0; i < steps.size(); ++i) {
    on_step_(steps[i], took, results[i]);
  }
  return results;
}

/// The first failure of some steps that are tried whatever becomes of the others. Their inverses
/// are there before them; those of steps that turn out to have changed nothing go again.
Result<void> Transaction::run_some(std::span<const Step> steps) {
  const auto first = inverses_.size();
  for (const Step& step : steps) {
    if (auto back = inverse(step)) {
      inverses_.push_back(*std::move(back));
    }
  }
  const std::vector<Result<void>> results = run_together(steps);
  Result<void> outcome;
  auto back = inverses_.begin() + static_cast<std::ptrdiff_t>(first);
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const Result<void>& done = results[i];
    const bool was_gone = !done && is_removal(steps[i]) && is_gone(done.error());
    // EEXIST: somebody else's object is there; taking the step back would remove that one.
    const bool was_there = !done && done.error().sys_errno == EEXIST;
    if (inverse(steps[i])) {
      back = was_gone || was_there ? inverses_.erase(back) : back + 1;
    }
    if (!done && !was_gone && outcome) {
      outcome = done;
    }
  }
  return outcome;
}

Result<void> Transaction::run(const std::vector<Step>& steps, const Budget& budget) {
  for (std::span<const Step> left = steps; !left.empty();) {
    MVR_TRY(check(budget, left.front()));
    const auto some = left.first(count_together(left));
    MVR_TRY(run_some(some));
    left = left.subspan(some.size());
  }
  return {};
}

std::vector<Error> Transaction::undo() {
  std::vector<Error> errors;
  while (!inverses_.empty()) {
    const Step step = std::move(inverses_.back());
    inverses_.pop_back();
    Result<void> done = run_one(step);
    if (!done && !is_gone(done.error()) && done.error().sys_errno != EEXIST) {
      errors.push_back(std::move(done).error());
    }
  }
  return errors;
}

}  // namespace mvr::plan
