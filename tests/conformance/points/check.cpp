// SPDX-License-Identifier: Apache-2.0
/// \file
/// CHECK. That the interface is down is no point: the specification leaves it open whether somebody
/// else may have done that on purpose.
#include "kernel.hpp"
#include "point.hpp"

namespace conformance {

namespace {

constexpr auto kCheck = "CNI SPEC 1.1.0, section 2, CHECK";

/// ADD, something that happens, and a CHECK that is to notice it.
template <typename Event>
void expect_noticed(Trial& trial, Event event) {
  const json result = trial.add();
  trial.silent(trial.call("CHECK", trial.pod(), result));
  event(result);
  trial.refused(trial.call("CHECK", trial.pod(), result));
}

void check_after_add(Trial& trial) {
  const json result = trial.add();
  trial.silent(trial.call("CHECK", trial.pod(), result));
}

void check_changes_nothing(Trial& trial) {
  const json result = trial.add();
  const View before = trial.view();
  trial.silent(trial.call("CHECK", trial.pod(), result));
  expect_same(before, trial.view(), "after CHECK");
}

void check_two_pods(Trial& trial) {
  const json first = trial.add(trial.call("ADD", trial.pod(1)));
  const json second = trial.add(trial.call("ADD", trial.pod(2)));
  trial.silent(trial.call("CHECK", trial.pod(1), first));
  trial.silent(trial.call("CHECK", trial.pod(2), second));
}

void check_no_prev_result(Trial& trial) {
  trial.add();
  trial.refused(trial.call("CHECK"));
}

void check_link_gone(Trial& trial) {
  expect_noticed(trial, [&](const json&) {
    ip(trial.pod().name, {"link", "delete", trial.subject().ifname});
  });
}

void check_netns_gone(Trial& trial) {
  expect_noticed(trial, [&](const json&) { ip("", {"netns", "delete", trial.pod().name}); });
}

void check_mac_changed(Trial& trial) {
  expect_noticed(trial, [&](const json&) {
    ip(trial.pod().name, {"link", "set", trial.subject().ifname, "address", "02:00:00:00:00:fe"});
  });
}

void check_address_gone(Trial& trial) {
  expect_noticed(trial, [&](const json& result) {
    if (result.value("ips", json::array()).empty()) {
      throw NotApplicable("the result has no addresses");
    }
    ip(trial.pod().name, {"address", "flush", "scope", "global", "dev", trial.subject().ifname});
  });
}

void check_route_gone(Trial& trial) {
  expect_noticed(trial, [&](const json& result) {
    const json routes = result.value("routes", json::array());
    if (routes.empty()) {
      throw NotApplicable("the result has no routes");
    }
    const std::string dst = routes.front().value("dst", "");
    const std::string family = dst.find(':') == std::string::npos ? "-4" : "-6";
    ip(trial.pod().name,
       {family, "route", "delete", dst, "dev", trial.subject().ifname, "table", "main"});
  });
}

void check_never_added(Trial& trial) {
  const json result = trial.add(trial.call("ADD", trial.pod(1)));
  trial.refused(
      trial.call("CHECK", trial.pod(2), result).with_env("CNI_NETNS", trial.pod(2).netns));
}

void check_additions(Trial& trial) {
  const json result = trial.add();
  const std::string& pod = trial.pod().name;
  const std::string& name = trial.subject().ifname;
  ip(pod, {"address", "add", "198.51.100.7/32", "dev", name});
  ip(pod, {"route", "add", "203.0.113.0/24", "dev", name});
  ip(pod, {"link", "add", "later", "type", "veth", "peer", "name", "later-peer"});
  trial.silent(trial.call("CHECK", trial.pod(), result));
}

void check_list_result(Trial& trial) {
  json result = trial.add();
  ip(trial.pod().name, {"link", "add", "later", "type", "veth", "peer", "name", "later-peer"});
  const std::string mac = find_link(trial.pod().name, "later").value("address", "");
  result["interfaces"].push_back({{"name", "later"}, {"mac", mac}, {"sandbox", trial.pod().netns}});
  trial.silent(trial.call("CHECK", trial.pod(), result));
}

}  // namespace

Points check_points() {
  return {
      {"check-after-add", Level::must, kEachFrom04,
       "CHECK right after ADD succeeds and prints nothing", kCheck, check_after_add},
      {"check-changes-nothing", Level::must, kFrom04, "CHECK changes nothing", kCheck,
       check_changes_nothing},
      {"check-two-pods", Level::must, kFrom04, "CHECK of each of two pods on a network succeeds",
       kCheck, check_two_pods},
      {"check-no-prev-result", Level::should, kFrom04, "CHECK without prevResult is an error",
       kCheck, check_no_prev_result},
      {"check-link-gone", Level::should, kEachFrom04, "CHECK notices that the interface is gone",
       kCheck, check_link_gone},
      {"check-netns-gone", Level::should, kFrom04, "CHECK notices that the namespace is gone",
       kCheck, check_netns_gone},
      {"check-mac-changed", Level::should, kFrom04, "CHECK notices another MAC than the result's",
       kCheck, check_mac_changed},
      {"check-address-gone", Level::should, kEachFrom04,
       "CHECK notices that the addresses are gone", kCheck, check_address_gone},
      {"check-route-gone", Level::should, kFrom04, "CHECK notices that a listed route is gone",
       kCheck, check_route_gone},
      {"check-never-added", Level::should, kFrom04,
       "CHECK of a pod that has no such interface is an error", kCheck, check_never_added},
      {"check-additions", Level::must, kFrom04,
       "CHECK is content when later plugins have added addresses, routes and links", kCheck,
       check_additions},
      {"check-list-result", Level::must, kFrom04,
       "CHECK is content when later plugins have added interfaces to the result", kCheck,
       check_list_result},
  };
}

}  // namespace conformance
