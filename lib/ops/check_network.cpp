// SPDX-License-Identifier: Apache-2.0
// One configuration, by the parser that ADD has.
#include <algorithm>

#include "cni/json.hpp"
#include "mvr/base/text.hpp"
#include "ops/validate.hpp"
#include "ops/values.hpp"

namespace mvr::ops {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kDefaultsHeading = "defaults file: ";
constexpr const char* kNoDefaults = "{}";
constexpr std::size_t kLongestKey = 64;  // as labels show it

bool ends_label(std::string_view rest) {
  return rest.empty() || std::string_view(" .:[").find(rest.front()) != std::string_view::npos;
}

/// The longest key with which the label begins: keys may have dots.
const std::string* find_key(const Json& object, std::string_view label) {
  const std::string* best = nullptr;
  std::size_t longest = 0;
  for (auto it = object.begin(); it != object.end(); ++it) {
    const std::string shown = printable(it.key(), kLongestKey);
    if (shown.size() >= longest && label.starts_with(shown) &&
        ends_label(label.substr(shown.size()))) {
      best = &it.key();
      longest = shown.size();
    }
  }
  return best;
}

/// From a value to one of its members or elements.
struct Step {
  std::string key;
  const Json* value;
};

/// Down an array by "[1]".
std::optional<Step> step_to_element(const Json& array, std::string_view& label) {
  const std::size_t close = label.find(']');
  if (!label.starts_with('[') || close == std::string_view::npos) {
    return std::nullopt;
  }
  const auto index = parse_number<std::size_t>(label.substr(1, close - 1));
  if (!index || *index >= array.size()) {
    return std::nullopt;
  }
  label.remove_prefix(close + 1);
  return Step{std::to_string(*index), &array[*index]};
}

/// Down an object by ".key", or by "key" from the root. What the label has of it is taken off.
std::optional<Step> step_down(const Json& value, std::string_view& label, bool is_root) {
  if (value.is_array()) {
    return step_to_element(value, label);
  }
  if (!value.is_object() || (!is_root && !label.starts_with('.'))) {
    return std::nullopt;
  }
  label.remove_prefix(is_root ? 0 : 1);
  const std::string* key = find_key(value, label);
  if (key == nullptr) {
    return std::nullopt;
  }
  label.remove_prefix(printable(*key, kLongestKey).size());
  return Step{*key, &value[*key]};
}

bool is_about(const Error& error, std::string_view key) {
  return error.msg.starts_with(key) || error.msg.find(": " + std::string(key)) != std::string::npos;
}

void erase_key(Json& config, std::string_view name) {
  for (auto member = cni::find_member(config, name); member.value != nullptr;
       member = cni::find_member(config, name)) {
    config.erase(std::string(member.key));
  }
}

class Check {
 public:
  Check(const Network& network, const InputFile* defaults, std::vector<Finding>& findings)
      : network_(network),
        config_(network.config),
        defaults_(defaults),
        defaults_text_(defaults != nullptr ? defaults->text : kNoDefaults),
        findings_(findings) {}

  std::optional<ReadNetwork> run() {
    // Each round takes one thing out of the way at which the parser gives up.
    constexpr int kRounds = 4;
    for (int i = 0; i < kRounds; ++i) {
      const std::string text = config_.dump(-1, ' ', false, Json::error_handler_t::replace);
      auto parsed = cni::parse_netconf(text, defaults_text_);
      if (parsed) {
        for (const Error& problem : parsed->problems) {
          report(Severity::problem, problem.msg);
        }
        for (const std::string& warning : parsed->warnings) {
          report(Severity::warning, warning);
        }
        check_placeholders("", config_);
        check_priority(parsed->conf);
        return ReadNetwork{network_, std::move(parsed->conf)};
      }
      report(Severity::problem, parsed.error().msg);
      if (!repair(parsed.error())) {
        return std::nullopt;
      }
    }
    return std::nullopt;
  }

