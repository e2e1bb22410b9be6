// SPDX-License-Identifier: Apache-2.0
/// \file
/// Small things about values of documents.
#pragma once

#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

namespace mvr::ops {

/// The string in a value; empty for a null pointer or a value of another type.
std::string text_of(const nlohmann::json* value);

/// A key as a JSON pointer has it. \source RFC 6901, section 3
std::string escape_key(std::string_view key);

}  // namespace mvr::ops
