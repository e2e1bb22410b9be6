// SPDX-License-Identifier: Apache-2.0
/// \file
/// The VLAN between a master and its macvlans.
#pragma once

#include <cstdint>
#include <optional>

#include "mvr/plan/kernel.hpp"

namespace mvr::plan {

/// The VLAN of this id on a master of the host, whoever made it and whatever its name: the kernel
/// allows no second. Nothing if there is none, or if it is in another network namespace.
Result<std::optional<net::Link>> find_vlan(Kernel& kernel, const net::Link& master,
                                           std::uint16_t id);

/// The VLAN that is to be made: "<master>.<id>" or, where that is too long for a name,
/// "mvr<index of the master>.<id>".
net::VlanSpec make_vlan_spec(const net::Link& master, std::uint16_t id);

/// Sets a VLAN of ours up. On a master that is down it comes up with that. Routers on it do not
/// configure the node: it is there for pods.
Result<void> raise_vlan(Kernel& kernel, const net::Link& vlan);

/// What it will look like; its index is not known yet (IfIndex::none).
net::Link foresee_vlan(const net::Link& master, std::uint16_t id);

}  // namespace mvr::plan
