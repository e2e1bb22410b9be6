// SPDX-License-Identifier: Apache-2.0
// What an IPAM plugin prints, and prevResult: whatever is understood survives being printed again.
#include "fuzz.hpp"
#include "mvr/cni/result.hpp"

using mvr::fuzz::require;
namespace cni = mvr::cni;

namespace {

void check_result(std::string_view text, const cni::Version& fallback) {
  const auto result = cni::parse_result(text, fallback);
  if (!result) {
    require(result.error().code == mvr::Code::decode);
    return;
  }
  const cni::Version newest{1, 1, 0};
  const auto again = cni::parse_result(cni::format_result(*result, newest), newest);
  require(again && *again == *result);
  for (const cni::Version& version : cni::kSupportedVersions) {
    require(cni::parse_result(cni::format_result(*result, version), version).has_value());
  }
}

void check_error(std::string_view text) {
  const auto error = cni::parse_error(text);
  const cni::Version newest{1, 1, 0};
  if (error) {
    const auto again = cni::parse_error(cni::format_error(*error, newest));
    require(again && *again == *error);
  }
  // Any bytes may come in a child's standard error.
  const mvr::Error raw{mvr::Code::ipam_failed, 0, std::string(text), std::string(text)};
  require(cni::parse_error(cni::format_error(raw, newest)).has_value());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = mvr::fuzz::text_of(data, size);
  check_result(text, {1, 0, 0});
  check_result(text, {0, 3, 1});
  check_error(text);
  return 0;
}
