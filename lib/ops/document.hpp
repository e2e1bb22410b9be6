// SPDX-License-Identifier: Apache-2.0
/// \file
/// Files that people write, YAML or JSON, with the place of each value in them: who says that
/// something is wrong says where.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "mvr/base/error.hpp"

namespace mvr::ops {

struct Place {
  int line = 0;  ///< from 1 on
  int column = 0;
};

/// A string in quotes or behind "|" or ">", as it stands in the file: where somebody has put a text
/// of some other form into it, that has lines of its own.
struct Source {
  int line = 0;      ///< of its first character, from 1 on
  std::string text;  ///< line by line as in the file, without the quotes; empty if it has one line
};

/// One document of a file. `places` has, by JSON pointer (RFC 6901), where a value begins: that of
/// a member is its key's.
struct Document {
  nlohmann::json value;
  std::map<std::string, Place> places;
  std::map<std::string, Source> sources;  ///< by JSON pointer
  std::vector<Error>
      repeats;  ///< "line 3: …", of each key that is there twice; the last one counts

  /// Of the value or, if that is not there, of the nearest one around it.
  [[nodiscard]] Place place_of(std::string pointer) const;
};

/// What could be read of a text: the documents before the first error, if there is one.
struct Stream {
  std::vector<Document> documents;
  std::optional<Error> error;
};

/// Reads all documents of a text; JSON is YAML. Plain scalars are null, booleans and numbers as in
/// the core schema of YAML 1.2, everything else is a string.
/// Errors are Code::decode and "line 3: …": no YAML, an alias (for which nobody knows how much it
/// stands), more than 64 levels.
Stream read_documents(std::string_view text);

/// The same for who needs all of it: fails with the first error, or with the first key that is
/// there twice.
Result<std::vector<Document>> parse_documents(std::string_view text);

}  // namespace mvr::ops
