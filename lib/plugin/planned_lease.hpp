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
/// Fails with Code::bad_config for a section that no IPAM plugin would take.
Result<cni::AddResult> plan_lease(const PlanRequest& request, const cni::NetConf& conf);

/// What is wrong with the request's addresses: there are none, or some for a NIC that gets none.
/// Empty if nothing. \param lease what `plan_lease` has said
std::string find_misuse(const PlanRequest& request, const cni::NetConf& conf,
                        const cni::AddResult& lease);

}  // namespace mvr::plugin
