// SPDX-License-Identifier: Apache-2.0
#include "cni/netconf_keys.hpp"

#include <limits>

#include <nlohmann/json.hpp>

#include "cni/netconf_readers.hpp"

namespace mvr::cni {
namespace {

constexpr std::int64_t kMaxU32 = std::numeric_limits<std::uint32_t>::max();
constexpr std::int64_t kMaxPriority = 32765;  // the rule for main has 32766
constexpr std::int64_t kMaxVlan = 4094;       // IEEE 802.1Q reserves 4095
constexpr std::int64_t kMaxAnnounce = 10;

constexpr std::array kModes = {
    Choice<MacvlanMode>{"bridge", MacvlanMode::bridge},
    Choice<MacvlanMode>{"private", MacvlanMode::private_mode},
    Choice<MacvlanMode>{"vepa", MacvlanMode::vepa},
    Choice<MacvlanMode>{"passthru", MacvlanMode::passthru},
    Choice<MacvlanMode>{"", MacvlanMode::bridge},
};

constexpr std::array kLogLevels = {
    Choice<LogLevel>{"debug", LogLevel::debug},
    Choice<LogLevel>{"info", LogLevel::info},
    Choice<LogLevel>{"warn", LogLevel::warn},
    Choice<LogLevel>{"error", LogLevel::error},
};

/// For keys of the protocol that mean nothing to us or are read elsewhere.
void skip(const Field&) {
}

template <auto kMember>
void boolean(const Field& field) {
  if (const auto value = read_bool(field)) {
    field.conf().*kMember = *value;
  }
}

template <auto kMember, std::int64_t kHigh>
void number(const Field& field) {
  if (const auto value = read_integer(field, 0, kHigh)) {
    field.conf().*kMember = static_cast<std::uint32_t>(*value);
  }
}

template <auto kMember, std::int64_t kLow>
void table(const Field& field) {
  if (const auto value = read_table(field, kLow)) {
    field.conf().*kMember = *value;
  }
}

template <auto kMember>
void probe(const Field& field) {
  read_probe(field, field.conf().*kMember);
}

template <auto kMember, const auto& kChoices>
void choice(const Field& field) {
  if (const auto value = read_choice(field, kChoices)) {
    field.conf().*kMember = *value;
  }
}

template <auto kMember>
void path(const Field& field) {
  if (auto value = read_path(field)) {
    field.conf().*kMember = *std::move(value);
  }
}

template <auto kMember>
void mac(const Field& field) {
  if (const auto value = read_nic_mac(field)) {
    field.conf().*kMember = *value;
  }
}

template <auto kMember>
void cidrs(const Field& field) {
  if (!field.value.is_array()) {
    field.refuse("must be a list of prefixes such as [\"10.233.64.0/18\"]");
    return;
  }
  auto& prefixes = field.conf().*kMember;
  prefixes.clear();
  for (std::size_t i = 0; i < field.value.size(); ++i) {
    if (const auto prefix = read_cidr(field.element(i), "name the networks")) {
      prefixes.push_back(*prefix);
    }
  }
}

constexpr std::array kKeys = {
    Key{"strict", boolean<&NetConf::strict>},
    // The protocol's own.
    Key{"name", skip, Place::configuration},
    Key{"type", read_type, Place::configuration},
    Key{"cniVersion", skip, Place::configuration},
    Key{"capabilities", skip, Place::configuration},
    Key{"runtimeConfig", skip, Place::configuration},
    Key{"args", skip, Place::configuration},
    Key{"ipMasq", skip, Place::configuration},
    Key{"disableCheck", skip, Place::configuration},
    Key{"deviceID", skip, Place::configuration},
    Key{"pciBusID", skip, Place::configuration},
    Key{"dns", read_dns_field, Place::configuration},
    Key{"prevResult", read_prev_result, Place::configuration},
    Key{"ipam", read_ipam, Place::configuration},
    // The link.
    Key{"master", read_master},
    Key{"mode", choice<&NetConf::mode, kModes>},
    Key{"mtu", read_mtu},
    Key{"mac", mac<&NetConf::mac>},
    Key{"podMACPrefix", read_mac_prefix},
    Key{"linkInContainer", boolean<&NetConf::link_in_container>},
    Key{"bcqueuelen", number<&NetConf::bc_queue_len, kMaxU32>},
    Key{"txQueueLen", number<&NetConf::tx_queue_len, kMaxU32>},
    Key{"promisc", boolean<&NetConf::promisc>},
    Key{"allmulti", boolean<&NetConf::allmulti>},
    Key{"sysctls", read_sysctls},
    Key{"vlan", number<&NetConf::vlan, kMaxVlan>},
    Key{"rdma", read_rdma},
    // Probes.
    Key{"gatewayProbe", probe<&NetConf::gateway_probe>},
    Key{"conflictProbe", probe<&NetConf::conflict_probe>},
    Key{"announce", number<&NetConf::announce, kMaxAnnounce>},
    // Routing.
    Key{"podDefaultCniNic", read_overlay_nic},
    Key{"overlayPodCIDR", cidrs<&NetConf::overlay_pod_cidr>},
    Key{"serviceCIDR", cidrs<&NetConf::service_cidr>},
    Key{"hijackCIDR", cidrs<&NetConf::hijack_cidr>},
    Key{"hostAddresses", read_host_addresses},
    Key{"tunePodRoutes", boolean<&NetConf::tune_pod_routes>},
    Key{"podDefaultRouteNic", read_default_route_nic},
    Key{"policyRoutes", read_policy_routes},
    Key{"routeTable", table<&NetConf::route_table, 0>},
    Key{"routeTableBase", table<&NetConf::route_table_base, 1>},
    Key{"rulePriorityBase", number<&NetConf::rule_priority_base, kMaxPriority>},
    Key{"podRPFilter", read_rp_filter},
    Key{"strictArp", boolean<&NetConf::strict_arp>},
    Key{"ipv6", read_ipv6},
    Key{"hostRuleTable", table<&NetConf::host_rule_table, 0>},
    // The program.
    Key{"logFile", read_log_file},
    Key{"logLevel", choice<&NetConf::log_level, kLogLevels>},
    Key{"stateDir", path<&NetConf::state_dir>},
    Key{"timeout", read_timeout},
    Key{"defaultsFile", read_defaults_file},
};

}  // namespace

std::span<const Key> known_keys() {
  return kKeys;
}

}  // namespace mvr::cni
