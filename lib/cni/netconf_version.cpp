// SPDX-License-Identifier: Apache-2.0
#include "cni/netconf_version.hpp"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "cni/result_json.hpp"
#include "mvr/cni/netconf.hpp"

namespace mvr::cni {
namespace {

tl::unexpected<Error> incompatible(std::string_view what) {
  return fail(Code::incompatible_version, "incompatible CNI versions: cniVersion " +
                                              std::string(what) + ": must be one of " +
                                              supported_versions_text());
}

bool is_supported(const Version& version) {
  return std::ranges::find(kSupportedVersions, version) != kSupportedVersions.end();
}

/// Puts prevResult into the form of `target`. One that cannot be read stays as it is: a plugin
/// that does not look at it, as on DEL, shall not fail for it.
Result<void> convert_prev_result(Json& document, const Version& source, const Version& target) {
  const Member previous = find_member(document, "prevResult");
  if (previous.value == nullptr || previous.value->is_null()) {
    return {};
  }
  if (const auto result = read_result(*previous.value, source)) {
    document[std::string(previous.key)] = MVR_TRY(parse_json(format_result(*result, target)));
  }
  return {};
}

}  // namespace

Result<Version> read_cni_version(const Json& document) {
  const Json* value = find_value(document, "cniVersion");
  const std::string* text = as_string(value);
  if (value == nullptr || (text != nullptr && text->empty())) {
    return incompatible("is missing, which means 0.1.0");
  }
  if (text == nullptr) {
    return fail(Code::decode, "cniVersion " + show(*value) + ": must be a string");
  }
  const Version version = MVR_TRY(Version::parse(*text));
  // Runtimes and delegated plugins compare the texts, so "1.0" is not 1.0.0.
  if (!is_supported(version) || version.to_string() != *text) {
    return incompatible(show(*value));
  }
  return version;
}

Version guess_version(std::string_view json) {
  constexpr Version kNewest = kSupportedVersions.back();
  const Result<Json> document = parse_object(json);
  return document ? read_cni_version(*document).value_or(kNewest) : kNewest;
}

Result<std::string> downgrade_netconf(std::string_view json) {
  constexpr Version kTarget{1, 0, 0};
  Json document = MVR_TRY(parse_object(json));
  const Version version = MVR_TRY(read_cni_version(document));
  if (version <= kTarget) {
    return std::string(json);
  }
  document[std::string(find_member(document, "cniVersion").key)] = kTarget.to_string();
  MVR_TRY(convert_prev_result(document, version, kTarget));
  return document.dump();
}

}  // namespace mvr::cni
