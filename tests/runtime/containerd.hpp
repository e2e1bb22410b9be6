// SPDX-License-Identifier: Apache-2.0
/// \file
/// containerd with state and images of the test's own, driven as kubelet does, by the Container
/// Runtime Interface (CRI).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "runtime/cni_host.hpp"

namespace mvr::test {

class Containerd {
 public:
  /// Starts the daemon and imports the host's image.
  /// \param networks how many of the networks each pod gets, the first ones by file name
  explicit Containerd(const CniHost& host, int networks = 1);

  /// Ends the daemon, as an update does: shims and sandboxes live on.
  void stop();
  void start();

  /// `ctr ARGUMENTS` in the namespace that CRI uses.
  [[nodiscard]] Output ctr(const std::vector<std::string>& arguments) const;

  struct Reply {
    json body = {};            ///< the response's fields
    std::string refusal = {};  ///< empty if there is none

    [[nodiscard]] bool ok() const { return refusal.empty(); }
  };

  /// One call of RuntimeService.
  [[nodiscard]] Reply cri(const std::string& method, const json& request) const;

  /// RunPodSandbox. \param pod its name, which must be new
  [[nodiscard]] Reply run_sandbox(const std::string& pod, const json& annotations = json::object(),
                                  int attempt = 0) const;

  /// The same; fails the test if refused. Returns the sandbox's ID.
  [[nodiscard]] std::string run_pod(const std::string& pod) const;

  [[nodiscard]] Reply stop_sandbox(const std::string& id) const;
  [[nodiscard]] Reply remove_sandbox(const std::string& id) const;

  /// PodSandboxStatus, with what containerd adds about itself as JSON.
  [[nodiscard]] json status(const std::string& id) const;

  /// The name below /run/netns of a sandbox's namespace.
  [[nodiscard]] std::string netns(const std::string& id) const;

  /// The OCI runtime that the sandboxes are made by, for ctr.
  [[nodiscard]] static std::string runtime();

  /// The shim of the test's sandboxes; -1 if there is none.
  [[nodiscard]] static pid_t shim();

 private:
  std::unique_ptr<Process> daemon_;
};

/// How a failed assertion shows it.
std::ostream& operator<<(std::ostream& out, const Containerd::Reply& reply);

}  // namespace mvr::test
