// SPDX-License-Identifier: Apache-2.0
/// \file
/// What `ip` says of a namespace, an object a line: compared whole, and easy to read when an
/// assertion fails. A property that no line has a word for is appended as JSON, never dropped.
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "support/routing_lines.hpp"

namespace mvr::test {

Lines sorted(Lines lines);

/// IPv4 rules in the kernel's order: "32101 from 172.16.11.10 lookup 101 proto 216". A rule for an
/// interface that is not there has "[detached]" behind the interface's name.
Lines read_rules(const std::string& netns);

/// IPv4 routes of a table, sorted:
/// "172.16.11.0/24 dev net1 proto kernel scope link src 172.16.11.10 metric 101".
/// \param table "main", or a number
Lines read_table(const std::string& netns, const std::string& table);
inline Lines read_table(const std::string& netns, unsigned table) {
  return read_table(netns, std::to_string(table));
}

/// Tables with IPv4 routes in them, sorted; without "local", which is the kernel's.
Lines read_tables(const std::string& netns);

/// IPv4 addresses of a NIC: "172.16.11.10/24 scope global metric 101".
Lines read_addresses(const std::string& netns, const std::string& nic);

/// Names of all interfaces, sorted.
Lines read_links(const std::string& netns);

/// `ip -json -details link show NIC`; null when there is none of that name.
nlohmann::json read_link(const std::string& netns, const std::string& nic);

bool is_up(const nlohmann::json& link);

/// `linkinfo.info_data`, where a macvlan's properties are.
nlohmann::json macvlan_of(const nlohmann::json& link);

/// The one IPv4 routing table that a rule of ours gives to a NIC; 0 without a rule.
unsigned table_of(const std::string& netns, const std::string& nic);

}  // namespace mvr::test
