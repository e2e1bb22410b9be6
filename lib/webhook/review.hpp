// SPDX-License-Identifier: Apache-2.0
/// \file
/// The question of an API server.
#pragma once

#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "mvr/base/error.hpp"

namespace mvr::webhook {

inline constexpr std::string_view kReviewVersion = "admission.k8s.io/v1";

/// What is read of an AdmissionReview.
struct Review {
  std::string version;  ///< its `apiVersion`: kReviewVersion, or another one of that group
  std::string uid;
  bool is_pod_creation = false;  ///< of a pod itself, not of a binding or the like
  std::string space = {};        ///< the pod's namespace
  std::string name = {};         ///< the pod's, for the log; "training-*" if it has only a prefix
  nlohmann::json pod = {};       ///< annotations, hostNetwork, and the containers' resources alone
};

/// Takes a review apart; what is not needed of it is not kept even while it is read. Fails, with
/// Code::decode, if it is no AdmissionReview, has no uid, or creates a pod that cannot be one.
/// A review of another version than v1 is not looked into.
Result<Review> parse_review(std::string_view body);

}  // namespace mvr::webhook
