// SPDX-License-Identifier: Apache-2.0
/// \file
/// The versions of the CNI specification that the points are about.
#pragma once

#include <array>
#include <optional>
#include <string_view>

namespace conformance {

/// In the order in which they came out, so that `<` means "older".
enum class Version { v0_3_0, v0_3_1, v0_4_0, v1_0_0, v1_1_0 };

inline constexpr std::array kVersions{Version::v0_3_0, Version::v0_3_1, Version::v0_4_0,
                                      Version::v1_0_0, Version::v1_1_0};

/// As `cniVersion` has it, "1.1.0".
std::string_view to_text(Version version);

/// Nothing for a version that no point is about, 0.2.0 or 2.0.0 for example.
std::optional<Version> parse_version(std::string_view text);

}  // namespace conformance
