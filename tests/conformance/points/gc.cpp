// SPDX-License-Identifier: Apache-2.0
/// \file
/// GC: what is alive stays, what is not goes.
#include "kernel.hpp"
#include "point.hpp"

namespace conformance {

namespace {

constexpr auto kGc = "CNI SPEC 1.1.0, section 2, GC";

void gc_keeps_living(Trial& trial) {
  trial.add(trial.call("ADD", trial.pod(1)));
  trial.add(trial.call("ADD", trial.pod(2)));
  const View before = trial.view();
  trial.silent(trial.gc_call({trial.pod(1), trial.pod(2)}));
  expect_same(before, trial.view(), "after GC that names both pods");
}

void gc_then_check(Trial& trial) {
  const json result = trial.add();
  trial.silent(trial.gc_call({trial.pod()}));
  trial.silent(trial.call("CHECK", trial.pod(), result));
  trial.silent(trial.call("DEL", trial.pod(), result));
}

void gc_removes_stale(Trial& trial) {
  trial.primed_view();
  trial.add(trial.call("ADD", trial.pod(1)));
  const View before = trial.view();
  trial.add(trial.call("ADD", trial.pod(2)));
  ip("", {"netns", "delete", trial.pod(2).name});
  trial.silent(trial.gc_call({trial.pod(1)}));
  ip("", {"netns", "add", trial.pod(2).name});
  View after = trial.view();
  std::erase_if(after,
                [&](const std::string& line) { return line.starts_with(trial.pod(2).name + ":"); });
  expect_same(before, after, "the stale pod came");
}

void gc_then_del(Trial& trial) {
  const Call del = trial.call("DEL", trial.pod(), trial.add());
  ip("", {"netns", "delete", trial.pod().name});
  trial.silent(trial.gc_call({}));
  trial.silent(del);
}

void gc_nothing_to_do(Trial& trial) {
  const View before = trial.view();
  trial.silent(trial.gc_call({}));
  trial.silent(trial.gc_call({}));
  expect_same(before, trial.view(), "after GC");
}

void gc_other_network(Trial& trial) {
  trial.add();
  const View before = trial.view();
  trial.run(trial.gc_call({}).with({{"name", "conformance-other"}}));
  expect_same(before, trial.view(), "after GC of another network");
}

void gc_unknown_attachments(Trial& trial) {
  trial.add();
  const View before = trial.view();
  Pod unknown = trial.pod();
  unknown.container_id = "never-seen";
  trial.silent(trial.gc_call({trial.pod(), unknown}));
  expect_same(before, trial.view(), "after GC");
}

void gc_either_key(Trial& trial) {
  trial.add();
  const View before = trial.view();
  for (const char* key : {"cni.dev/valid-attachments", "cni.dev/attachments"}) {
    json config = trial.gc_call({trial.pod()}).config();
    config.erase(key);
    trial.silent(trial.node_call("GC").with_input(config.dump()));
    expect_same(before, trial.view(), std::string("after GC without ") + key);
  }
}

/// The outcome is the plugin's choice, and so is what becomes of dead ones; the living are not.
void gc_no_list(Trial& trial) {
  trial.add();
  const View before = trial.view();
  trial.run(trial.node_call("GC"));
  expect_same(before, trial.view(), "after GC without a list");
}

}  // namespace

Points gc_points() {
  return {
      {"gc-keeps-living", Level::must, kFrom11, "GC keeps what the list names and prints nothing",
       kGc, gc_keeps_living},
      {"gc-then-check", Level::must, kFrom11, "CHECK and DEL of what is kept work as before", kGc,
       gc_then_check},
      {"gc-removes-stale", Level::should, kFrom11,
       "GC removes what a pod left on the host and at IPAM", kGc, gc_removes_stale},
      {"gc-then-del", Level::must, kFrom11, "DEL of what GC has removed succeeds", kGc,
       gc_then_del},
      {"gc-nothing-to-do", Level::must, kFrom11, "GC without anything to remove succeeds", kGc,
       gc_nothing_to_do},
      {"gc-other-network", Level::must, kFrom11, "GC of one network leaves the others alone", kGc,
       gc_other_network},
      {"gc-unknown-attachments", Level::must, kFrom11,
       "GC takes a list that names attachments which the plugin never saw", kGc,
       gc_unknown_attachments},
      {"gc-either-key", Level::custom, kFrom11,
       "GC takes the list under its name and under that of the tagged specification",
       "libcni practice (GCNetworkList)", gc_either_key},
      {"gc-no-list", Level::custom, kFrom11, "GC without the list does not harm the living",
       "cnitool gc", gc_no_list},
  };
}

}  // namespace conformance
