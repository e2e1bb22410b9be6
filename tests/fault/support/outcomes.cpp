// SPDX-License-Identifier: Apache-2.0
#include "fault/support/outcomes.hpp"

#include <utility>

#include "support/catch.hpp"

namespace mvr::test {

std::string find_flaws(const Answer& answer) {
  if (answer.status != 1) {
    return "status " + std::to_string(answer.status) + ", " + answer.err + '\n';
  }
  const bool is_document = answer.body.is_object() && answer.code() > 0 &&
                           !answer.message().empty() && answer.body.contains("cniVersion");
  return is_document ? "" : "no error document: " + answer.out + '\n';
}

std::string run_del(const FaultWorld& world) {
  return say("DEL: ", failure(world.run("DEL")));
}

Survey survey_add(const FaultWorld& world, Stage stage) {
  constexpr int kAttempts = 3;
  Survey shortest;
  for (int i = 0; i < kAttempts; ++i) {
    Survey add = survey(world.call("ADD"), stage);
    REQUIRE(run_del(world) == "");
    if (i == 0 || add.calls.size() < shortest.calls.size()) {
      shortest = std::move(add);
    }
  }
  return shortest;
}

Survey survey_del(const FaultWorld& world) {
  REQUIRE(failure(world.run("ADD")) == "");
  return survey(world.call("DEL"));
}

Outcome judge_success(const FaultWorld& world, const Answer& added) {
  std::string problem = say("CHECK: ", failure(run_plugin(world.call("CHECK", added))));
  problem += say("DEL: ", failure(run_plugin(world.call("DEL", added))));
  problem += world.find_traces();
  return {.result = "succeeded", .problem = problem};
}

Outcome judge_failure(const FaultWorld& world, const Answer& added) {
  std::string problem = find_flaws(added);
  problem += say("left: ", world.find_traces());
  problem += run_del(world);
  if (!problem.empty()) {
    problem += "answer: " + failure(added) + '\n' + added.err;
  }
  return {.result = "refused, nothing left", .problem = problem};
}

Outcome judge_way_back(const FaultWorld& world, const Answer& added) {
  std::string problem = find_flaws(added);
  const bool is_clean = world.find_traces().empty();
  problem += run_del(world);
  problem += say("left: ", world.find_traces());
  return {.result = is_clean ? "refused, nothing left" : "refused, DEL did the rest",
          .problem = problem};
}

Outcome judge_del(const FaultWorld& world, const Answer& removed) {
  const bool is_clean = world.find_traces().empty();
  std::string problem = removed.ok() ? say("left: ", world.find_traces()) : find_flaws(removed);
  problem += run_del(world);
  problem += say("left after DEL: ", world.find_traces());
  if (!problem.empty()) {
    problem += "answer: " + failure(removed) + '\n' + removed.err;
  }
  const char* failed = is_clean ? "refused, nothing left" : "refused, the next DEL did the rest";
  return {.result = removed.ok() ? "succeeded" : failed, .problem = problem};
}

}  // namespace mvr::test
