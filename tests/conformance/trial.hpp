// SPDX-License-Identifier: Apache-2.0
/// \file
/// What a point works with: the plugin, in one CNI version and in a world of its own, and the words
/// for what is expected of it.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "plugin.hpp"
#include "recorder.hpp"
#include "version.hpp"

namespace conformance {

/// The plugin under test and how it is called.
struct Subject {
  std::string plugin;
  json config;  ///< one plugin's network configuration; each trial puts its cniVersion in
  std::string cni_path;
  std::string ifname = "net1";
  int timeout_s = 30;                   ///< for one call
  std::vector<std::string> links = {};  ///< names of the host's links that the configuration uses
  std::vector<Version> supported = {};  ///< as its VERSION says, oldest first

  /// `ipam.type`, "" without one.
  [[nodiscard]] std::string ipam_type() const;
};

/// Ends a trial: the plugin does not do what the point states.
struct Failed : std::runtime_error {
  Failed(const std::string& wanted, std::string seen)
      : std::runtime_error(wanted), found(std::move(seen)) {}
  std::string found;
};

/// Ends a trial: the point says nothing about this plugin with this configuration.
struct NotApplicable : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// A container, or rather its namespace.
struct Pod {
  std::string name;   ///< of the namespace, as `ip netns` has it
  std::string netns;  ///< its path
  std::string container_id;
};

/// Host, pods and IPAM at one moment, one fact a line.
using View = std::set<std::string>;

void expect(bool holds, const std::string& expected, const std::string& found);

/// Expects that nothing has come or gone.
void expect_same(const View& before, const View& after, const std::string& when);

class Trial {
 public:
  Trial(const Subject& subject, Version version);

  [[nodiscard]] Version version() const { return version_; }
  [[nodiscard]] const Subject& subject() const { return subject_; }
  [[nodiscard]] const Recorder& ipam() const { return ipam_; }

  /// The configuration in this trial's version.
  [[nodiscard]] json config() const;

  /// The nth pod; its namespace is made when it is first asked for.
  const Pod& pod(int n = 1);

  /// The call that a runtime makes for a pod's interface, for pod 1 if none is given.
  Call call(const std::string& verb) { return call(verb, pod()); }
  [[nodiscard]] Call call(const std::string& verb, const Pod& pod) const;

  /// The same with a result of ADD, in versions in which the verb gets it.
  [[nodiscard]] Call call(const std::string& verb, const Pod& pod, const json& result) const;

  /// STATUS or GC as libcni calls it: the container's variables are there, and empty.
  [[nodiscard]] Call node_call(const std::string& verb) const;
  [[nodiscard]] Call gc_call(const std::vector<Pod>& living) const;

  /// Makes a call, whatever comes of it.
  Answer run(const Call& call);

  /// Two calls at the same time.
  std::pair<Answer, Answer> run_both(const Call& first, const Call& second);

  /// Makes a call that is to succeed.
  Answer ok(const Call& call);

  /// And that is to print nothing on standard output.
  Answer silent(const Call& call);

  /// Makes a call that is to fail, with one of the codes if any are given.
  Answer refused(const Call& call, const std::set<int>& codes = {});

  /// Makes an ADD that is to succeed and print one JSON object, which is returned.
  json add(const Call& call);
  json add() { return add(call("ADD")); }

  /// The interface of CNI_IFNAME in a pod as `ip` shows it; null if there is none.
  [[nodiscard]] json link(const Pod& pod) const;

  /// An ADD and a DEL of another pod, so that what a plugin makes once and keeps is there: a
  /// bridge, a directory. Then the view to compare with.
  View primed_view();
  [[nodiscard]] View view() const;

  /// Ends the trial unless the configuration has an IPAM plugin.
  void need_ipam() const;

  /// Ends the trial unless the plugin has a version.
  void need_support(Version version) const;

  /// The calls made so far, for people to read.
  [[nodiscard]] const std::vector<std::string>& log() const { return log_; }

 private:
  const Subject& subject_;
  Version version_;
  Recorder ipam_;
  std::map<int, Pod> pods_ = {};
  std::vector<std::string> log_ = {};
};

}  // namespace conformance
