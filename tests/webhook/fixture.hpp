// SPDX-License-Identifier: Apache-2.0
/// \file
/// A cluster as the webhook sees it, and an API server's question about a pod.
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "webhook/annotations.hpp"
#include "webhook/answer.hpp"
#include "webhook/cluster.hpp"
#include "webhook/settings.hpp"

namespace mvr::test {

using nlohmann::json;
using webhook::Kind;

inline const std::string kRdma(webhook::kRdmaKey);
inline const std::string kNetwork(webhook::kNetworkKey);
inline const std::string kNetworksKey(webhook::kNetworks);
inline const std::string kResource(webhook::kResourceName);
inline const std::string kContainerKey(webhook::kContainer);
inline const std::string kRailOrderKey(webhook::kRailOrder);

/// A NetworkAttachmentDefinition as a watch delivers it.
/// \param config null = none; a string is taken as it is
json network_object(const std::string& space, const std::string& name, json annotations,
                    const json& config = nullptr);

/// The same of rail n = 1 …: default/gpuN-macvlan on enpNs0, with its own resource.
json rail_object(int n, const std::string& value = "gpu-rails");

json spider_object(const std::string& space, const std::string& name, json annotations, json spec);

json space_object(const std::string& name, json annotations = json::object());

/// A pod with one container, "main", that asks for nothing.
json plain_pod(json annotations = nullptr);

json container(const std::string& name, json limits = nullptr);

/// The AdmissionReview of its creation in namespace "training".
json review_of(const json& pod);

/// What came back, taken apart.
struct Verdict {
  webhook::Answer answer;
  json body = {};      ///< of the answer
  json response = {};  ///< null in a Status
  json patch = {};     ///< decoded; null without one
  json pod = {};       ///< as the patch leaves it, by another implementation of RFC 6902

  [[nodiscard]] bool allowed() const { return response.at("allowed"); }
  [[nodiscard]] std::string networks() const;

  /// "limits/requests" of a resource in the n-th container, "-" where there is none.
  [[nodiscard]] std::string amount(std::size_t container, const std::string& resource) const;
  [[nodiscard]] std::vector<std::string> warnings() const;
};

std::string from_base64(const std::string& text);

class Rig {
 public:
  /// Knows the namespace "training", and no definitions.
  Rig();

  void put(Kind kind, const json& object) { cluster.put(kind, object); }

  /// Rails 1 to `count`, put in the wrong order.
  void add_rails(int count, const std::string& value = "gpu-rails");

  Verdict ask(const json& pod);
  Verdict ask_review(const json& review);

  webhook::Settings settings;
  webhook::Cluster cluster;
};

}  // namespace mvr::test
