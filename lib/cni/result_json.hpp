// SPDX-License-Identifier: Apache-2.0
/// \file
/// Results that are already parsed JSON, as prevResult is within a configuration.
#pragma once

#include "cni/json.hpp"
#include "mvr/cni/result.hpp"

namespace mvr::cni {

/// As parse_result.
Result<AddResult> read_result(const Json& document, const Version& fallback);

/// A `dns` object; `path` names it in messages.
Result<Dns> read_dns(const Json& value, const std::string& path);

}  // namespace mvr::cni
