// SPDX-License-Identifier: Apache-2.0
#include <array>

#include "cni/json.hpp"
#include "mvr/base/text.hpp"
#include "mvr/cni/version.hpp"
#include "ops/chain.hpp"
#include "ops/values.hpp"

namespace mvr::ops {
namespace {

using cni::find_value;

bool has(const Json& plugins, std::string_view type) {
  return std::ranges::any_of(
      plugins, [&](const Json& plugin) { return text_of(find_value(plugin, "type")) == type; });
}

std::string list_types(const Json& plugins) {
  std::vector<std::string> types;
  for (const Json& plugin : plugins) {
    types.push_back('"' + printable(text_of(find_value(plugin, "type"))) + '"');
  }
  return types.empty() ? "no plugin" : join(types, ", ");
}

}  // namespace

Result<Migrated> Chain::run(const Json& chain) {
  const Json* list = find_value(chain, "plugins");
  const Json plugins = list != nullptr && list->is_array() ? *list : Json::array({chain});
  if (has(plugins, kOurType)) {
    add({false, "it is a network of " + std::string(kOurType) + " already", "", true});
    return Migrated{chain, std::move(notes_)};
  }
  if (!has(plugins, "macvlan")) {
    return fail(Code::bad_config, "no macvlan in it, but " + list_types(plugins) +
                                      "; only macvlan can become " + std::string(kOurType));
  }
  out_["type"] = kOurType;
  for (std::size_t i = 0; i < plugins.size(); ++i) {
    read_plugin(plugins[i], list != nullptr ? "/plugins/" + std::to_string(i) : "");
  }
  finish_probes();
  finish_routing(plugins);
  finish_master();
  finish_protocol(chain);
  const bool has_others = !before_.empty() || !behind_.empty();
  return Migrated{has_others ? make_list(chain) : std::move(out_), std::move(notes_)};
}

/// What the list itself says stays, but for name and version.
Json Chain::make_list(const Json& chain) const {
  Json result = chain;
  Json ours = out_;
  for (const char* key : {"cniVersion", "name"}) {
    result[key] = ours[key];
    ours.erase(key);
  }
  Json plugins = before_;
  plugins.push_back(std::move(ours));
  plugins.insert(plugins.end(), behind_.begin(), behind_.end());
  result["plugins"] = std::move(plugins);
  return result;
}

void Chain::add(Note note) {
  if (std::ranges::find(notes_, note) == notes_.end()) {
    notes_.push_back(std::move(note));
  }
}

void Chain::finish_probes() {
  place_ = macvlan_ + "/ipam";
  for (const char* key : {"conflictProbe", "gatewayProbe"}) {
    const bool is_off = out_.contains(key) && out_[key] == false;
    if (!probe_options_.empty() && !is_off) {
      out_[key] = probe_options_;
    }
  }
  if (!out_.contains("gatewayProbe") && out_.contains("ipam")) {
    changed(
        "gatewayProbe: is on here unless it is set to false; a gateway that does not answer "
        "keeps the pod from starting");
  }
}

void Chain::finish_routing(const Json& plugins) {
  constexpr int kCoordinatorTable = 500;
  place_ = has_coordinator_ ? coordinator_ : macvlan_;
  if (has_coordinator_ && !is_disabled_) {
    if (!out_.contains("hostRuleTable")) {
      out_["hostRuleTable"] = kCoordinatorTable;
      changed("hostRuleTable: 500, which the coordinator takes where none is named");
    }
    for (const char* key : {"overlayPodCIDR", "serviceCIDR"}) {
      if (!out_.contains(key) && !keeps_no_cidrs_) {
        lost(std::string("coordinator.") + key,
             "the coordinator asks the cluster for it; write it here, or once in "
             "/etc/cni/macvlan-rdma.json on the nodes");
      }
    }
  }
  if (!has_coordinator_ && !has(plugins, "sbr")) {
    changed(
        "routes: the NIC has a routing table of its own here; \"tunePodRoutes\": false leaves "
        "IPAM's routes in main");
  }
}

void Chain::finish_master() {
  if (interfaces_.empty()) {
    return;
  }
  place_ = macvlan_ + "/master";
  const std::string master = interfaces_.size() > 1 && !bond_.empty() ? bond_ : interfaces_.front();
  if (out_["master"] != master) {
    changed("master: \"" + printable(master) + "\", not " + cni::show(out_["master"]));
    out_["master"] = master;
  }
}

void Chain::finish_protocol(const Json& chain) {
  place_ = "/cniVersion";
  const std::string version = text_of(find_value(chain, "cniVersion"));
  const auto is_ours = [&](const cni::Version& one) { return one.to_string() == version; };
  out_["cniVersion"] = version;
  if (!std::ranges::any_of(cni::kSupportedVersions, is_ours)) {
    out_["cniVersion"] = "1.0.0";
    changed("cniVersion: 1.0.0, not " + (version.empty() ? "0.1.0 (none is named)" : version));
  }
  place_ = "/name";
  const std::string own = text_of(find_value(chain, "name"));
  out_["name"] = own.empty() ? name_ : own;
  if (own.empty()) {
    changed("name: \"" + printable(name_) + "\", as the chain has none");
  }
}

void Chain::keep(const Json& plugin) {
  (has_macvlan_ ? behind_ : before_).push_back(plugin);
  add({false,
       "the plugin \"" + printable(text_of(find_value(plugin, "type"))) +
           "\" is not replaced: it " + (has_macvlan_ ? "stays behind" : "stays before") +
           " this one in the list",
       place_ + "/type", true});
}

void Chain::read_plugin(const Json& plugin, const std::string& place) {
  place_ = place;
  const std::string type = text_of(find_value(plugin, "type"));
  const bool is_known =
      !type.empty() && std::ranges::find(key_rules(), type, &KeyRule::plugin) != key_rules().end();
  if (!is_known) {
    keep(plugin);
    return;
  }
  place_ = place + "/type";
  if (type == "rdma") {
    out_["rdma"] = "exclusive";
    changed("rdma: is \"rdma\": \"exclusive\"; the device is found by the master");
  } else if (type == "sbr") {
    changed("sbr: is not needed, each NIC has a routing table and rules");
  }
  has_macvlan_ = has_macvlan_ || type == "macvlan";
  macvlan_ = type == "macvlan" ? place : macvlan_;
  has_coordinator_ = has_coordinator_ || type == "coordinator";
  coordinator_ = type == "coordinator" ? place : coordinator_;
  for (auto it = plugin.begin(); it != plugin.end(); ++it) {
    place_ = place + '/' + escape_key(it.key());
    read_key(type, it.key(), it.value());
  }
}

void Chain::read_key(std::string_view plugin, const std::string& key, const Json& value) {
  const auto found = std::ranges::find_if(key_rules(), [&](const KeyRule& rule) {
    return (rule.plugin == plugin || rule.plugin.empty()) &&
           cni::equals_ignoring_case(rule.key, key);
  });
  if (found == key_rules().end()) {
    lost(std::string(plugin) + '.' + printable(key) + ' ' + cni::show(value), "is not known here");
    return;
  }
  KeyRule rule = *found;
  rule.plugin = plugin;
  if (rule.read != nullptr) {
    (this->*rule.read)(value, rule);
  } else if (!rule.why_lost.empty() && !is_unset(value)) {
    lost(label_of(rule) + ' ' + cni::show(value), std::string(rule.why_lost));
  }
}

Result<Migrated> migrate_chain(const Json& chain, const std::string& name) {
  return Chain(name).run(chain);
}

}  // namespace mvr::ops
