// SPDX-License-Identifier: Apache-2.0
/// \file
/// SIGKILL at the system calls of ADD and DEL, one after the other: the next DEL leaves nothing,
/// the next ADD heals.
#include <algorithm>
#include <csignal>

#include "fault/support/campaign.hpp"
#include "fault/support/outcomes.hpp"
#include "support/catch.hpp"
#include "support/namespaces.hpp"
#include "support/world.hpp"

using namespace mvr::test;

namespace {

/// DEL after a call that was killed, without anything that call might have told.
std::string clean(const FaultWorld& world) {
  const std::string problem = run_del(world);
  return problem + world.find_traces();
}

Outcome judge(const Faulted& killed, std::string problem) {
  if (!killed.kind.empty() && killed.answer.status != -SIGKILL) {
    problem += "status " + std::to_string(killed.answer.status);
  }
  return {killed.kind, "nothing left", std::move(problem)};
}

void kill_add(const std::string& title, const Variant& variant, std::size_t stride,
              Stage stage = Stage::whole) {
  FaultWorld world(variant);
  const auto faults = plan_kills(survey_add(world, stage), stride);
  run_campaign("ADD killed, then DEL; " + title, world, faults, [&](const Fault& fault) {
    const Faulted killed = run_faulted(world.call("ADD"), fault);
    return judge(killed, clean(world));
  });
}

void kill_del(const std::string& title, const Variant& variant, std::size_t stride) {
  FaultWorld world(variant);
  run_campaign("DEL killed, then DEL; " + title, world, plan_kills(survey_del(world), stride),
               [&](const Fault& fault) {
                 std::string problem = say("ADD: ", failure(world.run("ADD")));
                 const Faulted killed = run_faulted(world.call("DEL"), fault);
                 problem += clean(world);
                 return judge(killed, problem);
               });
}

bool is_complete() {
  const json files = snapshot_files(std::string(kStateDir));
  return std::any_of(files.begin(), files.end(), [](const json& file) {
    return json::parse(file.get<std::string>(), nullptr, false).value("complete", false);
  });
}

/// ADD after a call that was killed. An attachment that was complete is refused, as it must be.
std::string heal(const FaultWorld& world) {
  const bool was_complete = is_complete();
  Answer added = world.run("ADD");
  if (was_complete && added.code() == 101) {
    std::string problem = clean(world);
    added = world.run("ADD");
    problem += say("ADD after DEL: ", failure(added));
    return problem;
  }
  const std::string problem = say("ADD: ", failure(added));
  return added.ok() ? say("CHECK: ", failure(run_plugin(world.call("CHECK", added)))) : problem;
}

/// The pod goes with what was made in it.
std::string bury(FaultWorld& world) {
  world.remove_pod();
  std::string problem = run_del(world);
  problem += world.find_traces_on_node();
  world.rebuild();
  return problem;
}

/// Such a configuration's DEL comes without prevResult.
json old(json patch = json::object()) {
  patch["cniVersion"] = "0.3.1";
  return patch;
}

const json kOwner{{"podDefaultRouteNic", "net1"}};
const json kOnNode{{"hostRuleTable", 500}};

}  // namespace

TEST_CASE("ADD killed at any system call leaves nothing that DEL misses", "[killed]") {
  kill_add("plain", {.patch = old()}, 2);
}

TEST_CASE("ADD killed beside an elder NIC, which stays whole", "[killed]") {
  kill_add("elder", {.patch = old(), .has_elder = true}, 7);
}

TEST_CASE("ADD killed while it takes the pod's default route", "[killed]") {
  kill_add("podDefaultRouteNic", {.patch = old(kOwner), .has_elder = true}, 7);
}

TEST_CASE("ADD killed while it routes on the node", "[killed]") {
  kill_add("hostRuleTable", {.patch = old(kOnNode)}, 7);
}

TEST_CASE("ADD killed with addresses of both families", "[killed]") {
  json patch = kOwner;
  patch.merge_patch(kOnNode);
  kill_add("dual stack", {.patch = old(patch), .families = Families::dual}, 12);
}

TEST_CASE("ADD killed on its way back leaves nothing that DEL misses", "[killed]") {
  json patch = kOwner;
  patch.merge_patch(kOnNode);
  kill_add("way back", {.patch = old(patch), .has_elder = true}, 4, Stage::way_back);
}

TEST_CASE("DEL killed at any system call leaves nothing that the next one misses", "[killed]") {
  kill_del("plain", {.patch = old()}, 2);
}

TEST_CASE("DEL killed beside an elder NIC, which stays whole", "[killed]") {
  kill_del("elder", {.patch = old(), .has_elder = true}, 6);
}

TEST_CASE("DEL killed while it gives the pod's default route back", "[killed]") {
  kill_del("podDefaultRouteNic", {.patch = old(kOwner), .has_elder = true}, 6);
}

TEST_CASE("DEL killed while it routes on the node", "[killed]") {
  kill_del("hostRuleTable", {.patch = old(kOnNode), .families = Families::dual}, 10);
}

TEST_CASE("ADD killed at any system call is healed by the next one", "[killed]") {
  FaultWorld world({.patch = kOwner, .has_elder = true});
  run_campaign("ADD killed, then ADD, CHECK, DEL", world, plan_kills(survey_add(world), 6),
               [&](const Fault& fault) {
                 const Faulted killed = run_faulted(world.call("ADD"), fault);
                 std::string problem = heal(world);
                 problem += clean(world);
                 return judge(killed, problem);
               });
}

TEST_CASE("DEL killed at any system call is no hindrance for ADD", "[killed]") {
  FaultWorld world({.patch = kOwner});
  run_campaign("DEL killed, then ADD, CHECK, DEL", world, plan_kills(survey_del(world), 6),
               [&](const Fault& fault) {
                 std::string problem = say("ADD: ", failure(world.run("ADD")));
                 const Faulted killed = run_faulted(world.call("DEL"), fault);
                 problem += heal(world);
                 problem += clean(world);
                 return judge(killed, problem);
               });
}

TEST_CASE("ADD killed in a pod that is gone when DEL comes", "[killed]") {
  FaultWorld world({.patch = old(kOnNode)});
  run_campaign("ADD killed, pod gone, then DEL", world, plan_kills(survey_add(world), 40),
               [&](const Fault& fault) {
                 const Faulted killed = run_faulted(world.call("ADD"), fault);
                 return judge(killed, bury(world));
               });
}
