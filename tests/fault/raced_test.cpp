// SPDX-License-Identifier: Apache-2.0
/// \file
/// Something happens to ADD's world while it is stopped at one of its system calls.
#include <functional>
#include <memory>
#include <sstream>

#include "fault/support/campaign.hpp"
#include "fault/support/outcomes.hpp"
#include "fault/support/system_calls.hpp"
#include "mvr/base/fd.hpp"
#include "support/catch.hpp"
#include "support/namespaces.hpp"
#include "support/routing_world.hpp"
#include "support/world.hpp"

using namespace mvr::test;

namespace {

/// A call, during which something happens before its n-th system call; after it if there are no
/// more.
Answer run_while(const Call& call, std::size_t n, const std::function<void()>& happens) {
  bool has_happened = false;
  const auto judge = [&](std::size_t index, const SystemCall&) -> Verdict {
    if (index < n) {
      return {};
    }
    has_happened = true;
    happens();
    return {.has_more = false};
  };
  Answer answer = make_answer(run_judged(make_command(call), judge));
  if (!has_happened) {
    happens();
  }
  return answer;
}

Answer add_while(const FaultWorld& world, std::size_t n, const std::function<void()>& happens) {
  return run_while(world.call("ADD"), n, happens);
}

/// A call that is let to do what it can while ADD is stopped; it may wait for ADD.
std::unique_ptr<Process> start(const Call& call) {
  auto process = std::make_unique<Process>(make_command(call));
  const timespec time_to_work{0, 8'000'000};
  nanosleep(&time_to_work, nullptr);
  return process;
}

/// One after another of ADD's calls, the name of each in front of what came of it.
void race(const std::string& title, FaultWorld& world, std::size_t stride,
          const std::function<Outcome(std::size_t)>& attempt) {
  const Survey add = survey_add(world);
  std::vector<Trial> trials;
  for (const std::size_t n : pick_calls(add, stride)) {
    trials.emplace_back([&, n] {
      Outcome outcome = attempt(n);
      outcome.kind = "at " + name_of(add.calls[n].number);
      outcome.problem = say("at call " + std::to_string(n) + ": ", outcome.problem);
      return outcome;
    });
  }
  run_trials(title, world, trials);
}

/// Whoever came first: ADD's NIC is whole, or nothing is left.
Outcome judge_either(const FaultWorld& world, const Answer& added) {
  const std::string traces = world.find_traces();
  if (added.ok() && !traces.empty()) {
    return judge_success(world, added);
  }
  std::string problem = added.ok() ? "" : find_flaws(added);
  problem += say("left: ", traces);
  problem += run_del(world);
  problem += say("left after DEL: ", world.find_traces());
  return {.result = added.ok() ? "removed" : "refused, nothing left", .problem = problem};
}

Outcome meet_del(const FaultWorld& world, std::size_t n) {
  std::unique_ptr<Process> del;
  const Answer added = add_while(world, n, [&] { del = start(world.call("DEL")); });
  const std::string problem = say("DEL: ", failure(make_answer(del->wait())));
  Outcome outcome = judge_either(world, added);
  outcome.problem.insert(0, problem);
  return outcome;
}

/// Exactly one of the two succeeds.
Outcome meet_add(const FaultWorld& world, std::size_t n) {
  std::unique_ptr<Process> other;
  const Answer first = add_while(world, n, [&] { other = start(world.call("ADD")); });
  const Answer second = make_answer(other->wait());
  if (first.ok() == second.ok()) {
    std::string problem = "first: " + failure(first) + ", second: " + failure(second);
    problem += run_del(world);
    return {.problem = problem};
  }
  Outcome outcome = judge_success(world, first.ok() ? first : second);
  outcome.result = first.ok() ? "the first one made it" : "the second one made it";
  outcome.problem.insert(0, find_flaws(first.ok() ? second : first));
  return outcome;
}

/// The pod's namespace loses its name, as when the runtime gives the pod up.
Outcome lose_pod(FaultWorld& world, std::size_t n) {
  const Answer added = add_while(world, n, [&] { world.remove_pod(); });
  std::string problem = added.ok() ? "" : find_flaws(added);
  problem += run_del(world);
  problem += world.find_traces_on_node();
  world.rebuild();
  return {.result = added.ok() ? "succeeded, DEL leaves nothing" : "refused, nothing left",
          .problem = problem};
}

/// What is left of net1 other than on the node, of which we have taken something away ourselves.
std::string find_traces_in_pod(const FaultWorld& world) {
  std::istringstream traces(world.find_traces());
  std::string found;
  for (std::string line; std::getline(traces, line);) {
    const bool is_of_node = line.find(": /node/") != std::string::npos;
    found += is_of_node ? "" : line + '\n';
  }
  return found;
}

/// Something happens to the master, which `restore` makes undone.
Outcome lose_master(FaultWorld& world, std::size_t n, const std::vector<std::string>& command,
                    const std::vector<std::string>& restore) {
  const Answer added = add_while(world, n, [&] { ip(command); });
  std::string problem = added.ok() ? "" : find_flaws(added);
  if (!added.ok()) {
    problem += say("left: ", find_traces_in_pod(world));
  }
  problem += run_del(world);
  problem += say("left after DEL: ", find_traces_in_pod(world));
  if (restore.empty()) {
    world.rebuild();
  } else {
    ip(restore);
    problem += say("left on the node: ", world.find_traces());
  }
  if (!problem.empty()) {
    problem += "answer: " + failure(added) + '\n' + added.err;
  }
  return {.result = added.ok() ? "succeeded" : "refused, nothing left", .problem = problem};
}

/// Gateways that do not answer any more are not waited for.
json impatient() {
  return {{"gatewayProbe", {{"attempts", 2}, {"interval", "5ms"}}},
          {"conflictProbe", {{"attempts", 1}, {"interval", "1ms"}}},
          {"podDefaultRouteNic", "net1"}};
}

const std::string kMaster = rail_master(1);

/// A NIC for which the node has routes in a table.
Call call_on_node(const PodWorld& world, const std::string& verb, int rail) {
  json config = rail_config(rail);
  config["hostRuleTable"] = 500;
  return world.make_call(verb, "net" + std::to_string(rail), config);
}

/// net1 goes, and is stopped before its n-th call until net2 has come, or waits for it.
void pass_table_on(const PodWorld& world, std::size_t n) {
  INFO("before call " << n);
  REQUIRE(failure(run_plugin(call_on_node(world, "ADD", 1))) == "");
  std::unique_ptr<Process> comer;
  const Answer gone = run_while(call_on_node(world, "DEL", 1), n, [&] {
    comer = std::make_unique<Process>(make_command(call_on_node(world, "ADD", 2)));
    const auto has_ended = [&] {
      return mvr::read_file("/proc/" + std::to_string(comer->pid()) + "/stat", 4096)
                 .value_or(") Z")
                 .find(") Z") != std::string::npos;
    };
    eventually(has_ended, std::chrono::milliseconds(200));
  });
  CHECK(failure(gone) == "");
  const Answer come = make_answer(comer->wait());
  REQUIRE(failure(come) == "");
  Call check = call_on_node(world, "CHECK", 2);
  check.config["prevResult"] = come.body;
  CHECK(failure(run_plugin(check)) == "");
  CHECK(failure(run_plugin(call_on_node(world, "DEL", 2))) == "");
  REQUIRE(world.changes() == "");
}

}  // namespace

