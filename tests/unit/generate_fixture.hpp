// SPDX-License-Identifier: Apache-2.0
/// \file
/// What `generate` makes of machines that are described in the tests.
#pragma once

#include "ops/cluster_files.hpp"
#include "ops/document.hpp"
#include "support/machine.hpp"
#include "support/print.hpp"

namespace mvr::ops::test {

using mvr::test::Machine;
using mvr::test::unwrap;
using nlohmann::json;

inline Inventory inventory_of(const Machine& machine, const std::string& node = "node-1") {
  return unwrap(read_inventory(machine.sysfs(), node, machine.default_route()));
}

inline Survey survey_of(const std::vector<Inventory>& nodes,
                        const std::set<std::string>& excluded = {}) {
  std::vector<NodeRails> rails;
  for (const Inventory& node : nodes) {
    rails.push_back(choose_rails(node, excluded));
  }
  return unwrap(merge_nodes(std::move(rails)));
}

inline std::vector<ManifestFile> manifests_of(const Survey& survey,
                                              const std::optional<RailsFile>& file,
                                              const ManifestOptions& options = {}) {
  return make_manifests(survey, unwrap(plan_rails(survey, file)), file, options);
}

inline std::string stream_of(const Survey& survey, const std::optional<RailsFile>& file = {}) {
  return make_stream(make_overview(survey), manifests_of(survey, file));
}

/// The objects of that kind in a stream.
inline std::vector<json> objects_of(const std::string& stream, const std::string& kind) {
  std::vector<json> found;
  for (const Document& document : unwrap(parse_documents(stream))) {
    if (document.value.is_object() && document.value.at("kind") == kind) {
      found.push_back(document.value);
    }
  }
  return found;
}

/// The configurations of all networks in a stream, as text.
inline std::vector<std::string> configs_of(const std::string& stream) {
  std::vector<std::string> configs;
  for (const json& network : objects_of(stream, "NetworkAttachmentDefinition")) {
    configs.push_back(network.at("spec").at("config"));
  }
  return configs;
}

/// "NIC@GPU DISTANCE" of each rail; "NIC" of one without a GPU.
inline std::vector<std::string> pairs_of(const NodeRails& node) {
  std::vector<std::string> pairs;
  for (const Rail& rail : node.rails) {
    pairs.push_back(rail.nic.name + (rail.gpu ? '@' + std::to_string(*rail.gpu) + ' ' +
                                                    std::string(to_string(rail.distance))
                                              : ""));
  }
  return pairs;
}

/// The reason why a NIC is no rail; empty if it is one.
inline std::string reason_of(const NodeRails& node, const std::string& nic) {
  for (const LeftOut& left_out : node.left_out) {
    for (const std::string& name : left_out.names) {
      if (name == nic) {
        return left_out.reason;
      }
    }
  }
  return "";
}

}  // namespace mvr::ops::test
