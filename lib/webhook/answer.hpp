// SPDX-License-Identifier: Apache-2.0
/// \file
/// From the bytes of an AdmissionReview to the bytes of its answer.
#pragma once

#include <string>
#include <string_view>

namespace mvr::webhook {

class Cluster;
struct Settings;  ///< settings.hpp: --on-conflict, --same-namespace, namespaces, GPU resources

struct Answer {
  int status = 200;          ///< of HTTP
  std::string body;          ///< JSON; a Status of Kubernetes for what is not 200
  std::string_view outcome;  ///< for metrics: "patched", "untouched", or why it was refused
  std::string pod;           ///< "namespace/name" for the log
  std::string message;       ///< what was refused or done, one line
};

/// Never throws, and never fails otherwise than by what it answers.
Answer answer(const Settings& settings, const Cluster& cluster, std::string_view body);

}  // namespace mvr::webhook
