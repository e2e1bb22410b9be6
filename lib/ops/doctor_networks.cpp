// SPDX-License-Identifier: Apache-2.0
// The networks that `doctor` is told of.
#include "mvr/base/fd.hpp"
#include "mvr/base/text.hpp"
#include "ops/doctor.hpp"
#include "ops/document.hpp"
#include "plugin/config.hpp"

namespace mvr::ops {
namespace {

using nlohmann::json;

constexpr std::size_t kLongest = 16UL * 1024 * 1024;
constexpr const char* kType = "macvlan-rdma";

Result<void> collect(const json& value, std::vector<json>& found);

/// A member of a type; null if there is none.
const json* find(const json& value, const char* key, json::value_t type) {
  const auto member = value.is_object() ? value.find(key) : value.end();
  return member != value.end() && member->type() == type ? &*member : nullptr;
}

/// The plugin in a list has the list's name and version.
void collect_plugins(const json& list, const json& plugins, std::vector<json>& found) {
  for (const json& plugin : plugins) {
    if (plugin.is_object() && plugin.value("type", json()) == kType) {
      json config = plugin;
      for (const char* key : {"name", "cniVersion"}) {
        if (list.contains(key)) {
          config[key] = list[key];
        }
      }
      found.push_back(std::move(config));
    }
  }
}

Result<void> collect_text(const std::string& text, std::vector<json>& found) {
  for (const Document& document : MVR_TRY(parse_documents(text))) {
    MVR_TRY(collect(document.value, found));
  }
  return {};
}

/// What is something else is passed over: a manifest may hold anything.
Result<void> collect(const json& value, std::vector<json>& found) {
  if (const json* items = find(value, "items", json::value_t::array)) {
    for (const json& item : *items) {
      MVR_TRY(collect(item, found));
    }
  } else if (const json* spec = find(value, "spec", json::value_t::object)) {
    const json* config = find(*spec, "config", json::value_t::string);
    return config != nullptr ? collect_text(config->get<std::string>(), found) : Result<void>();
  } else if (const json* plugins = find(value, "plugins", json::value_t::array)) {
    collect_plugins(value, *plugins, found);
  } else if (value.is_object() && value.value("type", json()) == kType) {
    found.push_back(value);
  }
  return {};
}

}  // namespace

Result<std::vector<cni::NetConf>> read_networks(const std::string& path) {
  std::vector<json> found;
  const std::string text = MVR_TRY(read_file(path, kLongest));
  MVR_TRY(collect_text(text, found));
  if (found.empty()) {
    return fail(Code::bad_config, "there is no configuration of " + std::string(kType) + " in it");
  }
  std::vector<cni::NetConf> networks;
  for (const json& config : found) {
    auto parsed = MVR_TRY(plugin::read_config({}, config.dump()));
    if (!parsed.problems.empty()) {
      return fail(std::move(parsed.problems.front()).in(parsed.conf.name));
    }
    networks.push_back(std::move(parsed.conf));
  }
  return networks;
}

}  // namespace mvr::ops
