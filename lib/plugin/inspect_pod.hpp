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

/// What is the same for all pods.
struct Looking {
  const InspectOptions& options;
  const Budget& asking;      ///< the time that the gateways of all pods have together
  bool has_journals = true;  ///< false: stateDir cannot be used, so that none is missed
};

/// \param listed the journals of the pod
Result<PodView> inspect_pod(const Looking& looking, const Namespaces& netns,
                            const std::vector<Listed>& listed);

}  // namespace mvr::plugin
