// SPDX-License-Identifier: Apache-2.0
/// \file
/// What the fuzz targets share.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

/// Called by libFuzzer for each input.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace mvr::fuzz {

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

/// A property that holds for every input; libFuzzer keeps the input for which it does not.
inline void require(bool holds) {
  if (!holds) {
    std::abort();
  }
}

}  // namespace mvr::fuzz
