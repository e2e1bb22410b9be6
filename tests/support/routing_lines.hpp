// SPDX-License-Identifier: Apache-2.0
/// \file
/// Routes and rules as lines of text, read by `ip`: a test compares whole tables, object by object.
#pragma once

#include <string>
#include <vector>

namespace mvr::test {

using Lines = std::vector<std::string>;

inline constexpr unsigned kMainTable = 254;

/// The IPv4 routes of one table in the kernel's order, as `ip route` prints them. Instead of the
/// protocol, those that bear the plugin's mark end with "ours" and the kernel's with "kernel":
/// "default via 172.16.11.254 dev net1 ours".
/// \param family "-4", or "-6" for IPv6's
Lines routes(const std::string& netns, unsigned table, const std::string& family = "-4");

/// The routes of a table by one interface.
Lines routes_by(const std::string& nic, const std::string& netns, unsigned table,
                const std::string& family = "-4");

/// The IPv4 rules but the kernel's own three, in their order:
/// "32101: from 172.16.11.10 lookup 101 ours", "32101: from all oif net1 lookup 101 ours".
Lines rules(const std::string& netns, const std::string& family = "-4");

/// The addresses of an interface: "172.16.11.10/24".
Lines addresses(const std::string& netns, const std::string& nic);

/// The global IPv6 addresses of an interface: "fd00:172:11::10/64 metric 101 nodad", or
/// "… tentative".
Lines addresses6(const std::string& netns, const std::string& nic);

/// What the pod of the reference scenario has in main, once a NIC has been added, by eth0: its own
/// routes and the cluster's.
Lines calico_main();

/// The text contains all of these.
bool names(const std::string& text, const Lines& words);

/// The lines of both.
Lines operator+(Lines first, const Lines& second);

}  // namespace mvr::test
