// SPDX-License-Identifier: Apache-2.0
/// \file
/// A pod in the reference scenario, the runtime that calls the plugin for it, and the world as it
/// was before the first call.
#pragma once

#include <map>
#include <string>

#include <nlohmann/json.hpp>

#include "support/ipam_scripts.hpp"
#include "support/plugin.hpp"
#include "support/scenario.hpp"

namespace mvr::test {

class PodWorld {
 public:
  explicit PodWorld(int rails = 1, Overlay overlay = Overlay::calico);

  /// In a scenario with IPv6.
  PodWorld(int rails, Overlay overlay, Families families);

  /// From now on CNI_PATH has this plugin before the distribution's.
  void use(const FakeIpam& ipam) { cni_path_ = ipam.dir() + ":" + kCniPath; }

  /// CNI_PATH is the distribution's alone again.
  void use_real_ipam() { cni_path_ = kCniPath; }

  /// ADD of rail n as interface "netN".
  /// \param patch merged into the rail's configuration (RFC 7396)
  Answer add(int n, const json& patch = json::object());
  Answer add(const std::string& ifname, const json& config);

  /// With the configuration of the last ADD, and with its result if it had one.
  [[nodiscard]] Answer check(int n) const { return call_again("CHECK", n); }
  [[nodiscard]] Answer del(int n) const { return call_again("DEL", n); }
  [[nodiscard]] Answer call_again(const std::string& verb, int n) const;

  /// The call that `add` makes, to be changed before it is run.
  [[nodiscard]] Call make_call(const std::string& verb, const std::string& ifname,
                               const json& config) const;

  /// The configuration and result of a later `check` and `del`.
  void note(const std::string& ifname, const json& config, const Answer& answer);

  /// The world as it is now becomes what `changes` compares with.
  void look();

  /// What is not as it was, a line each; empty if everything is.
  [[nodiscard]] std::string changes() const;

  [[nodiscard]] const Pod& pod() const { return pod_; }
  [[nodiscard]] Scenario& scenario() { return scenario_; }

 private:
  struct Attachment {
    json config;
    json result;
  };

  Scenario scenario_;
  Pod pod_;
  Runtime runtime_;
  std::string cni_path_ = kCniPath;
  std::map<std::string, Attachment> attachments_ = {};
  json before_;
};

/// Empty after a success, else what the plugin said.
std::string failure(const Answer& answer);

/// The configuration of rail n with another `ipam` section.
json rail_config_with(int n, const json& ipam);

/// The configuration of rail n for a cluster of both families: with addresses of these families,
/// rail_address(n) and rail_address6(n) first.
json rail_config_of(Families families, int n);

}  // namespace mvr::test
