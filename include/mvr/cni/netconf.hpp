// SPDX-License-Identifier: Apache-2.0
/// \file
/// The network configuration: every key, its default, its meaning (conf/REFERENCE.md has the
/// prose).
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mvr/base/error.hpp"
#include "mvr/base/log.hpp"
#include "mvr/cni/environment.hpp"
#include "mvr/cni/result.hpp"
#include "mvr/cni/version.hpp"
#include "mvr/ip/address.hpp"

namespace mvr::cni {

enum class MacvlanMode { bridge, private_mode, vepa, passthru };

std::string_view to_string(MacvlanMode mode);

enum class RdmaMode { automatic, shared, exclusive, off };

std::string_view to_string(RdmaMode mode);

struct RdmaConf {
  RdmaMode mode = RdmaMode::automatic;          ///< automatic: what the kernel's netns mode says
  std::string device;                           ///< by name; empty = that of the master
  std::chrono::milliseconds gid_timeout{1000};  ///< 0–60 s; 0 = look once
};

enum class ProbePolicy { fail, warn, off };

struct ProbeConf {
  ProbePolicy policy = ProbePolicy::fail;
  int attempts = 5;                         ///< 1–1000
  std::chrono::milliseconds interval{100};  ///< 1 ms–10 s; attempts × interval ≤ timeout
};

/// Who looks whether an IPv6 address is free: we before it is configured, the kernel after, nobody.
enum class DadMode { probe, kernel, off };

struct Ipv6Conf {
  DadMode dad = DadMode::probe;
  bool accept_ra = false;  ///< router advertisements, and addresses made from them
};

/// A route that the configuration adds to the NIC's own table.
struct PolicyRoute {
  ip::Prefix dst;
  ip::Address gateway;

  bool operator==(const PolicyRoute&) const = default;
};

/// One sysctl of the NIC: "net.ipv4.conf.IFNAME.forwarding" as path "ipv4/conf/IFNAME/forwarding"
/// below /proc/sys/net; the component IFNAME is replaced when it is written.
struct SysctlConf {
  std::string path;
  std::string value;
  std::string label = {};  ///< the key as it was written, with its place: for errors

  bool operator==(const SysctlConf&) const = default;
};

/// What `generate` writes where somebody has to write a value, and what no value can begin with.
inline constexpr std::string_view kPlaceholder = "CHANGE-ME";

/// A container's interface as a runtime names it in a GC call.
struct AttachmentRef {
  std::string container_id;
  std::string ifname;

  auto operator<=>(const AttachmentRef&) const = default;
};

struct NetConf {
  Version cni_version;
  std::string name;
  std::string type;

  std::vector<std::string> master;  ///< candidates, the first that exists; empty = by default rule
  MacvlanMode mode = MacvlanMode::bridge;
  std::uint32_t mtu = 0;       ///< 0 = the master's
  std::optional<ip::Mac> mac;  ///< after CNI_ARGS, args.cni and runtimeConfig have had their say
  std::optional<std::array<std::uint8_t, 2>> mac_prefix;  ///< podMACPrefix; never beside `mac`
  bool link_in_container = false;
  bool promisc = false;
  bool allmulti = false;
  std::uint32_t vlan = 0;          ///< 1–4094; 0 = none
  std::uint32_t bc_queue_len = 0;  ///< 0 = the kernel's default
  std::uint32_t tx_queue_len = 0;  ///< 0 = the kernel's default
  std::vector<SysctlConf> sysctls;

  std::string ipam_type;  ///< empty = layer 2 only
  RdmaConf rdma;
  ProbeConf gateway_probe;
  ProbeConf conflict_probe{ProbePolicy::fail, 3, std::chrono::milliseconds(10)};
  std::uint32_t announce = 2;  ///< gratuitous ARP, unsolicited NA for each address; 0–10
  Ipv6Conf ipv6;

  std::string overlay_nic = "eth0";  ///< podDefaultCniNic
  std::vector<ip::Prefix> overlay_pod_cidr;
  std::vector<ip::Prefix> service_cidr;
  std::vector<ip::Prefix> hijack_cidr;
  std::optional<std::vector<ip::Address>> host_addresses;  ///< nothing = "auto"
  std::string default_route_nic;  ///< podDefaultRouteNic; empty = the overlay NIC
  std::vector<PolicyRoute> policy_routes;
  std::uint32_t host_rule_table = 0;  ///< on the node; 0 = off
  std::uint32_t route_table = 0;      ///< 0 = derived from the interface name
  std::uint32_t route_table_base = 100;
  std::uint32_t rule_priority_base = 32000;
  int rp_filter = 2;            ///< -1 = leave
  bool tune_pod_routes = true;  ///< false: IPAM's routes go to main, no tables, no rules
  bool strict_arp = true;

  std::string log_file;  ///< empty = standard error
  LogLevel log_level = LogLevel::info;
  std::string state_dir = "/run/macvlan-rdma";
  std::chrono::milliseconds timeout{100'000};
  bool strict = false;

  std::string
      device_id;  ///< runtimeConfig.deviceID or deviceID if a PCI or auxiliary id, else empty
  std::string device_info_file;  ///< runtimeConfig.CNIDeviceInfoFile, absolute; empty = none wanted
  Dns dns;
  std::optional<AddResult> prev_result;
  std::optional<std::vector<AttachmentRef>> valid_attachments;  ///< GC; absent is not empty
};

/// A configuration with everything that is wrong with it. Values that could not be read have their
/// defaults. ADD, CHECK and STATUS refuse the first problem; DEL and GC work with what is readable.
struct ParsedConf {
  NetConf conf;
  std::vector<Error> problems;        ///< Code::bad_config, or unsupported_field
  std::vector<std::string> warnings;  ///< unknown keys, keys in another case
  std::vector<std::string> notes;     ///< what was passed over as usual; for debugging
};

/// Reads the configuration that came on standard input, with the node-wide defaults below it.
/// Fails only where no verb can go on: not JSON or nested too deep (Code::decode), `name` missing
/// or malformed (bad_config), a cniVersion we do not speak (incompatible_version).
/// \param defaults the text of the defaults file, "{}" if there is none
/// \param args     CNI_ARGS, whose MAC stands between the configuration's and args.cni's
Result<ParsedConf> parse_netconf(std::string_view json, std::string_view defaults,
                                 const Args& args = {});

/// The defaults file that the configuration names, or /etc/cni/macvlan-rdma.json.
std::string defaults_path(std::string_view json);

/// The cniVersion of a text that may be anything; 1.1.0 when it has none that we speak. It gives an
/// error document its version before the configuration has been understood.
Version guess_version(std::string_view json);

/// The same configuration for a delegated plugin that speaks 1.0.0 at most: cniVersion and
/// prevResult rewritten, all else as it was.
Result<std::string> downgrade_netconf(std::string_view json);

}  // namespace mvr::cni
