// SPDX-License-Identifier: Apache-2.0
/// \file
/// The plugin, run as a runtime runs it: six variables in the environment, a configuration on
/// standard input, one document on standard output.
#pragma once

#include <chrono>
#include <iosfwd>
#include <map>
#include <optional>
#include <string>

#include <nlohmann/json.hpp>

#include "support/scenario.hpp"
#include "support/shell.hpp"

namespace mvr::test {

/// Where Debian has the CNI project's plugins.
inline constexpr const char* kCniPath = "/usr/lib/cni";

/// A sandbox ID as containerd makes it.
inline constexpr const char* kContainerId =
    "5f1c0de5a9b24c7e8d3f60718293a4b5c6d7e8f90123456789abcdef01234567";

/// The program under test: the one that MVR_PLUGIN names (a sanitized build, a release), else that
/// of this build.
std::string plugin_path();

struct Call {
  std::string verb;
  std::string container_id = kContainerId;
  std::string netns = {};  ///< path
  std::string ifname = "net1";
  std::string args = {};  ///< CNI_ARGS
  json config = {};
  std::optional<std::string> input = {};  ///< instead of the configuration: exactly these bytes
  std::string cni_path = kCniPath;
  std::map<std::string, std::string> env = {};  ///< more variables, or other values
  std::chrono::milliseconds timeout{30'000};
};

struct Answer {
  int status = 0;
  std::string out = {};
  std::string err = {};
  json body = {};  ///< `out` parsed; discarded if it is no JSON, null if it is empty

  [[nodiscard]] bool ok() const { return status == 0; }

  /// The error document's code; 0 without one.
  [[nodiscard]] int code() const;
  [[nodiscard]] std::string message() const;
  [[nodiscard]] std::string details() const;
};

/// How a failed assertion shows an answer.
std::ostream& operator<<(std::ostream& out, const Answer& answer);

/// The program as it will be executed, for tests that start and signal it themselves.
Command make_command(const Call& call);

Answer make_answer(Output output);

/// Runs one verb to its end.
Answer run_plugin(const Call& call);

/// `macvlan-rdma gc` for the test's journals, as a timer would start it: without any variable of a
/// runtime.
Command make_gc_command(const std::vector<std::string>& options = {});

/// Runs it to its end.
Output run_gc(const std::vector<std::string>& options = {});

/// CNI_ARGS of a pod as Multus sends them, every key twice.
std::string multus_args(const std::string& pod);

/// The scenario's configuration of rail n: what the NetworkAttachmentDefinition "gpuN-macvlan"
/// holds, with state and leases in the test's own directories.
json rail_config(int n);

/// One pod's attachments as a runtime keeps them: what ADD was given and what it answered is what
/// CHECK and DEL are called with.
class Runtime {
 public:
  explicit Runtime(const Pod& pod, std::string container_id = kContainerId);

  /// ADD of rail n as interface "netN".
  Answer add(int n) { return add(n, json::object()); }

  /// \param patch merged into the rail's configuration (RFC 7396)
  Answer add(int n, const json& patch);
  Answer add(const std::string& ifname, const json& config);

  /// With the result of the ADD as prevResult.
  [[nodiscard]] Answer check(int n) const;
  [[nodiscard]] Answer check(const std::string& ifname) const;
  Answer del(int n);
  Answer del(const std::string& ifname);

  /// The call that `add`, `check` or `del` makes, to be changed before it is run.
  [[nodiscard]] Call call(const std::string& verb, const std::string& ifname) const;

  /// The call for an interface that has not been added.
  [[nodiscard]] Call call(const std::string& verb, const std::string& ifname,
                          const json& config) const;

 private:
  struct Attachment {
    json config;
    json result;
  };

  std::string netns_;
  std::string container_id_;
  std::string args_;
  std::map<std::string, Attachment> attachments_;
};

}  // namespace mvr::test
