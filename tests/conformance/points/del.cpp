// SPDX-License-Identifier: Apache-2.0
/// \file
/// DEL, which is to do as much as it can and hardly ever to fail.
#include <fstream>

#include "kernel.hpp"
#include "point.hpp"

namespace conformance {

namespace {

constexpr auto kDel = "CNI SPEC 1.1.0, section 2, DEL";
constexpr auto kSkel = "libcni practice (skel)";

void expect_no_link(Trial& trial) {
  expect(trial.link(trial.pod()).is_null(), "no interface", trial.link(trial.pod()).dump());
}

void expect_no_lease(Trial& trial) {
  const std::set<std::string> leases = trial.ipam().leases();
  expect(leases.empty(), "IPAM asked to take the address back", json(leases).dump());
}

void del_removes(Trial& trial) {
  trial.silent(trial.call("DEL", trial.pod(), trial.add()));
  expect_no_link(trial);
}

void del_restores(Trial& trial) {
  const View before = trial.primed_view();
  trial.silent(trial.call("DEL", trial.pod(), trial.add()));
  expect_same(before, trial.view(), "after ADD and DEL");
}

void del_no_prev_result(Trial& trial) {
  trial.add();
  trial.silent(trial.call("DEL"));
  expect_no_link(trial);
}

void del_twice(Trial& trial) {
  const Call del = trial.call("DEL", trial.pod(), trial.add());
  trial.silent(del);
  trial.silent(del);
  trial.silent(del.with_env("CNI_NETNS", ""));
}

void del_at_once(Trial& trial) {
  const json first = trial.add(trial.call("ADD", trial.pod(1)));
  const json second = trial.add(trial.call("ADD", trial.pod(2)));
  const auto [one, two] = trial.run_both(trial.call("DEL", trial.pod(1), first),
                                         trial.call("DEL", trial.pod(2), second));
  expect(one.ok() && two.ok(), "success of both", one.out + " and " + two.out);
  expect(trial.link(trial.pod(1)).is_null() && trial.link(trial.pod(2)).is_null(),
         "no interface in either pod", "one or two");
  expect_no_lease(trial);
}

void del_other_version(Trial& trial) {
  trial.add();
  const Version oldest = trial.subject().supported.front();
  trial.silent(trial.call("DEL").with({{"cniVersion", to_text(oldest)}}));
  expect_no_link(trial);
  expect_no_lease(trial);
}

void del_never_added(Trial& trial) {
  trial.silent(trial.call("DEL"));
}

void del_link_gone(Trial& trial) {
  const json result = trial.add();
  ip(trial.pod().name, {"link", "delete", trial.subject().ifname});
  trial.silent(trial.call("DEL", trial.pod(), result));
  expect_no_lease(trial);
}

void del_netns_gone(Trial& trial) {
  const json result = trial.add();
  const Call del = trial.call("DEL", trial.pod(), result);
  ip("", {"netns", "delete", trial.pod().name});
  trial.silent(del);
  expect_no_lease(trial);
}

void del_netns_gone_bare(Trial& trial) {
  trial.add();
  const Call del = trial.call("DEL");
  ip("", {"netns", "delete", trial.pod().name});
  trial.silent(del);
  expect_no_lease(trial);
}

void del_netns_empty(Trial& trial) {
  const json result = trial.add();
  trial.silent(trial.call("DEL", trial.pod(), result).with_env("CNI_NETNS", ""));
  expect_no_lease(trial);
}

void del_netns_file(Trial& trial) {
  const json result = trial.add();
  ip("", {"netns", "delete", trial.pod().name});
  std::ofstream(trial.pod().netns) << "";
  trial.silent(trial.call("DEL", trial.pod(), result));
  expect_no_lease(trial);
}

void del_after_failed_add(Trial& trial) {
  const std::string& name = trial.subject().ifname;
  ip(trial.pod().name, {"link", "add", name, "type", "veth", "peer", "name", "taken-peer"});
  trial.refused(trial.call("ADD"));
  ip(trial.pod().name, {"link", "delete", name});
  trial.silent(trial.call("DEL"));
}

void del_host_links_gone(Trial& trial) {
  if (trial.subject().links.empty()) {
    throw NotApplicable("no --link is given");
  }
  const json result = trial.add();
  for (const std::string& link : trial.subject().links) {
    ip("", {"link", "delete", link});
  }
  trial.silent(trial.call("DEL", trial.pod(), result));
  expect_no_link(trial);
  expect_no_lease(trial);
}

void del_foreign_link(Trial& trial) {
  const std::string& name = trial.subject().ifname;
  ip(trial.pod().name, {"link", "add", name, "type", "veth", "peer", "name", "taken-peer"});
  trial.silent(trial.call("DEL"));
  expect(!trial.link(trial.pod()).is_null(), "the interface that somebody else made", "none");
}

void del_other_container(Trial& trial) {
  trial.add();
  trial.silent(trial.call("DEL").with_env("CNI_CONTAINERID", std::string(64, 'e')));
  expect(!trial.link(trial.pod()).is_null(), "the interface of the container that is in the pod",
         "none");
}

void del_own_netns(Trial& trial) {
  const std::string& name = trial.subject().ifname;
  ip("", {"link", "add", name, "type", "veth", "peer", "name", "own-peer"});
  trial.refused(trial.call("DEL").with_env("CNI_NETNS", "/proc/1/ns/net"), {8});
}

void del_own_netns_kept(Trial& trial) {
  const std::string& name = trial.subject().ifname;
  ip("", {"link", "add", name, "type", "veth", "peer", "name", "own-peer"});
  trial.run(trial.call("DEL").with_env("CNI_NETNS", "/proc/1/ns/net"));
  expect(!find_link("", name).is_null(), "the host's interface " + name, "none");
}

}  // namespace

Points del_points() {
  return {
      {"del-removes", Level::must, kEach, "DEL removes the interface and prints nothing", kDel,
       del_removes},
      {"del-restores", Level::should, kOnce,
       "DEL leaves host, pod and IPAM as they were before ADD", kDel, del_restores},
      {"del-no-prev-result", Level::should, kOnce,
       "DEL without prevResult removes the interface all the same", "CNI SPEC 0.4.0, DEL",
       del_no_prev_result},
      {"del-twice", Level::must, kOnce,
       "DEL can be repeated, also with an empty CNI_NETNS as containerd does", kDel, del_twice},
      {"del-at-once", Level::must, kOnce, "Two pods are deleted at the same time",
       "CNI SPEC 1.1.0, section 3, Lifecycle & Ordering", del_at_once},
      {"del-other-version", Level::custom, kOnce,
       "DEL undoes an ADD that was in another version, as after an upgrade", "Kubernetes practice",
       del_other_version},
      {"del-never-added", Level::must, kOnce, "DEL of what was never added succeeds", kDel,
       del_never_added},
      {"del-link-gone", Level::must, kOnce, "DEL succeeds when the interface is gone", kDel,
       del_link_gone},
      {"del-netns-gone", Level::should, kOnce,
       "DEL without the namespace succeeds and gives the address back", kDel, del_netns_gone},
      {"del-netns-gone-bare", Level::should, kOnce,
       "DEL without the namespace and prevResult gives the address back", "CNI SPEC 0.4.0, DEL",
       del_netns_gone_bare},
      {"del-netns-empty", Level::should, kOnce,
       "DEL with an empty CNI_NETNS succeeds and gives the address back", "CNI SPEC 0.4.0, DEL",
       del_netns_empty},
      {"del-netns-file", Level::custom, kOnce,
       "DEL with a plain file where the namespace was gives the address back",
       "ip netns, containerd: after a reboot", del_netns_file},
      {"del-after-failed-add", Level::must, kOnce, "DEL after an ADD that failed succeeds", kDel,
       del_after_failed_add},
      {"del-host-links-gone", Level::should, kOnce,
       "DEL succeeds when the host's links that the network uses are gone", kDel,
       del_host_links_gone},
      {"del-foreign-link", Level::custom, kOnce,
       "DEL keeps an interface of that name that the plugin has not made", "Kubernetes practice",
       del_foreign_link},
      {"del-other-container", Level::custom, kOnce,
       "DEL keeps the interface of another container in the same namespace", "Kubernetes practice",
       del_other_container},
      {"del-own-netns", Level::custom, kOnce, "DEL in the plugin's own namespace is code 8", kSkel,
       del_own_netns},
      {"del-own-netns-kept", Level::custom, kOnce,
       "DEL in the plugin's own namespace keeps the host's interface", kSkel, del_own_netns_kept},
  };
}

}  // namespace conformance
