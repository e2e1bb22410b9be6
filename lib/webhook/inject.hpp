// SPDX-License-Identifier: Apache-2.0
/// \file
/// The decision about one pod. It depends on nothing but what is handed in, and changes nothing:
/// a dry run is answered as any other.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "webhook/patch.hpp"
#include "webhook/review.hpp"
#include "webhook/settings.hpp"
#include "webhook/view.hpp"

namespace mvr::webhook {

/// How a refusal looks to the client that wanted to create the pod.
enum class Refusal {
  none,       ///< allowed
  forbidden,  ///< 403: somebody must change something
  not_yet,    ///< 503 with Retry-After: clients of Kubernetes try again by themselves
};

struct Decision {
  Refusal refusal = Refusal::none;
  std::string_view outcome = "untouched";  ///< for metrics: a word of a short list
  std::string message = {};                ///< one line
  Patch patch = {};
  std::vector<std::string> warnings = {};  ///< a few short lines, for who creates the pod
};

/// \param review one that creates a pod
Decision decide(const Settings& settings, const View& view, const Review& review);

}  // namespace mvr::webhook
