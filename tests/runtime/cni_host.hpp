// SPDX-License-Identifier: Apache-2.0
/// \file
/// A node as a container runtime finds it: rails with gateways, a directory of CNI plugins, one of
/// networks, and an image to run. All of it in memory and in namespaces of the test's own.
#pragma once

#include <string>
#include <vector>

#include "support/plugin.hpp"
#include "support/scenario.hpp"
#include "support/world.hpp"

namespace mvr::test {

/// What a runtime called our plugin with.
struct SeenCall {
  std::map<std::string, std::string> env;  ///< the CNI_* variables
  json input;                              ///< what was on standard input

  [[nodiscard]] std::string verb() const { return env.at("CNI_COMMAND"); }
};

/// How a failed assertion shows it.
std::ostream& operator<<(std::ostream& out, const SeenCall& call);

/// What the runtimes' tests have in common.
class CniHost {
 public:
  /// \param rails their number
  explicit CniHost(int rails = 2);

  /// The directory of plugins: Debian's and ours, of which every call is written down before the
  /// plugin takes over. It is /opt/cni/bin as well.
  [[nodiscard]] static std::string plugin_dir();

  /// The directory of networks, which is empty at first. It is /etc/cni/net.d as well.
  [[nodiscard]] static std::string networks_dir();

  /// From now on what is written below this directory of the machine goes into memory, and ends
  /// with the test. So are /etc, /opt and /var/lib from the beginning.
  static void shield(const std::string& dir);

  /// A network list "railN" of one plugin, ours: rail n's configuration and, merged into it, a
  /// patch. \param file its name, when the order of networks matters
  static void put_network(int n, const json& patch = json::object(), std::string file = {});

  /// The calls since the last time this was asked, but VERSION, which runtimes send at will.
  static std::vector<SeenCall> calls();

  /// How often a verb is among the calls that have not been read yet.
  [[nodiscard]] static std::size_t count(const std::string& verb);

  /// A root file system with a busybox as a tar, and the name that the image gets.
  [[nodiscard]] static std::string image_tar();
  static constexpr const char* kImage = "localhost/rails:1";

  /// What is not as it was in the beginning, leases and journals included.
  [[nodiscard]] std::string changes() const;

  Scenario scenario;

 private:
  json before_;
};

/// "VERB IFNAME" of each call, in order.
std::vector<std::string> outline(const std::vector<SeenCall>& calls);

/// The name below /run/netns of a namespace that a runtime has made there.
std::string netns_name(const std::string& path);

/// Asserts that the container reaches rail n's gateway from this address of its own.
/// \param netns a name below /run/netns
void check_reaches_gateway(const std::string& netns, int n, const std::string& from);

}  // namespace mvr::test
