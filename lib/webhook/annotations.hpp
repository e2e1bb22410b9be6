// SPDX-License-Identifier: Apache-2.0
/// \file
/// The annotations that the webhook reads and writes, and how members of Kubernetes objects are
/// found.
#pragma once

#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

namespace mvr::webhook {

using Json = nlohmann::json;

/// Of definitions, pods and namespaces: their values must be the same.
inline constexpr std::string_view kRdmaKey = "cni.spidernet.io/rdma-resource-inject";
inline constexpr std::string_view kNetworkKey = "cni.spidernet.io/network-resource-inject";

/// Of definitions.
inline constexpr std::string_view kRailOrder = "cni.spidernet.io/rail-order";
inline constexpr std::string_view kResourceName = "k8s.v1.cni.cncf.io/resourceName";
inline constexpr std::string_view kSpiderNetwork = "multus.spidernet.io/cr-name";

/// Of pods.
inline constexpr std::string_view kNetworks = "k8s.v1.cni.cncf.io/networks";
inline constexpr std::string_view kContainer = "cni.spidernet.io/rdma-container";
inline constexpr std::string_view kMirror = "kubernetes.io/config.mirror";  ///< the kubelet's

/// A member by its exact name, for so Kubernetes spells its fields; null if there is none, if it is
/// null itself, or if the value is no object.
const Json* find_member(const Json* object, std::string_view name);

/// The string of a member; empty for any other type.
std::string_view text_of(const Json* object, std::string_view name);

/// `metadata.annotations` of an object; null if it has none.
const Json* annotations_of(const Json& object);

}  // namespace mvr::webhook
