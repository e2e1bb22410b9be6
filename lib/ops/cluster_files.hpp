// SPDX-License-Identifier: Apache-2.0
/// \file
/// The files for a cluster, made from what its nodes have and what somebody has said of its rails.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "mvr/cni/netconf.hpp"
#include "ops/rails.hpp"
#include "ops/rails_file.hpp"

namespace mvr::ops {

struct ManifestOptions {
  std::string name_space = "default";
  std::string resource_prefix = "spidernet.io";
};

struct ManifestFile {
  std::string path;  ///< below the output directory
  std::string text;
};

/// One rail with all that its network needs.
struct PlannedRail {
  std::string name;      ///< "gpu1"
  std::string network;   ///< "gpu1-macvlan"
  std::string resource;  ///< "shared_cx7_gpu1", without its prefix
  std::vector<std::string> masters;
  std::optional<RailSettings> settings;  ///< nothing = placeholders
};

/// No address, so the plugin and `validate` refuse it.
using cni::kPlaceholder;

/// Gives each rail its settings. Fails with Code::bad_config if the file says nothing of a rail, or
/// something of a rail that is not there.
Result<std::vector<PlannedRail>> plan_rails(const Survey& survey,
                                            const std::optional<RailsFile>& file);

/// What there is, for people: a table of each node's rails, what was left out, what differs.
std::string make_overview(const Survey& survey);

/// The networks, the device plugin's configuration, a pod: YAML with comments.
std::vector<ManifestFile> make_manifests(const Survey& survey,
                                         const std::vector<PlannedRail>& rails,
                                         const std::optional<RailsFile>& file,
                                         const ManifestOptions& options);

/// All files in one stream, the overview as its first comment.
std::string make_stream(const std::string& overview, const std::vector<ManifestFile>& files);

}  // namespace mvr::ops
