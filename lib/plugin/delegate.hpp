// SPDX-License-Identifier: Apache-2.0
/// \file
/// The call's IPAM plugin.
#pragma once

#include "mvr/ipam/ipam.hpp"
#include "plugin/call.hpp"

namespace mvr::plugin {

/// The plugin that the configuration names. Fails as `ipam::Plugin::find` does.
Result<ipam::Plugin> find_ipam(const Call& call);

/// DEL, CHECK, STATUS or GC of the IPAM plugin; success for a network without one.
Result<void> call_ipam(const Call& call, std::string_view verb, const Budget& budget);

/// True for an IPAM plugin that gives a lease back over the link and by the address that the NIC
/// has, so that its DEL must come before all else: the DHCP client.
bool releases_over_link(const cni::NetConf& conf);

}  // namespace mvr::plugin
