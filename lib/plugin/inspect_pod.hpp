// SPDX-License-Identifier: Apache-2.0
/// \file
/// One pod, looked at.
#pragma once

#include <vector>

#include "mvr/base/budget.hpp"
#include "mvr/plugin/inspect.hpp"
#include "mvr/state/journal.hpp"
#include "plugin/namespaces.hpp"

namespace mvr::plugin {

/// A journal as it was read under its lock, or without if a call holds that.
struct Listed {
  state::Record record;
  bool is_busy = false;
};

/// \param listed the journals of the pod
/// \param asking the time that all gateways have together
Result<PodView> inspect_pod(const InspectOptions& options, const Namespaces& netns,
                            const std::vector<Listed>& listed, const Budget& asking);

}  // namespace mvr::plugin
