// SPDX-License-Identifier: Apache-2.0
/// \file
/// A chain of other plugins while it becomes a network of ours.
#pragma once

#include <algorithm>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ops/migrate.hpp"

namespace mvr::ops {

using Json = nlohmann::json;

class Chain;

/// What becomes of a key of another plugin. One without all of the last three is needless here.
struct KeyRule {
  std::string_view plugin;  ///< its type; empty = any
  std::string_view key;
  std::string_view ours = {};  ///< the key here
  void (Chain::*read)(const Json&, const KeyRule&) = nullptr;
  std::string_view why_lost = {};  ///< cannot be carried
};

/// For every key that the plugins have which this one replaces.
std::span<const KeyRule> key_rules();

/// Null, "" or 0: what generators write for a key that nobody has set.
bool is_unset(const Json& value);

/// "coordinator.podRPFilter"
std::string label_of(const KeyRule& rule);

class Chain {
 public:
  explicit Chain(std::string name) : name_(std::move(name)) {}
  Result<Migrated> run(const Json& chain);

  // Readers of keys, named by the rules.

  void same(const Json& value, const KeyRule& rule);
  /// A table, a filter: 0 is a value.
  void number(const Json& value, const KeyRule& rule);
  void table(const Json& value, const KeyRule& rule);
  void capabilities(const Json& value, const KeyRule& rule);
  /// `args.cni`: tuning has its own keys there, rdma has debug.
  void args(const Json& value, const KeyRule& rule);
  void sysctls(const Json& value, const KeyRule& rule);
  void mode(const Json& value, const KeyRule& rule);
  void cidr_type(const Json& value, const KeyRule& rule);
  void cidrs(const Json& value, const KeyRule& rule);
  void policy_routes(const Json& value, const KeyRule& rule);
  void probe(const Json& value, const KeyRule& rule);
  void probe_options(const Json& value, const KeyRule& rule);
  void log(const Json& value, const KeyRule& rule);
  void vlan(const Json& value, const KeyRule& rule);
  void interfaces(const Json& value, const KeyRule& rule);
  void bond(const Json& value, const KeyRule& rule);

 private:
  void changed(const std::string& text) { add({false, text, place_}); }
  void lost(const std::string& what, const std::string& why) {
    add({true, what + ": " + why, place_});
  }
  void add(Note note);
  /// Says what a key is called here.
  void note_name(const KeyRule& rule);
  void read_plugin(const Json& plugin, const std::string& place);
  /// Of a type that this plugin does not replace.
  void keep(const Json& plugin);
  [[nodiscard]] Json make_list(const Json& chain) const;
  void read_key(std::string_view plugin, const std::string& key, const Json& value);
  /// The others ask only if they are told to.
  void finish_probes();
  void finish_routing(const Json& plugins);
  /// ifacer has made what the macvlan lies on.
  void finish_master();
  void finish_protocol(const Json& chain);

  std::string name_;
  Json out_ = Json::object();
  std::vector<Note> notes_;
  std::string place_ = {};        ///< JSON pointer of what is being read
  std::string macvlan_ = {};      ///< that of the plugin
  std::string coordinator_ = {};  ///< likewise
  bool has_macvlan_ = false;
  Json before_ = Json::array();  ///< plugins that stay
  Json behind_ = Json::array();
  Json probe_options_ = Json::object();
  std::vector<std::string> interfaces_;
  std::string bond_;
  bool has_coordinator_ = false;
  bool keeps_no_cidrs_ = false;
  bool is_disabled_ = false;
};

}  // namespace mvr::ops
