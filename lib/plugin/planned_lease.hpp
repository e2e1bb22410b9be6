// SPDX-License-Identifier: Apache-2.0
/// \file
/// What IPAM would say, as far as one can know without asking it.
#pragma once

#include "mvr/cni/netconf.hpp"
#include "mvr/cni/result.hpp"
#include "mvr/plugin/plan_add.hpp"

namespace mvr::plugin {

/// The request's addresses with its gateways, else those of a `static` section; routes and, where
/// the request has none, gateways are those that the `ipam` section names for the subnet.
/// Fails with Code::bad_config: no addresses, or addresses for a NIC that gets none.
Result<cni::AddResult> plan_lease(const PlanRequest& request, const cni::NetConf& conf);

}  // namespace mvr::plugin
