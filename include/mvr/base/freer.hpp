// SPDX-License-Identifier: Apache-2.0
/// \file
/// Owners of what C libraries make.
#pragma once

namespace mvr {

/// A deleter for std::unique_ptr that calls the library's own function.
template <auto kFree>
struct Freer {
  template <typename T>
  void operator()(T* object) const {
    kFree(object);
  }
};

}  // namespace mvr
