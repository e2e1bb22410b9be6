// SPDX-License-Identifier: Apache-2.0
#include "version.hpp"

namespace conformance {

std::string_view to_text(Version version) {
  switch (version) {
    case Version::v0_3_0:
      return "0.3.0";
    case Version::v0_3_1:
      return "0.3.1";
    case Version::v0_4_0:
      return "0.4.0";
    case Version::v1_0_0:
      return "1.0.0";
    case Version::v1_1_0:
      break;
  }
  return "1.1.0";
}

std::optional<Version> parse_version(std::string_view text) {
  for (const Version version : kVersions) {
    if (to_text(version) == text) {
      return version;
    }
  }
  return std::nullopt;
}

}  // namespace conformance
