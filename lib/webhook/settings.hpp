// SPDX-License-Identifier: Apache-2.0
/// \file
/// What an operator can choose about the decision.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mvr::webhook {

/// What becomes of a pod that already lists networks of its own.
enum class OnConflict {
  merge,   ///< theirs first, then ours
  refuse,  ///< the pod is refused, unless its list has all of ours already
  keep,    ///< its list stays as it is
};

struct Settings {
  OnConflict on_conflict = OnConflict::merge;
  bool same_namespace = false;                      ///< only definitions of the pod's own namespace
  std::vector<std::string> namespace_include = {};  ///< empty = all
  std::vector<std::string> namespace_exclude{"kube-system"};  ///< stronger than `include`
  std::vector<std::string> gpu_resources{"nvidia.com/gpu", "amd.com/gpu"};

  /// Whether pods of this namespace may be changed.
  [[nodiscard]] bool covers(std::string_view space) const;
};

/// "merge", "refuse" or "keep"
std::optional<OnConflict> parse_on_conflict(std::string_view text);
std::string_view to_text(OnConflict choice);

}  // namespace mvr::webhook