TEST_CASE("DEL of an attachment during its ADD", "[raced]") {
  FaultWorld world({.patch = {{"podDefaultRouteNic", "net1"}}, .has_elder = true});
  race("DEL meets ADD", world, 4, [&](std::size_t n) { return meet_del(world, n); });
}

TEST_CASE("two ADDs of one attachment", "[raced]") {
  FaultWorld world({.patch = {{"podDefaultRouteNic", "net1"}}, .has_elder = true});
  race("ADD meets ADD", world, 6, [&](std::size_t n) { return meet_add(world, n); });
}

TEST_CASE("a pod that ends during ADD", "[raced]") {
  FaultWorld world({.patch = {{"hostRuleTable", 500}}});
  race("the pod ends", world, 10, [&](std::size_t n) { return lose_pod(world, n); });
}

TEST_CASE("a master that goes down during ADD", "[raced]") {
  FaultWorld world({.patch = impatient(), .has_elder = true});
  race("the master goes down", world, 7, [&](std::size_t n) {
    return lose_master(world, n, {"link", "set", kMaster, "down"}, {"link", "set", kMaster, "up"});
  });
}

TEST_CASE("a master that gets another name during ADD", "[raced]") {
  FaultWorld world({.patch = impatient(), .has_elder = true});
  race("the master is renamed", world, 9, [&](std::size_t n) {
    return lose_master(world, n, {"link", "set", kMaster, "name", "other"},
                       {"link", "set", "other", "name", kMaster});
  });
}

TEST_CASE("a master that is deleted during ADD", "[raced]") {
  FaultWorld world({.patch = impatient(), .has_elder = true});
  race("the master is deleted", world, 12, [&](std::size_t n) {
    return lose_master(world, n, {"link", "del", kMaster}, {});
  });
}

TEST_CASE("the node's table passes from one NIC to the next", "[raced]") {
  const PodWorld world(2);
  REQUIRE(failure(run_plugin(call_on_node(world, "ADD", 1))) == "");
  const Survey del = survey(call_on_node(world, "DEL", 1));
  REQUIRE(world.changes() == "");
  for (std::size_t n = 0; n < del.calls.size(); ++n) {
    if (is_change(del.calls[n])) {
      pass_table_on(world, n);
    }
  }
}
