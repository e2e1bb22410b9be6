// SPDX-License-Identifier: Apache-2.0
/// \file
/// A system call fails that has no reason to. The verb gets over it, or says so and leaves nothing.
#include <algorithm>
#include <csignal>

#include "fault/support/campaign.hpp"
#include "fault/support/outcomes.hpp"
#include "fault/support/system_calls.hpp"
#include "support/catch.hpp"
#include "support/namespaces.hpp"

using namespace mvr::test;

namespace {

Outcome name_kind(const Faulted& faulted, Outcome outcome) {
  outcome.kind = faulted.kind;
  return outcome;
}

void refuse_add(const std::string& title, const Variant& variant, std::size_t stride) {
  FaultWorld world(variant);
  run_campaign("ADD refused; " + title, world, plan_refusals(survey_add(world), stride),
               [&](const Fault& fault) {
                 const Faulted faulted = run_faulted(world.call("ADD"), fault);
                 const Answer& added = faulted.answer;
                 return name_kind(faulted, added.ok() ? judge_success(world, added)
                                                      : judge_failure(world, added));
               });
}

void refuse_del(const std::string& title, const Variant& variant, std::size_t stride) {
  FaultWorld world(variant);
  const Survey calls = survey_del(world);
  run_campaign("DEL refused; " + title, world, plan_refusals(calls, stride),
               [&](const Fault& fault) {
                 const std::string problem = say("ADD: ", failure(world.run("ADD")));
                 const Faulted faulted = run_faulted(world.call("DEL"), fault);
                 Outcome outcome = judge_del(world, faulted.answer);
                 outcome.problem.insert(0, problem);
                 return name_kind(faulted, outcome);
               });
}

bool is_rename(const SystemCall& call) {
  return name_of(call.number).starts_with("rename");
}

/// An ADD that is killed when all is made, before its last rename makes the journal say so.
void kill_at_rename(const FaultWorld& world, std::ptrdiff_t number) {
  std::ptrdiff_t count = 0;
  const auto judge = [&](std::size_t, const SystemCall& call) -> Verdict {
    count += is_rename(call) ? 1 : 0;
    return {.fate = count == number ? Fate::last : Fate::happens};
  };
  REQUIRE(run_judged(make_command(world.call("ADD")), judge).status == -SIGKILL);
}

/// Made in namespaces that nobody needs any more.
void skip_without_vlans() {
  const Scenario scenario({.rails = 1});
  const std::string link = "link add link " + rail_master(1) + " name v.7 type vlan id 7\n";
  if (mvr::test::run({.argv = {"ip", "-batch", "-"}, .input = link}).status != 0) {
    skip("this kernel has no VLANs");
  }
}

const json kOwner{{"podDefaultRouteNic", "net1"}};
const json kOnNode{{"hostRuleTable", 500}};

/// There is nobody in that VLAN.
const json kOnVlan{{"master", rail_master(1)}, {"vlan", 100}, {"gatewayProbe", false}};

}  // namespace

TEST_CASE("ADD refused at any system call leaves nothing", "[refused]") {
  refuse_add("plain", {}, 2);
}

TEST_CASE("ADD refused beside an elder NIC, which stays whole", "[refused]") {
  refuse_add("elder", {.has_elder = true}, 7);
}

TEST_CASE("ADD refused while it takes the pod's default route", "[refused]") {
  refuse_add("podDefaultRouteNic", {.patch = kOwner, .has_elder = true}, 7);
}

TEST_CASE("ADD refused while it routes on the node", "[refused]") {
  refuse_add("hostRuleTable", {.patch = kOnNode, .has_elder = true, .elder = kOnNode}, 7);
}

TEST_CASE("ADD refused on a VLAN that another NIC uses", "[refused][vlan]") {
  skip_without_vlans();
  refuse_add("VLAN in use", {.patch = kOnVlan, .has_elder = true, .elder = kOnVlan}, 6);
}

TEST_CASE("ADD refused while it makes a VLAN", "[refused][vlan]") {
  skip_without_vlans();
  refuse_add("VLAN", {.patch = kOnVlan}, 6);
}

TEST_CASE("ADD refused with addresses of both families", "[refused]") {
  json patch = kOwner;
  patch.merge_patch(kOnNode);
  refuse_add("dual stack", {.patch = patch, .families = Families::dual}, 12);
}

TEST_CASE("DEL refused at any system call leaves nothing that the next one misses", "[refused]") {
  refuse_del("plain", {}, 2);
}

TEST_CASE("DEL refused beside an elder NIC, which stays whole", "[refused]") {
  refuse_del("elder", {.has_elder = true}, 6);
}

TEST_CASE("DEL refused while it gives the pod's default route back", "[refused]") {
  refuse_del("podDefaultRouteNic", {.patch = kOwner, .has_elder = true}, 6);
}

TEST_CASE("DEL refused while it routes on the node", "[refused]") {
  refuse_del("hostRuleTable", {.patch = kOnNode, .families = Families::dual}, 10);
}

TEST_CASE("DEL refused while another NIC uses the node's routes", "[refused]") {
  refuse_del("hostRuleTable in use", {.patch = kOnNode, .has_elder = true, .elder = kOnNode}, 6);
}

TEST_CASE("DEL refused on a VLAN that another NIC uses", "[refused][vlan]") {
  skip_without_vlans();
  refuse_del("VLAN in use", {.patch = kOnVlan, .has_elder = true, .elder = kOnVlan}, 6);
}

TEST_CASE("DEL refused while it removes the VLAN", "[refused][vlan]") {
  skip_without_vlans();
  refuse_del("VLAN", {.patch = kOnVlan}, 6);
}

TEST_CASE("ADD refused on its way back leaves nothing that DEL misses", "[refused]") {
  json patch = kOwner;
  patch.merge_patch(kOnNode);
  FaultWorld world({.patch = patch, .has_elder = true});
  const Survey calls = survey_add(world, Stage::way_back);
  run_campaign("ADD refused; way back", world, plan_refusals(calls, 3), [&](const Fault& fault) {
    const Faulted faulted = run_faulted(world.call("ADD"), fault);
    return name_kind(faulted, judge_way_back(world, faulted.answer));
  });
}

TEST_CASE("ADD refused while it heals leaves nothing that DEL misses", "[refused]") {
  json patch = kOwner;
  patch.merge_patch(kOnNode);
  FaultWorld world({.patch = patch, .has_elder = true});
  const Survey add = survey_add(world);
  const auto renames = std::count_if(add.calls.begin(), add.calls.end(), is_rename);
  kill_at_rename(world, renames);
  const Survey calls = survey_add(world);
  run_campaign("ADD refused; healing", world, plan_refusals(calls, 10), [&](const Fault& fault) {
    kill_at_rename(world, renames);
    const Faulted faulted = run_faulted(world.call("ADD"), fault);
    const Answer& added = faulted.answer;
    return name_kind(faulted,
                     added.ok() ? judge_success(world, added) : judge_way_back(world, added));
  });
}
