// SPDX-License-Identifier: Apache-2.0
/// \file
/// A configuration as it arrives when a program in Go has read and written it again.
#pragma once

#include <string>

#include <nlohmann/json.hpp>

namespace mvr::test {

/// On one line, keys sorted. Every number has been a double: 1500.0 comes out as 1500, and
/// 9007199254740993 as 9007199254740992; Go would give larger ones in fewer digits. <, > and & are
/// escaped.
/// \source Go, encoding/json, Marshal of a map[string]interface{}
std::string go_json(const nlohmann::json& value);

}  // namespace mvr::test
