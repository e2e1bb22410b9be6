// SPDX-License-Identifier: Apache-2.0
/// \file
/// Who is measured: each gives a pod its NICs and takes them away again, or a part of that.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "bench/meter.hpp"
#include "support/netlink_trace.hpp"
#include "support/plugin.hpp"
#include "support/scenario.hpp"

namespace mvr::bench {

using test::json;

/// In the order in which a round runs them.
enum class Verb { start, add, check, del };

/// "start", "ADD", "CHECK", "DEL".
std::string name_of(Verb verb);

struct Contestant {
  std::string name;
  std::string note;  ///< what it is, in a line
  std::map<Verb, std::function<void(Meter&)>> verbs;
  std::function<void()> tidy = [] {};  ///< not measured; after the last verb the pod is as before
  std::size_t nics = 1;                ///< that each verb is for, one after the other
  /// Callgrind can run it: valgrind 3.19 has no pidfd_open, by which we wait for the IPAM plugin.
  bool counts_instructions = false;
  /// Ours with one NIC: the three verbs, looked at by ptrace.
  std::function<std::map<Verb, test::Traced>()> trace = nullptr;
};

/// A pod with a Calico NIC, and the rail on which it gets another one.
struct Place {
  test::Pod pod;
  int rail = 1;
};

/// The plugin with this configuration for each NIC, one after the other.
Contestant make_ours(const std::string& name, const std::string& note, const Place& place,
                     const std::vector<json>& configs);

/// Programs of the CNI project, executed one after the other, each with the result of the one
/// before; DEL in reverse. CHECK of one alone only: macvlan's fails where sbr has moved its routes.
Contestant make_chain(const std::string& name, const std::string& note, const Place& place,
                      const std::vector<std::string>& plugins);

/// The IPAM plugin alone.
Contestant make_host_local(const Place& place);

/// The kernel objects of our ADD from prepared messages; DEL is RTM_DELLINK.
Contestant make_floor(const Place& place);

/// The same objects by the `ip` command.
Contestant make_ip_batch(const Place& place);

/// A program that does nothing but start.
Contestant make_start(const std::string& name, const std::string& note, const std::string& program,
                      bool counts_instructions = false);

/// The call of the plugin that `make_ours` makes for the first NIC.
test::Call make_call(Verb verb, const Place& place, const std::string& ifname, const json& config);

/// A rail's configuration with its probes on or off.
json make_config(int rail, bool has_conflict_probe, bool has_gateway_probe);

/// All of them, each in a pod of its own; `ours`, `chain`, `floor`, `host-local` are what others
/// are compared with.
std::vector<Contestant> make_contestants(test::Scenario& scenario, int rails);

}  // namespace mvr::bench
