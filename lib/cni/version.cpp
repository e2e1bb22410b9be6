// SPDX-License-Identifier: Apache-2.0
#include "mvr/cni/version.hpp"

#include <algorithm>
#include <limits>

#include "mvr/base/text.hpp"

namespace mvr::cni {
namespace {

tl::unexpected<Error> malformed(std::string_view text) {
  return fail(Code::decode, "CNI version \"" + printable(text, 64) +
                                "\": must be one to three numbers with dots between");
}

std::string list_versions(std::string_view quote) {
  std::vector<std::string> versions;
  for (const Version& version : kSupportedVersions) {
    std::string text(quote);
    versions.push_back(text.append(version.to_string()).append(quote));
  }
  return join(versions, quote.empty() ? ", " : ",");
}

}  // namespace

Result<Version> Version::parse(std::string_view text) {
  if (text.empty()) {
    return Version{0, 1, 0};
  }
  std::array<int, 3> numbers{};
  const auto pieces = split(text, '.');
  if (pieces.size() > numbers.size()) {
    return malformed(text);
  }
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    // Read without a sign, so that "-1" is none.
    const auto number = parse_number<unsigned>(pieces[i]);
    if (!number || *number > unsigned{std::numeric_limits<int>::max()}) {
      return malformed(text);
    }
    numbers.at(i) = static_cast<int>(*number);
  }
  return Version{numbers[0], numbers[1], numbers[2]};
}

std::string Version::to_string() const {
  return std::to_string(major) + '.' + std::to_string(minor) + '.' + std::to_string(patch);
}

std::string version_document() {
  return "{\"cniVersion\":\"" + kSupportedVersions.back().to_string() +
         "\",\"supportedVersions\":[" + list_versions("\"") + "]}\n";
}

std::string supported_versions_text() {
  return list_versions("");
}

}  // namespace mvr::cni
