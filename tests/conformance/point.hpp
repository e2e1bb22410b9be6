// SPDX-License-Identifier: Apache-2.0
/// \file
/// One point of the contract, and the tables in which all of them stand.
#pragma once

#include <string_view>
#include <vector>

#include "trial.hpp"
#include "version.hpp"

namespace conformance {

/// How binding a point is. `custom` is what runtimes and other plugins expect in practice, although
/// the specification does not say it.
enum class Level { must, should, custom };

std::string_view to_text(Level level);

/// The versions that a point is about, and whether it is tried in each one that the plugin
/// supports, or in the newest of them alone since they do not differ.
struct Versions {
  Version first = Version::v0_3_0;
  Version last = Version::v1_1_0;
  bool in_each = false;
};

inline constexpr Versions kOnce{};
inline constexpr Versions kEach{.in_each = true};
inline constexpr Versions kFrom04{.first = Version::v0_4_0};
inline constexpr Versions kEachFrom04{.first = Version::v0_4_0, .in_each = true};
inline constexpr Versions kFrom11{.first = Version::v1_1_0};
inline constexpr Versions kBefore04{.last = Version::v0_3_1, .in_each = true};
inline constexpr Versions kBefore10{.last = Version::v0_4_0, .in_each = true};
inline constexpr Versions kBefore11{.last = Version::v1_0_0, .in_each = true};

struct Point {
  std::string_view id;
  Level level;
  Versions versions;
  std::string_view statement;
  std::string_view source;
  void (*run)(Trial&);  ///< returns if the statement holds, throws Failed or NotApplicable if not
};

using Points = std::vector<Point>;

/// The tables, one for each file in points/.
Points invocation_points();
Points input_points();
Points version_points();
Points add_points();
Points add_refused_points();
Points result_points();
Points check_points();
Points del_points();
Points ipam_points();
Points ipam_failure_points();
Points gc_points();
Points status_points();

/// All of them in this order.
Points all_points();

/// The versions in which a point is tried with a plugin, oldest first; empty if it does not apply.
std::vector<Version> versions_to_try(const Versions& versions,
                                     const std::vector<Version>& supported);

/// "0.4.0–1.1.0", or one version.
std::string to_text(const Versions& versions);

}  // namespace conformance
