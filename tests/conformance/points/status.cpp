// SPDX-License-Identifier: Apache-2.0
/// \file
/// STATUS: ready for ADD or not.
#include "kernel.hpp"
#include "point.hpp"

namespace conformance {

namespace {

constexpr auto kStatus = "CNI SPEC 1.1.0, section 2, STATUS";

void status_ready(Trial& trial) {
  trial.silent(trial.node_call("STATUS"));
}

void status_bare(Trial& trial) {
  Call call = trial.node_call("STATUS");
  for (const char* name : {"CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME", "CNI_ARGS"}) {
    call.env.erase(name);
  }
  trial.silent(call);
}

void status_changes_nothing(Trial& trial) {
  trial.add();
  const View before = trial.view();
  trial.silent(trial.node_call("STATUS"));
  expect_same(before, trial.view(), "after STATUS");
}

void status_not_ready(Trial& trial) {
  for (const std::string& link : trial.subject().links) {
    ip("", {"link", "delete", link});
  }
  if (trial.run(trial.call("ADD")).ok()) {
    throw NotApplicable("ADD works without the links of --link");
  }
  trial.refused(trial.node_call("STATUS"), {50, 51});
}

}  // namespace

Points status_points() {
  return {
      {"status-ready", Level::must, kFrom11,
       "STATUS of a plugin that is ready succeeds and prints nothing", kStatus, status_ready},
      {"status-bare", Level::must, kFrom11, "STATUS needs no variables of a container", kStatus,
       status_bare},
      {"status-not-ready", Level::must, kFrom11,
       "STATUS is code 50 or 51 when ADD fails since the host's links are gone", kStatus,
       status_not_ready},
      {"status-changes-nothing", Level::must, kFrom11, "STATUS changes nothing", kStatus,
       status_changes_nothing},
  };
}

}  // namespace conformance
