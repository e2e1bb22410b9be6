// SPDX-License-Identifier: Apache-2.0
/// \file
/// A NIC's gateways: which they are, and whether they answer now.
#pragma once

#include <vector>

#include "mvr/base/budget.hpp"
#include "mvr/cni/netconf.hpp"
#include "mvr/plan/facts.hpp"
#include "mvr/plugin/inspect.hpp"
#include "plugin/namespaces.hpp"

namespace mvr::plugin {

/// Those that IPAM named, and those of the default routes that are there.
void list_gateways(const plan::PodState& pod, const cni::AddResult& ipam, NicView& nic);

/// A NIC whose gateways are to be asked, and what ADD was to do about a silent one.
struct Asked {
  NicView* nic = nullptr;
  cni::ProbePolicy policy = cni::ProbePolicy::fail;
};

/// Asks the gateways of all NICs of a pod at once as ADD does, from inside the pod, for 300 ms. A
/// silent one is a problem if ADD would have failed by it, else a note.
void ask_gateways(const Namespaces& netns, const Budget& budget, const std::vector<Asked>& all);

}  // namespace mvr::plugin
