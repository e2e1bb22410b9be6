// SPDX-License-Identifier: Apache-2.0
/// \file
/// What the reference scenario wants a pod to look like, in the lines of link_state.hpp, and a
/// world that remembers how it was before.
#pragma once

#include <string>
#include <vector>

#include "support/ipam_scripts.hpp"
#include "support/link_state.hpp"
#include "support/plugin.hpp"
#include "support/scenario.hpp"
#include "support/world.hpp"

namespace mvr::test {

/// A NIC on a rail with the address that host-local gives first.
struct WantedNic {
  int rail = 1;
  std::string name = "net1";
  unsigned table = 101;
  int host = 10;  ///< last octet of its address

  [[nodiscard]] std::string address() const { return rail_address(rail, host); }
};

/// netN on rail N for each number.
std::vector<WantedNic> wanted_nics(const std::vector<int>& rails);

/// All rules of a Calico pod with these NICs, the kernel's own included.
Lines wanted_rules(const Pod& pod, const std::vector<WantedNic>& nics);

/// T.
Lines wanted_table(const WantedNic& nic);

/// T0 of a Calico pod.
Lines wanted_overlay_table();

/// main of a Calico pod with these NICs; sorted.
Lines wanted_main(const Pod& pod, const std::vector<WantedNic>& nics);

/// Asserts rules and tables, every one of them, and that there are no others.
void check_routing(const Pod& pod, const std::vector<WantedNic>& nics);

/// A node with rails and one pod, as they were before anything was added.
struct OnePod {
  explicit OnePod(const ScenarioOptions& options = {.rails = 1}, Overlay overlay = Overlay::calico);

  Scenario scenario;
  Pod pod;
  Runtime runtime;
  json before;

  /// What is not as it was in the beginning, leases and journals included.
  [[nodiscard]] std::string changes() const { return difference(before, snapshot_world({"pod"})); }
};

/// The one journal that there is, parsed; fails the test if there are none or more.
json read_only_journal();

/// How many journals there are.
std::size_t count_journals();

/// Asserts success; nothing but ADD prints anything then.
void check_ok(const Answer& answer);

/// ADD of rail n with its configuration patched; returns the result, or fails the test.
json add_or_fail(Runtime& runtime, int n, const json& patch = json::object());

/// ADD of rail 1 as net1 with this IPAM plugin, the only one in CNI_PATH.
Call add_call(const Runtime& runtime, const FakeIpam& ipam);

}  // namespace mvr::test
