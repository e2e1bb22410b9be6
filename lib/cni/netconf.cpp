// SPDX-License-Identifier: Apache-2.0
#include "mvr/cni/netconf.hpp"

#include <span>

#include <nlohmann/json.hpp>

#include "cni/netconf_field.hpp"
#include "cni/netconf_keys.hpp"
#include "cni/netconf_runtime.hpp"
#include "cni/netconf_version.hpp"

namespace mvr::cni {
namespace {

constexpr std::string_view kDefaultsHeading = "defaults file: ";

Result<std::string> read_name(const Json& document) {
  const Json* value = find_value(document, "name");
  const std::string* name = as_string(value);
  if (value == nullptr || (name != nullptr && name->empty())) {
    return fail(Code::bad_config, "name: missing network name");
  }
  if (name == nullptr || !is_valid_id(*name)) {
    return fail(Code::bad_config, "name " + show(*value) +
                                      ": must be at most 255 letters, digits, '_', '.' and '-', "
                                      "the first one a letter or digit");
  }
  return *name;
}

/// Who feeds a whole list by hand would otherwise get a NIC on the default master.
Result<void> refuse_list(const Json& document) {
  const Json* plugins = find_value(document, "plugins");
  if (plugins == nullptr || !plugins->is_array()) {
    return {};
  }
  return fail(Code::bad_config,
              "plugins: this is a network configuration list; a plugin gets one object of it, with "
              "the list's name and cniVersion");
}

Result<Json> parse_defaults(std::string_view text) {
  Result<Json> document = parse_object(text);
  if (!document) {
    return fail(std::move(document).error().in("defaults file").as(Code::bad_config));
  }
  return document;
}

void set_defaults(NetConf& conf) {
  conf.hijack_cidr = {*ip::Prefix::parse("169.254.0.0/16")};
}

/// Reads each key from the configuration or, if it is not there, from the defaults file.
void read_keys(const Field& root, const Field& defaults) {
  for (const Key& key : known_keys()) {
    const Member own = find_member(root.value, key.name);
    const Member below = find_member(defaults.value, key.name);
    if (own.value != nullptr) {
      key.read(root.member(key.name, *own.value));
    } else if (below.value != nullptr && key.place == Place::anywhere) {
      key.read(defaults.member(key.name, *below.value));
    }
  }
}

void report_all_keys(const Field& root, const Field& defaults) {
  std::vector<std::string_view> names;
  for (const Key& key : known_keys()) {
    names.push_back(key.name);
    const Member misplaced = find_member(defaults.value, key.name);
    if (key.place == Place::configuration && misplaced.value != nullptr) {
      defaults.member(misplaced.key, *misplaced.value)
          .refuse("may stand in a network configuration only");
    }
  }
  report_keys(root, names);
  report_keys(defaults, names);
}

/// Judges the values together, wherever each of them came from.
void check_probe_time(ParsedConf& out, const std::string& key, const ProbeConf& probe) {
  const auto total = probe.attempts * probe.interval;
  if (probe.policy == ProbePolicy::off || total <= out.conf.timeout) {
    return;
  }
  out.problems.push_back(Error{Code::bad_config, 0,
                               key + ": attempts " + std::to_string(probe.attempts) +
                                   " × interval " + std::to_string(probe.interval.count()) +
                                   "ms is " + std::to_string(total.count()) +
                                   "ms: must be at most timeout, which is " +
                                   std::to_string(out.conf.timeout.count()) + "ms"});
}

/// A value that does not go with another one may be the file's, whose key the configuration does
/// not have.
void name_origin(std::span<Error> problems, const Json& document, const Json& defaults) {
  for (Error& problem : problems) {
    const std::string key = problem.msg.substr(0, problem.msg.find_first_of(" :."));
    if (find_member(document, key).value == nullptr &&
        find_member(defaults, key).value != nullptr) {
      problem.msg = std::string(kDefaultsHeading) + problem.msg;
    }
  }
}

/// Keys that would be without effect, or against each other.
void check_together(ParsedConf& out) {
  const NetConf& conf = out.conf;
  const auto refuse = [&](std::string text) {
    out.problems.push_back(Error{Code::bad_config, 0, std::move(text)});
  };
  if (!conf.tune_pod_routes && !conf.policy_routes.empty()) {
    refuse(
        "policyRoutes: need the NIC's own table, which it has not with tunePodRoutes false; remove "
        "one of the two");
  }
  if (conf.vlan != 0 && conf.link_in_container) {
    refuse("vlan " + std::to_string(conf.vlan) +
           ": not with linkInContainer true; VLANs are made on the node");
  }
  check_probe_time(out, "gatewayProbe", conf.gateway_probe);
  check_probe_time(out, "conflictProbe", conf.conflict_probe);
}

}  // namespace

std::string_view to_string(MacvlanMode mode) {
  switch (mode) {
    case MacvlanMode::private_mode:
      return "private";
    case MacvlanMode::vepa:
      return "vepa";
    case MacvlanMode::passthru:
      return "passthru";
    case MacvlanMode::bridge:
      break;
  }
  return "bridge";
}

std::string_view to_string(RdmaMode mode) {
  switch (mode) {
    case RdmaMode::shared:
      return "shared";
    case RdmaMode::exclusive:
      return "exclusive";
    case RdmaMode::off:
      return "off";
    case RdmaMode::automatic:
      break;
  }
  return "auto";
}

Result<ParsedConf> parse_netconf(std::string_view json, std::string_view defaults,
                                 const Args& args) {
  const Result<Json> document = parse_object(json);
  if (!document) {
    return fail(Error(document.error()).in("network configuration"));
  }
  ParsedConf out;
  set_defaults(out.conf);
  MVR_TRY(refuse_list(*document));
  out.conf.name = MVR_TRY(read_name(*document));
  out.conf.cni_version = MVR_TRY(read_cni_version(*document));
  const Json below = MVR_TRY(parse_defaults(defaults));
  const Field root{"", *document, out};
  const Field defaults_root{std::string(kDefaultsHeading), below, out};
  read_keys(root, defaults_root);
  const std::size_t single = out.problems.size();
  read_runtime(root, args);
  report_all_keys(root, defaults_root);
  check_together(out);
  name_origin(std::span(out.problems).subspan(single), *document, below);
  return out;
}

std::string defaults_path(std::string_view json) {
  const Result<Json> document = parse_object(json);
  const std::string* path = document ? as_string(find_value(*document, "defaultsFile")) : nullptr;
  return path != nullptr && is_safe_path(*path) ? *path : "/etc/cni/macvlan-rdma.json";
}

}  // namespace mvr::cni