 private:
  /// What `generate` leaves for somebody to write; what stands in `ipam` the plugin itself passes
  /// on.
  void check_placeholders(const std::string& label, const Json& value) {
    if (value.is_string() && value.get_ref<const std::string&>().starts_with(cni::kPlaceholder)) {
      report(Severity::problem, label + ' ' + cni::show(value) + ": is a placeholder; replace it");
    }
    for (const auto& [key, member] : value.items()) {
      std::string below = label;
      if (value.is_object()) {
        below.append(label.empty() ? "" : ".").append(key);
        check_placeholders(below, member);
      } else if (value.is_array()) {
        below.append("[").append(key).append("]");
        check_placeholders(below, member);
      }
    }
  }

  bool repair(const Error& error) {
    if (error.msg.starts_with("defaults file")) {
      defaults_text_ = kNoDefaults;
    } else if (is_about(error, "cniVersion")) {
      erase_key(config_, "cniVersion");
      config_["cniVersion"] = cni::kSupportedVersions.back().to_string();
    } else if (is_about(error, "name")) {
      erase_key(config_, "name");
      config_["name"] = "network";
    } else {
      return false;
    }
    return true;
  }

  void report(Severity severity, const std::string& message) {
    if (message.starts_with("defaults file") && defaults_ != nullptr) {
      report_default(severity, message);
      return;
    }
    const std::size_t version = message.find("cniVersion ");
    const std::string_view label =
        std::string_view(message).substr(message.starts_with("incompatible") ? version : 0);
    const std::string pointer = pointer_of(network_.config, label);
    const bool is_lists = pointer == "/name" || pointer == "/cniVersion";
    const Origin& origin =
        is_lists || message.starts_with("name:") ? network_.list : network_.origin;
    findings_.push_back(origin.find(severity, message, pointer));
  }

  /// The same for each network, and said once.
  void report_default(Severity severity, const std::string& message) {
    const std::string text =
        message.starts_with(kDefaultsHeading) ? message.substr(kDefaultsHeading.size()) : message;
    int line = 0;
    auto documents = parse_documents(defaults_->text);
    if (documents && documents->size() == 1 && documents->front().value.is_object()) {
      const Document& document = documents->front();
      line = document.place_of(pointer_of(document.value, text)).line;
    }
    findings_.push_back({severity, defaults_->name, line, "", text});
  }

  /// ADD refuses them as soon as there is an overlay NIC.
  void check_priority(const cni::NetConf& conf) {
    constexpr std::uint64_t kMainRulePriority = 32766;
    const bool is_named = conf.route_table != 0;
    if (!conf.tune_pod_routes || conf.ipam_type.empty()) {
      return;
    }
    if (is_named && conf.route_table == conf.route_table_base) {
      report(Severity::problem, "routeTable " + std::to_string(conf.route_table) +
                                    ": is routeTableBase, the table of the overlay NIC");
    }
    const std::uint64_t table = std::max<std::uint64_t>(
        is_named ? conf.route_table : std::uint64_t{conf.route_table_base} + 1,
        conf.route_table_base);
    const std::uint64_t priority = conf.rule_priority_base + table;
    if (priority >= kMainRulePriority) {
      const bool has_key = network_.config.contains("routeTable");
      report(Severity::problem, std::string(has_key ? "routeTable" : "rulePriorityBase") +
                                    ": rule priority " + std::to_string(priority) +
                                    " = rulePriorityBase " +
                                    std::to_string(conf.rule_priority_base) + " + routing table " +
                                    std::to_string(table) + ": must be below 32766");
    }
  }

  const Network& network_;
  Json config_;
  const InputFile* defaults_;
  std::string defaults_text_;
  std::vector<Finding>& findings_;
};

}  // namespace

std::string pointer_of(const Json& config, std::string_view message) {
  std::string pointer;
  const Json* value = &config;
  while (const auto step = step_down(*value, message, pointer.empty())) {
    pointer += '/' + escape_key(step->key);
    value = step->value;
  }
  return pointer;
}

std::optional<ReadNetwork> check_network(const Network& network, const InputFile* defaults,
                                         std::vector<Finding>& findings) {
  return Check(network, defaults, findings).run();
}

}  // namespace mvr::ops
