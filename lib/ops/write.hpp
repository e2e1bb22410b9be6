// SPDX-License-Identifier: Apache-2.0
/// \file
/// Manifests as a person would write them: keys in the order in which one reads them, short lists
/// in one line.
#pragma once

#include <string>

#include <nlohmann/json_fwd.hpp>

namespace mvr::ops {

/// A document of YAML in block style, with a line end. Texts of several lines stand behind "|".
/// parse_documents reads the same value from it.
std::string write_yaml(const nlohmann::json& value);

/// JSON with a line end.
std::string write_json(const nlohmann::json& value);

}  // namespace mvr::ops
