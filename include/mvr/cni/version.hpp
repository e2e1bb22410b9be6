// SPDX-License-Identifier: Apache-2.0
/// \file
/// The versions of the CNI protocol that we speak.
#pragma once

#include <array>
#include <compare>
#include <string>
#include <string_view>

#include "mvr/base/error.hpp"

namespace mvr::cni {

struct Version {
  int major = 0;
  int minor = 0;
  int patch = 0;

  /// At most three numbers with dots between; missing ones are 0, "" is 0.1.0 (as libcni reads it).
  /// Fails with Code::decode.
  static Result<Version> parse(std::string_view text);

  [[nodiscard]] std::string to_string() const;

  auto operator<=>(const Version&) const = default;
};

inline constexpr std::array kSupportedVersions = {
    Version{0, 3, 0}, Version{0, 3, 1}, Version{0, 4, 0}, Version{1, 0, 0}, Version{1, 1, 0}};

/// The answer to VERSION, one JSON document with a line end.
/// \source CNI specification 1.1.0, section 2 "VERSION"
std::string version_document();

/// "0.3.0, 0.3.1, …"
std::string supported_versions_text();

}  // namespace mvr::cni
