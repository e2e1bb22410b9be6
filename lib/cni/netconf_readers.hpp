// SPDX-License-Identifier: Apache-2.0
/// \file
/// Readers of single keys that need more than a type and a range. Each stores into
/// `field.conf()` or refuses the field.
#pragma once

#include "cni/netconf_field.hpp"

namespace mvr::cni {

void read_master(const Field& field);
void read_mtu(const Field& field);
void read_mac_prefix(const Field& field);
void read_sysctls(const Field& field);
void read_ipam(const Field& field);
void read_rdma(const Field& field);
void read_ipv6(const Field& field);
void read_overlay_nic(const Field& field);
void read_host_addresses(const Field& field);
void read_default_route_nic(const Field& field);
void read_policy_routes(const Field& field);
void read_rp_filter(const Field& field);
void read_log_file(const Field& field);
void read_defaults_file(const Field& field);
void read_timeout(const Field& field);
void read_type(const Field& field);
void read_dns_field(const Field& field);
void read_prev_result(const Field& field);

/// A routing table that is not one of the kernel's own, from `low`; nothing after a refusal.
std::optional<std::uint32_t> read_table(const Field& field, std::int64_t low);

/// A policy as a boolean, or an object whose members replace those of `probe`.
void read_probe(const Field& field, ProbeConf& probe);

/// The path below /proc/sys/net that a key of `sysctls` names, with the component IFNAME; nothing
/// if it is not of the NIC. Dots or slashes separate; as in sysctl(8) the first one decides, and
/// in a key with dots a slash stands for a dot.
std::optional<std::string> sysctl_path(std::string_view key);

}  // namespace mvr::cni
