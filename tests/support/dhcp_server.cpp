// SPDX-License-Identifier: Apache-2.0
#include "support/dhcp_server.hpp"

#include <filesystem>

#include "mvr/base/fd.hpp"
#include "mvr/base/text.hpp"
#include "support/catch.hpp"
#include "support/namespaces.hpp"
#include "support/plugin.hpp"
#include "support/scenario.hpp"

namespace mvr::test {

namespace {

constexpr std::size_t kFileLimit = std::size_t{1} << 20;

std::string scratch(const std::string& name) {
  const std::string path = std::string(kScratchDir) + "/" + name;
  std::filesystem::create_directories(kScratchDir);
  return path;
}

std::string text_of(const std::string& name) {
  return read_file(scratch(name), kFileLimit).value_or("");
}

Command server_command(int rail) {
  return {.argv = {"dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--user=root",
                   "--pid-file=", "--port=0", "--bind-interfaces", "--dhcp-authoritative",
                   "--no-ping", "--interface=" + rail_gateway_nic(rail),
                   "--dhcp-range=" + rail_address(rail, 50) + "," + rail_address(rail, 60) + ",1h",
                   "--dhcp-option=option:router," + rail_gateway(rail),
                   "--dhcp-leasefile=" + scratch("dhcp.leases"),
                   "--log-facility=" + scratch("dhcp.log")},
          .netns = netns_path(kGateways)};
}

/// That no server is there, it is to find out soon: after five attempts or so.
Command daemon_command() {
  std::filesystem::remove(DhcpDaemon::socket_path());  // an earlier one's
  return {.argv = {std::string(kCniPath) + "/dhcp", "daemon", "-socketpath",
                   DhcpDaemon::socket_path(), "-timeout", "2s", "-resendmax", "1s"}};
}

}  // namespace

DhcpServer::DhcpServer(int rail) : process_(server_command(rail)) {
  REQUIRE(eventually([] { return log().find("DHCP, IP range") != std::string::npos; }));
}

std::vector<std::string> DhcpServer::leases() {
  std::vector<std::string> result;
  const std::string text = text_of("dhcp.leases");
  for (const std::string_view line : split(text, '\n')) {
    // Expiry, MAC address, address, then the client's names.
    const auto fields = split(line, ' ');
    if (fields.size() > 2 && fields[0] != "duid") {
      result.push_back(std::string(fields[2]) + ' ' + std::string(fields[1]));
    }
  }
  return result;
}

std::string DhcpServer::log() {
  return text_of("dhcp.log");
}

DhcpDaemon::DhcpDaemon() : process_(daemon_command()) {
  REQUIRE(eventually([] { return std::filesystem::exists(socket_path()); }));
}

nlohmann::json DhcpDaemon::section() {
  return {{"type", "dhcp"}, {"daemonSocketPath", socket_path()}};
}

std::string DhcpDaemon::socket_path() {
  return scratch("dhcp.sock");
}

}  // namespace mvr::test
