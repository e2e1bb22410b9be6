// SPDX-License-Identifier: Apache-2.0
/// \file
/// GC and `gc` are killed, or a system call of theirs fails: the next one does what they have not
/// done, and nobody's NIC that lives is touched.
#include <csignal>
#include <functional>

#include "fault/support/campaign.hpp"
#include "fault/support/outcomes.hpp"
#include "support/catch.hpp"
#include "support/namespaces.hpp"

using namespace mvr::test;

namespace {

/// One of the two ways to undo net1.
struct Collector {
  std::string name;
  std::function<Command(const FaultWorld&)> command;
  std::function<std::string(const Answer&)> find_flaws;  ///< in an answer that tells a failure
  bool needs_dead = false;                               ///< it spares a NIC that is still there
};

/// The verb, of whose network no attachment is valid. It undoes a NIC that is whole.
Collector verb() {
  const auto command = [](const FaultWorld& world) {
    Call call = world.call("GC");
    call.container_id = call.netns = call.ifname = "";
    call.config["cniVersion"] = "1.1.0";
    call.config["cni.dev/valid-attachments"] = json::array();
    return make_command(call);
  };
  return {.name = "GC", .command = command, .find_flaws = find_flaws};
}

std::string find_command_flaws(const Answer& answer) {
  const bool is_told = answer.status == 1 && !(answer.out + answer.err).empty();
  return is_told ? "" : "status " + std::to_string(answer.status) + ", " + answer.err + '\n';
}

/// The command, for people and timers.
Collector command() {
  return {.name = "gc",
          .command = [](const FaultWorld&) { return make_gc_command(); },
          .find_flaws = find_command_flaws,
          .needs_dead = true};
}

/// net1 as the collector is to find it; what went wrong.
std::string prepare(const FaultWorld& world, const Collector& collector) {
  const Answer added = world.run("ADD");
  if (added.ok() && collector.needs_dead) {
    ip({"-n", "pod", "link", "delete", "net1"});
  }
  return say("ADD: ", failure(added));
}

Survey survey_collection(const FaultWorld& world, const Collector& collector) {
  REQUIRE(prepare(world, collector) == "");
  Survey calls = survey(collector.command(world));
  REQUIRE(world.find_traces() == "");
  return calls;
}

/// The next collection, after which there must be nothing more to do.
std::string collect_rest(const FaultWorld& world, const Collector& collector) {
  const Answer rest = make_answer(run(collector.command(world)));
  return say("the next " + collector.name + ": ", failure(rest)) +
         say("left: ", world.find_traces());
}

Outcome judge_killed(const FaultWorld& world, const Collector& collector, const Faulted& killed) {
  std::string problem;
  if (!killed.kind.empty() && killed.answer.status != -SIGKILL) {
    problem = "status " + std::to_string(killed.answer.status) + '\n';
  }
  problem += collect_rest(world, collector);
  return {.kind = killed.kind, .result = "nothing left", .problem = problem};
}

/// Success is a promise that all is done.
Outcome judge_refused(const FaultWorld& world, const Collector& collector, const Faulted& refused) {
  const Answer& answer = refused.answer;
  std::string problem =
      answer.ok() ? say("left after success: ", world.find_traces()) : collector.find_flaws(answer);
  problem += collect_rest(world, collector);
  if (!problem.empty()) {
    problem += "answer: " + failure(answer) + '\n' + answer.out + answer.err;
  }
  return {.kind = refused.kind,
          .result = answer.ok() ? "succeeded" : "refused, the next one did the rest",
          .problem = problem};
}

using PlanFaults = std::vector<Fault> (*)(const Survey&, std::size_t);
using JudgeFault = Outcome (*)(const FaultWorld&, const Collector&, const Faulted&);

void collect(const std::string& title, const Collector& collector, PlanFaults plan_faults,
             JudgeFault judge) {
  FaultWorld world(
      {.patch = {{"podDefaultRouteNic", "net1"}, {"hostRuleTable", 500}}, .has_elder = true});
  constexpr std::size_t kStride = 8;
  run_campaign(collector.name + ' ' + title, world,
               plan_faults(survey_collection(world, collector), kStride), [&](const Fault& fault) {
                 const std::string problem = prepare(world, collector);
                 const Faulted faulted = run_faulted(collector.command(world), fault);
                 Outcome outcome = judge(world, collector, faulted);
                 outcome.problem.insert(0, problem);
                 return outcome;
               });
}

}  // namespace

TEST_CASE("GC killed at any system call leaves nothing that the next one misses", "[collected]") {
  collect("killed", verb(), plan_kills, judge_killed);
}

TEST_CASE("GC refused at any system call leaves nothing that the next one misses", "[collected]") {
  collect("refused", verb(), plan_refusals, judge_refused);
}

TEST_CASE("the command gc killed at any system call leaves nothing that the next one misses",
          "[collected]") {
  collect("killed", command(), plan_kills, judge_killed);
}

TEST_CASE("the command gc refused at any system call leaves nothing that the next one misses",
          "[collected]") {
  collect("refused", command(), plan_refusals, judge_refused);
}
