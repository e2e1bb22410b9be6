// SPDX-License-Identifier: Apache-2.0
/// \file
/// Networks of other plugins as networks of ours. Pure.
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "mvr/base/error.hpp"
#include "ops/findings.hpp"
#include "ops/manifest.hpp"

namespace mvr::ops {

/// What a reader of the result should know.
struct Note {
  bool is_lost = false;  ///< cannot be carried; else it has another form or value
  std::string text;
  std::string pointer = {};  ///< JSON pointer of what it is about, in what is migrated
  bool is_same = false;      ///< it stays as it is

  bool operator==(const Note&) const = default;
};

struct Migrated {
  nlohmann::json value;
  std::vector<Note> notes;
};

/// Makes one configuration of ours from the plugins of a chain: macvlan, and behind it any of rdma,
/// sbr, tuning, Spiderpool's coordinator and ifacer. Other plugins stay, in a list with ours in the
/// macvlan's place. One that is ours already stays as it is.
/// \param chain  a configuration, or a list of them in `plugins`
/// \param name   of the network, if the chain has none
/// Fails with Code::bad_config if there is no macvlan in it.
Result<Migrated> migrate_chain(const nlohmann::json& chain, const std::string& name);

/// The NetworkAttachmentDefinition that Spiderpool would make of a SpiderMultusConfig, but with the
/// chain as a value in `spec.config`. Fails with Code::bad_config for one that is not of macvlan.
Result<Migrated> expand_spider(const nlohmann::json& config);

struct Migration {
  std::string text;               ///< what takes the file's place; empty if nothing could be read
  std::vector<Finding> problems;  ///< what stays as it is, or is wrong in the result
  std::vector<Finding> changes;
  std::vector<Finding> losses;  ///< what cannot be carried
  std::vector<Finding> same;    ///< what stays as it is, and is well so
};

/// A whole file. YAML becomes YAML, JSON becomes JSON.
Migration migrate_file(const InputFile& file);

}  // namespace mvr::ops
