// SPDX-License-Identifier: Apache-2.0
/// \file
/// The table of all keys of a configuration.
#pragma once

#include <span>
#include <string_view>

#include "cni/netconf_field.hpp"

namespace mvr::cni {

enum class Place {
  anywhere,       ///< in the configuration and in the defaults file
  configuration,  ///< in the configuration alone
};

struct Key {
  std::string_view name;
  void (*read)(const Field&);
  Place place = Place::anywhere;
};

/// Every key that is known, in the order of reading. `strict` comes first, since it decides what
/// the readers of objects do with unknown members.
std::span<const Key> known_keys();

}  // namespace mvr::cni
