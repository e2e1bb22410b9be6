// SPDX-License-Identifier: Apache-2.0
/// \file
/// VLAN devices as /proc/net/vlan/config lists them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace mvr::net {

/// Names of the VLAN devices with this id in the caller's netns, whatever their masters. rtnetlink
/// cannot be asked for them without being asked for every link of the node. Empty where the kernel
/// has none.
/// \source net/8021q/vlanproc.c
std::vector<std::string> list_vlans(std::uint16_t id);

/// The same from the file's text.
std::vector<std::string> parse_vlans(std::string_view text, std::uint16_t id);

}  // namespace mvr::net
