// SPDX-License-Identifier: Apache-2.0
/// \file
/// What IPAM's result says about one NIC.
#pragma once

#include <optional>
#include <vector>

#include "mvr/cni/result.hpp"
#include "mvr/plan/desired.hpp"

namespace mvr::plan {

/// IPAM's default routes of a family, without those for tables of their own.
std::vector<const cni::RouteConfig*> find_defaults(const cni::AddResult& ipam, ip::Family family);

/// The address' own gateway or, as the CNI specification has it, that of IPAM's default route.
std::optional<ip::Address> gateway_of(const cni::IpConfig& ip, const cni::AddResult& ipam);

/// The gateway for routes of this family that name none.
std::optional<ip::Address> first_gateway(const cni::AddResult& ipam, ip::Family family);

bool has_family(const cni::AddResult& ipam, ip::Family family);

/// True for one of the NIC's addresses.
bool is_own(const cni::AddResult& ipam, const ip::Address& address);

/// True for a gateway that the NIC reaches without being told so.
bool is_on_link(const cni::AddResult& ipam, const ip::Address& gateway);

/// 0 and 254 are names of main, which is where routes without a table go as well.
cni::AddResult normalize(cni::AddResult ipam);

/// Refuses what IPAM cannot mean; see `plan_nic`.
Result<void> check_lease(const cni::AddResult& ipam, const Facts& facts, const Place& place);

}  // namespace mvr::plan
