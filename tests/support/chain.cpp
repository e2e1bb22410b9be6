// SPDX-License-Identifier: Apache-2.0
#include "support/chain.hpp"

#include <filesystem>

#include "mvr/base/text.hpp"
#include "support/catch.hpp"
#include "support/go_json.hpp"
#include "support/peer_rig.hpp"

namespace mvr::test {

namespace {

constexpr const char* kOurType = "macvlan-rdma";

/// The program of a plugin: ours is the one under test.
std::string find_program(const std::string& type, const std::string& cni_path) {
  if (type == kOurType) {
    return plugin_path();
  }
  for (const std::string_view dir : split(cni_path, ':')) {
    const auto file = std::filesystem::path(dir) / type;
    if (std::filesystem::is_regular_file(file)) {
      return file;
    }
  }
  FAIL(type << " is not in " << cni_path);
  return {};
}

/// Values for what the plugin declares; null when there are none.
json pick_capabilities(const json& plugin, const json& values) {
  const json declared = plugin.value("capabilities", json::object());
  json picked;
  for (const auto& [name, is_wanted] : declared.items()) {
    if (is_wanted == true && values.contains(name)) {
      picked[name] = values.at(name);
    }
  }
  return picked;
}

}  // namespace

Chain::Chain(const json& network, Container container)
    : name_(network.at("name")),
      version_(network.at("cniVersion")),
      container_(std::move(container)) {
  if (const auto list = network.find("plugins"); list != network.end()) {
    plugins_.assign(list->begin(), list->end());
  } else {
    plugins_.push_back(network);
  }
}

Call Chain::call(const std::string& verb, std::size_t plugin, const json& previous) const {
  json config = plugins_.at(plugin);
  config["name"] = name_;
  config["cniVersion"] = version_;
  if (!previous.is_null()) {
    config["prevResult"] = previous;
  }
  if (json values = pick_capabilities(config, container_.capabilities); !values.is_null()) {
    config["runtimeConfig"] = std::move(values);
  }
  std::string input = go_json(config);
  return {.verb = verb,
          .container_id = container_.id,
          .netns = container_.netns,
          .ifname = container_.ifname,
          .args = container_.args,
          .config = std::move(config),
          .input = std::move(input),
          .cni_path = container_.cni_path};
}

Answer Chain::run_plugin_of(const std::string& verb, std::size_t plugin, const json& previous) {
  const std::string type = plugins_.at(plugin).at("type");
  calls_.push_back(verb + " " + container_.ifname + " " + type);
  Command command = make_command(call(verb, plugin, previous));
  command.argv = {find_program(type, container_.cni_path)};
  return make_answer(run(command));
}

Answer Chain::add() {
  Answer answer;
  for (std::size_t i = 0; i < plugins_.size() && answer.ok(); ++i) {
    answer = run_plugin_of("ADD", i, answer.body);
  }
  result_ = answer.ok() ? answer.body : json();
  return answer;
}

Answer Chain::check() {
  REQUIRE(is_at_least(version_, "0.4.0"));
  REQUIRE_FALSE(result_.is_null());
  Answer answer;
  for (std::size_t i = 0; i < plugins_.size() && answer.ok(); ++i) {
    answer = run_plugin_of("CHECK", i, result_);
  }
  return answer;
}

Answer Chain::del() {
  const json previous = is_at_least(version_, "0.4.0") ? result_ : json();
  Answer answer;
  for (std::size_t i = plugins_.size(); i > 0 && answer.ok(); --i) {
    answer = run_plugin_of("DEL", i - 1, previous);
  }
  result_ = answer.ok() ? json() : result_;
  return answer;
}

}  // namespace mvr::test
