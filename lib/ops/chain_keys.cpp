// SPDX-License-Identifier: Apache-2.0
// What becomes of each key.
#include <array>
#include <optional>

#include "cni/json.hpp"
#include "mvr/base/text.hpp"
#include "mvr/ip/address.hpp"
#include "ops/chain.hpp"
#include "ops/values.hpp"

namespace mvr::ops {
namespace {

using cni::find_value;

/// The key with IFNAME in the place of an interface's name: IFNAME itself, or what Multus calls a
/// pod's interfaces.
std::optional<std::string> name_sysctl(const std::string& key) {
  const char separator =
      key.find_first_of("./") != std::string::npos ? key[key.find_first_of("./")] : '.';
  std::vector<std::string> parts;
  for (const std::string_view part : split(key, separator)) {
    parts.emplace_back(part);
  }
  constexpr std::size_t kInterface = 3;  // net, ipv4, conf, NAME, …
  if (parts.size() < kInterface + 2 || parts[0] != "net") {
    return std::nullopt;
  }
  std::string& name = parts[kInterface];
  const bool is_numbered = name.starts_with("net") && name.size() > 3 &&
                           name.find_first_not_of("0123456789", 3) == std::string::npos;
  if (name != "IFNAME" && !is_numbered) {
    return std::nullopt;
  }
  name = "IFNAME";
  return join(parts, std::string(1, separator));
}

constexpr const char* kByIpam =
    "name it in IPAM: the NIC's table has its default by the gateway that IPAM gives";

constexpr std::array kRules = {
    KeyRule{"macvlan", "master", "master", &Chain::same},
    KeyRule{"macvlan", "mode", "mode", &Chain::same},
    KeyRule{"macvlan", "mtu", "mtu", &Chain::same},
    KeyRule{"macvlan", "mac", "mac", &Chain::same},
    KeyRule{"macvlan", "linkInContainer", "linkInContainer", &Chain::same},
    KeyRule{"macvlan", "bcqueuelen", "bcqueuelen", &Chain::same},
    KeyRule{"macvlan", "ipam", "ipam", &Chain::same},
    KeyRule{"macvlan", "dns", "dns", &Chain::same},
    KeyRule{"macvlan", "deviceID", "deviceID", &Chain::same},
    KeyRule{"macvlan", "promisc", "promisc", &Chain::same},
    KeyRule{"macvlan", "ipMasq"},
    KeyRule{"rdma", "deviceID", "deviceID", &Chain::same},
    KeyRule{"sbr", "table", "routeTable", &Chain::table},
    KeyRule{"sbr", "gateways", {}, {}, kByIpam},
    KeyRule{"sbr", "addSourceHints"},
    KeyRule{"tuning", "sysctl", "sysctls", &Chain::sysctls},
    KeyRule{"tuning", "mac", "mac", &Chain::same},
    KeyRule{"tuning", "mtu", "mtu", &Chain::same},
    KeyRule{"tuning", "promisc", "promisc", &Chain::same},
    KeyRule{"tuning", "allmulti", "allmulti", &Chain::same},
    KeyRule{"tuning", "txQLen", "txQueueLen", &Chain::same},
    KeyRule{"tuning", "dataDir"},
    KeyRule{"coordinator", "mode", {}, &Chain::mode},
    KeyRule{"coordinator", "podCIDRType", {}, &Chain::cidr_type},
    KeyRule{"coordinator", "overlayPodCIDR", "overlayPodCIDR", &Chain::cidrs},
    KeyRule{"coordinator", "serviceCIDR", "serviceCIDR", &Chain::cidrs},
    KeyRule{"coordinator", "hijackCIDR", "hijackCIDR", &Chain::cidrs},
    KeyRule{"coordinator", "hostRuleTable", "hostRuleTable", &Chain::number},
    KeyRule{"coordinator", "podRPFilter", "podRPFilter", &Chain::number},
    KeyRule{"coordinator", "hostRPFilter", {}, {}, "sysctls of the node are the node's own"},
    KeyRule{"coordinator", "podDefaultRouteNIC", "podDefaultRouteNic", &Chain::same},
    KeyRule{"coordinator", "podDefaultCniNic", "podDefaultCniNic", &Chain::same},
    KeyRule{"coordinator", "podMACPrefix", "podMACPrefix", &Chain::same},
    KeyRule{"coordinator", "tunePodRoutes", "tunePodRoutes", &Chain::same},
    KeyRule{"coordinator", "policyRoutes", "policyRoutes", &Chain::policy_routes},
    KeyRule{"coordinator", "txQueueLen", "txQueueLen", &Chain::same},
    KeyRule{"coordinator", "detectGateway", "gatewayProbe", &Chain::probe},
    KeyRule{"coordinator", "detectIPConflict", "conflictProbe", &Chain::probe},
    KeyRule{"coordinator", "ipConflict", "conflictProbe", &Chain::probe},
    KeyRule{"coordinator", "detectOptions", {}, &Chain::probe_options},
    KeyRule{"coordinator", "logOptions", {}, &Chain::log},
    KeyRule{"coordinator", "vethLinkAddress", {}, {}, "no veth is made here"},
    KeyRule{"coordinator", "multusNicPrefix"},
    KeyRule{"ifacer", "interfaces", {}, &Chain::interfaces},
    KeyRule{"ifacer", "vlanID", "vlan", &Chain::vlan},
    KeyRule{"ifacer", "bond", {}, &Chain::bond},
    // Of any of them.
    KeyRule{"", "capabilities", "capabilities", &Chain::capabilities},
    KeyRule{"", "args", "args", &Chain::args},
    KeyRule{"", "type"},
    KeyRule{"", "name"},
    KeyRule{"", "cniVersion"},
    KeyRule{"", "prevResult"},
    KeyRule{"", "runtimeConfig"},
    KeyRule{"", "pciBusID"},
};

}  // namespace

std::span<const KeyRule> key_rules() {
  return kRules;
}

bool is_unset(const Json& value) {
  const std::string* text = cni::as_string(&value);
  return value.is_null() || value == 0 || (text != nullptr && text->empty());
}

std::string label_of(const KeyRule& rule) {
  return std::string(rule.plugin) + '.' + std::string(rule.key);
}

void Chain::same(const Json& value, const KeyRule& rule) {
  if (is_unset(value)) {
    return;
  }
  const std::string key(rule.ours);
  if (out_.contains(key) && out_[key] != value) {
    changed(key + ": " + cni::show(value) + " of " + std::string(rule.plugin) + ", not " +
            cni::show(out_[key]));
  }
  note_name(rule);
  out_[key] = value;
}

void Chain::number(const Json& value, const KeyRule& rule) {
  const bool is_negative = value.is_number_integer() && value < -1;
  out_[std::string(rule.ours)] = is_negative ? Json(-1) : value;
  if (is_negative) {
    changed(label_of(rule) + ' ' + cni::show(value) + " is " + std::string(rule.ours) + " -1");
  }
  note_name(rule);
}

void Chain::note_name(const KeyRule& rule) {
  if (rule.key != rule.ours) {
    changed(label_of(rule) + " is " + std::string(rule.ours));
  }
}

void Chain::table(const Json& value, const KeyRule& rule) {
  number(value, rule);
  changed("routes that IPAM puts into table " + cni::show(value) +
          " stay there; the NIC's default and connected routes are made by this plugin");
}

void Chain::capabilities(const Json& value, const KeyRule& /*rule*/) {
  if (value.is_object()) {
    out_["capabilities"].update(value);
  }
}

void Chain::args(const Json& value, const KeyRule& rule) {
  const Json* cni_args = find_value(value, "cni");
  if (cni_args == nullptr || !cni_args->is_object()) {
    lost(label_of(rule), "nobody here reads it");
    return;
  }
  const std::string place = place_ + "/cni/";
  for (auto it = cni_args->begin(); it != cni_args->end(); ++it) {
    place_ = place + escape_key(it.key());
    const std::string key = std::string(rule.plugin) + ".args.cni." + printable(it.key());
    if (it.key() == "debug") {
      out_["logLevel"] = it.value() == true ? "debug" : "info";
      changed(key + " is logLevel");
    } else if (it.key() == "mac" || rule.plugin == "macvlan") {
      out_["args"]["cni"][it.key()] = it.value();
    } else if (rule.plugin == "tuning" && it.key() != "args") {
      read_key("tuning", it.key(), it.value());
    } else {
      lost(key, "nobody here reads it");
    }
  }
}

void Chain::sysctls(const Json& value, const KeyRule& rule) {
  if (!value.is_object()) {
    lost(label_of(rule), "is no object");
    return;
  }
  const std::string place = place_ + '/';
  for (auto it = value.begin(); it != value.end(); ++it) {
    place_ = place + escape_key(it.key());
    const std::string key = label_of(rule) + '.' + printable(it.key());
    if (const auto ours = name_sysctl(it.key())) {
      out_["sysctls"][*ours] = it.value();
      changed(key + " is sysctls." + *ours);
    } else {
      lost(key,
           "is not of the NIC; keep tuning behind this plugin for it, or set it in the pod's "
           "securityContext");
    }
  }
}

void Chain::mode(const Json& value, const KeyRule& rule) {
  const std::string mode = text_of(&value);
  if (mode == "underlay") {
    lost(label_of(rule) + " \"underlay\"",
         "no veth to the node is made; services and the node are reached only by the cluster's "
         "own "
         "interface, which the pod must have");
  } else if (mode == "disabled" || mode == "disable") {
    out_["tunePodRoutes"] = false;
    is_disabled_ = true;
    changed(label_of(rule) + " \"" + mode + "\" is tunePodRoutes false");
  }
}

void Chain::cidr_type(const Json& value, const KeyRule& /*rule*/) {
  keeps_no_cidrs_ = value == "none";
}

void Chain::cidrs(const Json& value, const KeyRule& rule) {
  Json list = Json::array();
  const std::string place = place_ + '/';
  for (std::size_t i = 0; value.is_array() && i < value.size(); ++i) {
    const Json& one = value[i];
    place_ = place + std::to_string(i);
    const std::string text = text_of(&one);
    const auto prefix = ip::Prefix::parse(text);
    if (!prefix || prefix->is_default()) {
      lost(label_of(rule) + ' ' + cni::show(one), "is no prefix that a route can be made of here");
      continue;
    }
    const std::string ours = prefix->network().to_string();
    if (*prefix != prefix->network()) {
      std::string change = label_of(rule) + ' ' + text;
      changed(change.append(" is ").append(ours).append(", without the host bits"));
    }
    list.push_back(ours);
  }
  if (!list.empty()) {
    out_[std::string(rule.ours)] = list;
  }
}

void Chain::policy_routes(const Json& value, const KeyRule& rule) {
  const std::string place = place_ + '/';
  for (std::size_t i = 0; value.is_array() && i < value.size(); ++i) {
    const Json& route = value[i];
    place_ = place + std::to_string(i);
    const std::string dst = text_of(find_value(route, "dst"));
    const std::string gw = text_of(find_value(route, "gw"));
    if (dst.empty() || gw.empty()) {
      lost(label_of(rule) + ' ' + cni::show(route), "has no dst or no gw");
    } else {
      out_["policyRoutes"].push_back({{"dst", dst}, {"gw", gw}});
    }
  }
}

void Chain::probe(const Json& value, const KeyRule& rule) {
  if (value.is_boolean()) {
    out_[std::string(rule.ours)] = value;
    note_name(rule);
  }
}

void Chain::probe_options(const Json& value, const KeyRule& rule) {
  for (const auto& [theirs, ours] : {std::pair("retries", "attempts"), {"retry", "attempts"}}) {
    if (const Json* number = find_value(value, theirs); number != nullptr && *number > 0) {
      probe_options_[ours] = *number;
    }
  }
  if (const std::string interval = text_of(find_value(value, "interval")); !interval.empty()) {
    probe_options_["interval"] = interval;
  }
  if (find_value(value, "timeout") != nullptr) {
    lost(label_of(rule) + ".timeout", "a probe takes attempts × interval");
  }
}

void Chain::log(const Json& value, const KeyRule& rule) {
  const std::string level = text_of(find_value(value, "logLevel"));
  const std::string file = text_of(find_value(value, "logFile"));
  if (level == "debug" || level == "info" || level == "warn" || level == "error") {
    out_["logLevel"] = level;
  } else if (!level.empty()) {
    lost(label_of(rule) + ".logLevel \"" + printable(level) + '"', "is no level here");
  }
  if (!file.empty()) {
    out_["logFile"] = file;
    changed(label_of(rule) + ".logFile is logFile, which is not rotated by the plugin");
  }
}

void Chain::vlan(const Json& value, const KeyRule& rule) {
  if (value != 0) {
    out_["vlan"] = value;
    changed(label_of(rule) + " is vlan: the VLAN is made on demand, and removed with its last NIC");
  }
}

void Chain::interfaces(const Json& value, const KeyRule& /*rule*/) {
  for (const Json& one : value.is_array() ? value : Json::array()) {
    interfaces_.push_back(text_of(&one));
  }
}

void Chain::bond(const Json& value, const KeyRule& rule) {
  bond_ = text_of(find_value(value, "name"));
  lost(label_of(rule) + ' ' + cni::show(value),
       "no bond is made; make it on the node, and name it as master");
}

}  // namespace mvr::ops
