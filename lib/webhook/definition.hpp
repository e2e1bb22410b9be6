// SPDX-License-Identifier: Apache-2.0
/// \file
/// What is kept of a network definition: a few hundred bytes, for a cluster may have thousands.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include <nlohmann/json_fwd.hpp>

namespace mvr::webhook {

struct Definition {
  std::string space;         ///< its namespace
  std::string name;          ///< of the NetworkAttachmentDefinition
  std::string rdma = {};     ///< value of the annotation kRdmaKey; empty = none
  std::string network = {};  ///< value of kNetworkKey; empty = none
  std::string resource =
      {};                   ///< an extended resource, "spidernet.io/shared_cx5_gpu1"; empty = none
  std::string master = {};  ///< what the natural order goes by; empty if it names no master
  std::optional<std::int64_t> rail_order = {};
  std::string flaw = {};  ///< what is wrong with it, as a clause for a warning

  /// "default/gpu1-macvlan", as in the annotation of a pod.
  [[nodiscard]] std::string full_name() const { return space + '/' + name; }

  bool operator==(const Definition&) const = default;
};

using DefinitionPtr = std::shared_ptr<const Definition>;

/// Whether `left` comes before `right` among the NICs of a pod: first those with a rail order, by
/// that number; then those with a master, by its natural order; then the others; what is left
/// equal, by name and namespace.
bool comes_before(const Definition& left, const Definition& right);

/// A NetworkAttachmentDefinition; nothing if it has no name. A configuration that nobody can read
/// is a flaw: the definition counts all the same.
std::optional<Definition> read_network(const nlohmann::json& object);

/// A SpiderMultusConfig as the NetworkAttachmentDefinition that Spiderpool makes of it.
std::optional<Definition> read_spider(const nlohmann::json& object);

/// One definition of both objects of the same name: what the NetworkAttachmentDefinition leaves
/// open is the other's. Either may be null, but not both.
DefinitionPtr unite(const DefinitionPtr& network, const DefinitionPtr& spider);

}  // namespace mvr::webhook
