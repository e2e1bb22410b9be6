// SPDX-License-Identifier: Apache-2.0
#include "point.hpp"

namespace conformance {

std::string_view to_text(Level level) {
  switch (level) {
    case Level::must:
      return "MUST";
    case Level::should:
      return "SHOULD";
    case Level::custom:
      break;
  }
  return "CUSTOM";
}

Points all_points() {
  Points all;
  for (const auto& table : {invocation_points, input_points, version_points, add_points,
                            add_refused_points, result_points, check_points, del_points,
                            ipam_points, ipam_failure_points, gc_points, status_points}) {
    const Points some = table();
    all.insert(all.end(), some.begin(), some.end());
  }
  return all;
}

std::vector<Version> versions_to_try(const Versions& versions,
                                     const std::vector<Version>& supported) {
  std::vector<Version> chosen;
  for (const Version version : supported) {
    if (version >= versions.first && version <= versions.last) {
      chosen.push_back(version);
    }
  }
  if (!versions.in_each && !chosen.empty()) {
    chosen = {chosen.back()};
  }
  return chosen;
}

std::string to_text(const Versions& versions) {
  std::string first(to_text(versions.first));
  if (versions.first == versions.last) {
    return first;
  }
  return first + "–" + std::string(to_text(versions.last));
}

}  // namespace conformance
