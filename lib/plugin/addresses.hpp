// SPDX-License-Identifier: Apache-2.0
/// \file
/// The NIC's addresses: given to it, and waited for where the kernel takes its time.
#pragma once

#include <vector>

#include "mvr/plan/desired.hpp"
#include "plugin/attempt.hpp"

namespace mvr::plugin {

/// Gives the NIC its addresses, and with `ipv6.dad` "kernel" waits until the kernel has looked for
/// duplicates. Fails with Code::address_conflict if it has found one.
Result<void> configure_addresses(Attempt& a, const net::Link& link, const plan::DesiredNic& nic);

/// Until the addresses receive. The kernel opens those of IPv6 some time after it has answered, by
/// a worker that waits for the lock of all network configuration; what is sent to them before is
/// lost. Warns after a second, which is a very busy node. Fails only when interrupted.
/// \source net/ipv6/addrconf.c, addrconf_dad_work and addrconf_dad_completed
Result<void> await_reception(Attempt& a, const std::vector<ip::Address>& addresses);

}  // namespace mvr::plugin
