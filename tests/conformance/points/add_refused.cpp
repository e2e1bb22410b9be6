// SPDX-License-Identifier: Apache-2.0
/// \file
/// ADD that is to fail, and to leave everything as it was.
#include <fstream>

#include "kernel.hpp"
#include "point.hpp"
#include "world.hpp"

namespace conformance {

namespace {

constexpr auto kAdd = "CNI SPEC 1.1.0, section 2, ADD";
constexpr auto kSkel = "libcni practice (skel)";

/// The host's namespace: the trial is the first process of its world.
constexpr auto kHostNetns = "/proc/1/ns/net";

/// A link in the pod that has the name which the plugin is to use.
void take_name(Trial& trial) {
  const std::string& name = trial.subject().ifname;
  ip(trial.pod().name, {"link", "add", name, "type", "veth", "peer", "name", "taken-peer"});
}

void add_name_taken(Trial& trial) {
  take_name(trial);
  const std::string index = trial.link(trial.pod()).value("ifindex", json()).dump();
  trial.refused(trial.call("ADD"));
  expect(trial.link(trial.pod()).value("ifindex", json()).dump() == index,
         "the link that was there before", trial.link(trial.pod()).dump());
}

void add_name_taken_undone(Trial& trial) {
  take_name(trial);
  const View before = trial.primed_view();
  trial.refused(trial.call("ADD"));
  expect_same(before, trial.view(), "after the failed ADD");
}

void add_twice(Trial& trial) {
  trial.add();
  trial.refused(trial.call("ADD"));
}

void add_twice_kept(Trial& trial) {
  trial.add();
  const View before = trial.view();
  trial.refused(trial.call("ADD"));
  expect_same(before, trial.view(), "after the second ADD");
}

void add_own_netns(Trial& trial) {
  trial.refused(trial.call("ADD").with_env("CNI_NETNS", kHostNetns), {8});
}

void add_own_netns_undone(Trial& trial) {
  const View before = trial.primed_view();
  trial.refused(trial.call("ADD").with_env("CNI_NETNS", kHostNetns));
  expect_same(before, trial.view(), "after the failed ADD");
}

/// ADD in a namespace that is none.
void expect_no_netns(Trial& trial, const std::string& path) {
  const View before = trial.primed_view();
  trial.refused(trial.call("ADD").with_env("CNI_NETNS", path));
  expect_same(before, trial.view(), "after the failed ADD");
}

void add_netns_missing(Trial& trial) {
  expect_no_netns(trial, "/var/run/netns/no-such-pod");
}

void add_netns_file(Trial& trial) {
  const std::string path = std::string(kOwnDir) + "/file";
  std::ofstream(path) << "no namespace\n";
  expect_no_netns(trial, path);
}

void add_netns_directory(Trial& trial) {
  expect_no_netns(trial, kOwnDir);
}

void add_after_failure(Trial& trial) {
  take_name(trial);
  trial.refused(trial.call("ADD"));
  ip(trial.pod().name, {"link", "delete", trial.subject().ifname});
  trial.add();
}

}  // namespace

Points add_refused_points() {
  return {
      {"add-name-taken", Level::must, kOnce,
       "An interface of that name in the pod is an error and stays as it is", kAdd, add_name_taken},
      {"add-name-taken-undone", Level::custom, kOnce,
       "ADD that finds its name taken leaves nothing on the host, in the pod or at IPAM",
       "Multus, kubelet: no DEL is sure to follow", add_name_taken_undone},
      {"add-twice", Level::must, kOnce, "A second ADD of the same interface is an error", kAdd,
       add_twice},
      {"add-twice-kept", Level::must, kOnce, "A second ADD does not touch what the first one made",
       kAdd, add_twice_kept},
      {"add-own-netns", Level::custom, kOnce, "ADD in the plugin's own namespace is code 8", kSkel,
       add_own_netns},
      {"add-own-netns-undone", Level::custom, kOnce,
       "ADD in the plugin's own namespace changes nothing on the host", kSkel,
       add_own_netns_undone},
      {"add-netns-missing", Level::must, kOnce,
       "ADD in a missing namespace is an error and leaves nothing", kAdd, add_netns_missing},
      {"add-netns-file", Level::must, kOnce,
       "ADD with a plain file as the namespace is an error and leaves nothing", kAdd,
       add_netns_file},
      {"add-netns-directory", Level::must, kOnce,
       "ADD with a directory as the namespace is an error and leaves nothing", kAdd,
       add_netns_directory},
      {"add-after-failure", Level::custom, kOnce,
       "ADD works when the reason of an earlier failure has gone", "Kubernetes practice",
       add_after_failure},
  };
}

}  // namespace conformance
