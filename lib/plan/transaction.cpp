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
  const auto start = Clock::now();
  Result<void> done = apply(kernel_, step);
  on_step_(step, std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - start), done);
  return done;
}

Result<void> Transaction::run(const std::vector<Step>& steps, const Budget& budget) {
  for (const Step& step : steps) {
    MVR_TRY(check(budget, step));
    if (auto back = inverse(step)) {
      inverses_.push_back(*std::move(back));
    }
    Result<void> done = run_one(step);
    if (!done) {
      // EEXIST: somebody else's object is there; taking the step back would remove that one.
      const bool was_gone = is_removal(step) && is_gone(done.error());
      if ((was_gone || done.error().sys_errno == EEXIST) && inverse(step)) {
        inverses_.pop_back();
      }
      if (!was_gone) {
        return done;
      }
    }
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
