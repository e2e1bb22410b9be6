// SPDX-License-Identifier: Apache-2.0
/// \file
/// How tests show and unwrap our types.
#pragma once

#include <iosfwd>
#include <utility>

#include "mvr/base/error.hpp"
#include "support/catch.hpp"

namespace mvr {

std::ostream& operator<<(std::ostream& out, const Error& error);

namespace test {

/// The value of a result, or a failed test that shows its error.
template <typename T>
T unwrap(Result<T> result) {
  if (!result) {
    FAIL(result.error());
  }
  return detail::take(std::move(result));
}

}  // namespace test
}  // namespace mvr
