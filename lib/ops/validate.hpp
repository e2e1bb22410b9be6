// SPDX-License-Identifier: Apache-2.0
/// \file
/// Judging files with networks. Pure: texts in, findings out.
#pragma once

#include <optional>
#include <vector>

#include "mvr/cni/netconf.hpp"
#include "ops/manifest.hpp"

namespace mvr::ops {

/// Everything that is wrong with the files, each by itself and all together.
/// \param defaults the node's defaults file; nothing: there is none
Report validate(const std::vector<InputFile>& files, const std::optional<InputFile>& defaults);

/// A network that could be read, problems or not.
struct ReadNetwork {
  Network network;
  cni::NetConf conf;
};

/// What one configuration is found to be. `defaults` may be null.
std::optional<ReadNetwork> check_network(const Network& network, const InputFile* defaults,
                                         std::vector<Finding>& findings);

/// What does not go together in one pod, on one rail or in one cluster.
void check_together(const std::vector<ReadNetwork>& networks,
                    const std::vector<Definition>& definitions, std::vector<Finding>& findings);

/// The JSON pointer of what a message of the configuration's parser is about, "/policyRoutes/1/gw"
/// of "policyRoutes[1].gw \"x\": …"; "" if it names nothing that is there.
std::string pointer_of(const nlohmann::json& config, std::string_view message);

}  // namespace mvr::ops
