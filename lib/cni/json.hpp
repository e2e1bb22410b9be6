// SPDX-License-Identifier: Apache-2.0
/// \file
/// JSON as the protocol part reads it: bounded depth, errors with a position, keys as Go takes
/// them.
#pragma once

#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include "mvr/base/error.hpp"

namespace mvr::cni {

using Json = nlohmann::json;

/// Arrays and objects inside each other; a real configuration has fewer than ten.
inline constexpr int kMaxDepth = 128;

/// Parses one JSON document. Stricter than the library: no byte order mark, no zero byte, no more
/// than kMaxDepth levels. Fails with Code::decode, saying at which byte (counted from 1).
Result<Json> parse_json(std::string_view text);

/// The same for a document that must be an object.
Result<Json> parse_object(std::string_view text);

/// The two halves of parse_json, for who lets the library keep but a part of the document: what is
/// refused before a text is parsed, and why the library has not parsed it.
Result<void> check_text(std::string_view text);
Error syntax_error(std::string_view text);

/// A value as one line of ASCII for a message, cut after about 100 bytes.
std::string show(const Json& value);

/// ASCII letters count as equal in both cases.
bool equals_ignoring_case(std::string_view left, std::string_view right);

/// A member of an object; `value` is null when there is none.
struct Member {
  std::string_view key;  ///< as the document spells it
  const Json* value = nullptr;
};

/// Finds a member by its exact name, else by one that differs only in the case of ASCII letters, as
/// Go's decoder does. Finds nothing in what is not an object.
Member find_member(const Json& object, std::string_view name);

/// The same, but a member that is null counts as absent.
const Json* find_value(const Json& object, std::string_view name);

/// The string in a value; null for any other type.
const std::string* as_string(const Json* value);

}  // namespace mvr::cni
