// SPDX-License-Identifier: Apache-2.0
/// \file
/// What the server answers to each path.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "mvr/base/log.hpp"
#include "webhook/answer.hpp"
#include "webhook/metrics.hpp"
#include "webhook/server.hpp"

namespace mvr::webhook {

/// What a service is made of. Every function may be called by several threads at once.
struct ServiceParts {
  std::function<Answer(std::string_view)> review;  ///< bytes of an AdmissionReview
  std::function<std::string()> unready;  ///< why no reviews should come; empty = they should
  bool asks_clients = false;             ///< reviews are for known clients only
};

/// POST /inject; GET /healthz, /readyz, /metrics, which anybody may ask. The references live
/// longer.
Handler make_service(ServiceParts parts, const Log& log, Metrics& metrics);

}  // namespace mvr::webhook
