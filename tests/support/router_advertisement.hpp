// SPDX-License-Identifier: Apache-2.0
/// \file
/// A router of the rail that advertises itself and a prefix, as radvd does.
#pragma once

#include <string>

namespace mvr::test {

/// Sends one router advertisement from an interface's link-local address to all nodes: it offers
/// itself as the default router, and the prefix (64 bits long) for on-link use and for addresses.
/// \source RFC 4861, sections 4.2 and 4.6.2
void advertise_router(const std::string& netns, const std::string& nic,
                      const std::string& link_local, const std::string& prefix);

}  // namespace mvr::test
