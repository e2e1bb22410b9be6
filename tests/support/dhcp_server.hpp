// SPDX-License-Identifier: Apache-2.0
/// \file
/// DHCP as it really is: dnsmasq at a rail's gateway, and the daemon of the dhcp IPAM plugin.
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "support/shell.hpp"

namespace mvr::test {

/// Gives addresses of a rail's subnet from .50 to .60, and the rail's gateway, until it goes out of
/// scope.
class DhcpServer {
 public:
  explicit DhcpServer(int rail);

  /// What it has given and not got back: "172.16.11.50 02:00:5e:10:00:01".
  [[nodiscard]] static std::vector<std::string> leases();

  /// What it has seen: a line "DHCPRELEASE(gw1) 172.16.11.50 02:00:5e:10:00:01" for a message.
  [[nodiscard]] static std::string log();

 private:
  Process process_;
};

/// The daemon of the IPAM plugin, on the node, with its socket in the test's own directory.
class DhcpDaemon {
 public:
  DhcpDaemon();

  /// The `ipam` section that selects the plugin and this daemon.
  [[nodiscard]] static nlohmann::json section();

  [[nodiscard]] static std::string socket_path();

 private:
  Process process_;
};

}  // namespace mvr::test
