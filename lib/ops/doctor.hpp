// SPDX-License-Identifier: Apache-2.0
/// \file
/// Is this node ready? One check a subject; each says what it has found, good or bad.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "mvr/cni/netconf.hpp"
#include "mvr/plan/kernel.hpp"
#include "ops/screen.hpp"

namespace mvr::ops {

enum class Grade { ok, warn, fail };

/// What was found about one thing. Only what is not `ok` has a remedy.
struct Diagnosis {
  Grade grade = Grade::ok;
  std::string what;     ///< the kind of thing, "master"
  std::string subject;  ///< which one, "enp11s0f0np0"; empty if there is but one
  std::string cause;
  std::string remedy = {};

  bool operator==(const Diagnosis&) const = default;
};

using Diagnoses = std::vector<Diagnosis>;

/// The node as far as it is files, and what it is to serve.
struct System {
  std::string root;     ///< stands before the path of each file; empty on the node itself
  std::string program;  ///< this executable
  std::vector<std::string> plugin_dirs;  ///< CNI_PATH
  std::string state_dir;
  std::vector<cni::NetConf> networks;  ///< may be empty: then what all of them need is looked at

  /// "" if it cannot be read; without the line end.
  [[nodiscard]] std::string read(const std::string& path) const;
  [[nodiscard]] bool has(const std::string& path) const;
  [[nodiscard]] std::vector<std::string> list(const std::string& path) const;

  /// Paths of what is in the directories and ends in one of these ways; sorted in each directory.
  [[nodiscard]] std::vector<std::string> find(const std::vector<std::string>& dirs,
                                              const std::vector<std::string>& endings) const;

  /// Whether any network, or one that might come, is to have RDMA devices; must have them.
  [[nodiscard]] bool wants_rdma() const;
  [[nodiscard]] bool insists_on_rdma() const;
};

// Files only.

/// ib_core and what programs need beside it.
Diagnoses check_modules(const System& system);

/// Sockets of the kubelet and of device plugins.
Diagnoses check_device_plugin(const System& system);

/// This program, IPAM plugins, the runtime's configurations.
Diagnoses check_cni(const System& system);

/// Daemons that configure interfaces that they do not know.
Diagnoses check_managers(const System& system);

/// Room for neighbours, by an estimate that is stated.
Diagnoses check_neighbours(const System& system);

/// 8021q, where a network has a VLAN.
Diagnoses check_vlans(const System& system);

// The kernel's objects as well.

/// Masters: of the networks or, without, the netdevs that have an RDMA device; each with its
/// device.
Diagnoses check_masters(const System& system, plan::Kernel& kernel);

/// One of them, which the network's NICs would be on. Fails where the kernel cannot be asked.
Result<Diagnoses> check_master(const System& system, plan::Kernel& kernel, const cni::NetConf& conf,
                               const net::Link& master);

/// The namespace mode of RDMA.
Diagnoses check_rdma_mode(const System& system, plan::Kernel& kernel);

/// Who else uses the tables of `hostRuleTable`.
Diagnoses check_tables(const System& system, plan::Kernel& kernel);

// The state of the plugin on this node.

/// stateDir, and what dead attachments have left. Drops capabilities that it does not need.
Diagnoses check_state(const System& system);

/// Appends the configurations of this plugin in a file, or on standard input ("-"), with the node's
/// defaults. What is wrong with the file is returned.
Diagnoses read_networks(const std::string& path, std::vector<cni::NetConf>& networks);

/// A line for each, and one that counts them. What is said of several subjects in the same words is
/// one line, with NAME in the place of their names.
std::string format_text(const Diagnoses& all, const Painter& painter);

/// One object; the reference has its keys.
std::string format_json(const Diagnoses& all);

}  // namespace mvr::ops
