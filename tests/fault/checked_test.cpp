// SPDX-License-Identifier: Apache-2.0
/// \file
/// CHECK is killed, or a system call of its fails: it changes nothing, and the next one finds
/// nothing wrong.
#include <csignal>

#include "fault/support/campaign.hpp"
#include "fault/support/outcomes.hpp"
#include "support/catch.hpp"
#include "support/world.hpp"

using namespace mvr::test;

namespace {

constexpr std::size_t kStride = 9;

const json kEverything{{"podDefaultRouteNic", "net1"}, {"hostRuleTable", 500}};

/// net1, which is there and stays as it is.
struct Checked {
  FaultWorld world{{.patch = kEverything, .has_elder = true}};
  Call check = world.call("CHECK", add());
  json before = snapshot_world({"pod"});

  [[nodiscard]] std::string find_harm() const {
    return say("changed: ", difference(before, snapshot_world({"pod"}))) +
           say("the next CHECK: ", failure(run_plugin(check)));
  }

 private:
  [[nodiscard]] Answer add() const {
    Answer added = world.run("ADD");
    REQUIRE(failure(added) == "");
    return added;
  }
};

}  // namespace

TEST_CASE("CHECK killed at any system call changes nothing", "[checked]") {
  Checked net1;
  run_campaign("CHECK killed", net1.world, plan_kills(survey(net1.check), kStride),
               [&](const Fault& fault) -> Outcome {
                 const Faulted killed = run_faulted(net1.check, fault);
                 const bool is_killed = killed.kind.empty() || killed.answer.status == -SIGKILL;
                 return {.kind = killed.kind,
                         .result = "nothing changed",
                         .problem = (is_killed ? "" : "lives on\n") + net1.find_harm()};
               });
}

TEST_CASE("CHECK refused at any system call changes nothing and says why", "[checked]") {
  Checked net1;
  run_campaign("CHECK refused", net1.world, plan_refusals(survey(net1.check), kStride),
               [&](const Fault& fault) -> Outcome {
                 const Faulted refused = run_faulted(net1.check, fault);
                 const bool is_ok = refused.answer.ok();
                 return {.kind = refused.kind,
                         .result = is_ok ? "succeeded" : "refused",
                         .problem = (is_ok ? "" : find_flaws(refused.answer)) + net1.find_harm()};
               });
}
