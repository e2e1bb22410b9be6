// SPDX-License-Identifier: Apache-2.0
/// \file
/// What is to be, as plain values. ADD makes it, CHECK compares it with what is.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "mvr/cni/result.hpp"
#include "mvr/plan/facts.hpp"
#include "mvr/probe/gateway.hpp"
#include "mvr/state/attachment.hpp"

namespace mvr::plan {

/// The link from its creation to the moment it is up.
struct DesiredLink {
  Where master_in = Where::host;
  net::MacvlanSpec spec;  ///< with the temporary name
  std::string name;       ///< final
  std::string alias;
  std::vector<net::Sysctl> sysctls;  ///< paths with the component IFNAME
  bool promisc = false;
  bool allmulti = false;

  bool operator==(const DesiredLink&) const = default;
};

/// Routes and rules that belong together.
struct Routing {
  std::vector<net::Route> routes;
  std::vector<net::Rule> rules;

  bool operator==(const Routing&) const = default;
};

/// How the NIC takes part in the pod's routing.
struct Place {
  bool is_routed = false;      ///< has a table and rules of its own; else its routes go to main
  std::uint32_t table = 0;     ///< T; 0 if not routed
  std::uint32_t priority = 0;  ///< of its rules
  std::uint32_t overlay_table = 0;  ///< T0; 0 if the pod has no overlay NIC

  bool operator==(const Place&) const = default;
};

/// What one NIC is given once IPAM has spoken.
struct DesiredNic {
  std::vector<net::IfAddress> addresses;
  Routing routing;
  std::vector<probe::Target> gateways;
  std::vector<cni::RouteConfig> main_routes;  ///< for the result: ours in main, in IPAM's words
  std::vector<ip::Family> default_families;   ///< in which the NIC takes main's default over
  std::vector<std::string> warnings;

  bool operator==(const DesiredNic&) const = default;
};

/// The link that the configuration wants. A random MAC is drawn if it names none.
DesiredLink plan_link(const cni::NetConf& conf, const Facts& facts,
                      const state::Attachment& attachment);

/// The link's sysctls under the name that it has at the moment.
std::vector<net::Sysctl> sysctls_of(const DesiredLink& link, const std::string& current_name);

/// Chooses the tables and priorities for ADD.
/// \param claimed tables that other attachments of this pod have in their journals, for NICs that
///                are still being made
/// Fails with Code::routing: reserved numbers, a priority out of range, tables or priorities that
/// somebody else uses; the message names the user.
Result<Place> plan_place(const cni::NetConf& conf, const Facts& facts, const std::string& ifname,
                         const std::vector<std::uint32_t>& claimed);

/// The place that ADD chose, for CHECK: what others have put there since then is no refusal.
/// \param table from the journal; 0 = ADD gave the NIC none
Place recall_place(const cni::NetConf& conf, const Facts& facts, std::uint32_t table);

/// The table that ADD must have chosen, for a CHECK whose journal is lost: that of the NIC's rule,
/// else as ADD would choose now; 0 = none.
std::uint32_t guess_table(const cni::NetConf& conf, const Facts& facts, const std::string& ifname);

/// Once per pod: the overlay NIC's table and rules, and the cluster's routes by it in main. Empty
/// without an overlay NIC. What already leaves by the overlay NIC is left out.
struct DesiredShared {
  Routing routing;
  std::vector<std::string> warnings;
};
DesiredShared plan_shared(const cni::NetConf& conf, const Facts& facts, const Place& place);

/// Main's default routes by the overlay NIC.
std::vector<net::Route> find_overlay_defaults(const PodState& pod, const Overlay& overlay);

/// The families in which main's best default route leaves by the overlay NIC.
std::vector<ip::Family> find_default_families(const PodState& pod, const Overlay& overlay);

/// What the node is given for a NIC with `hostRuleTable`: a rule for each family, a route for each
/// address. Empty without it. Fails with Code::routing if the node does not reach the overlay NIC
/// directly in a family in which the NIC has an address.
Result<Routing> plan_node(const cni::NetConf& conf, const Facts& facts, const DesiredNic& nic);

/// The MAC that `podMACPrefix` gives: the prefix, then the last four octets of the NIC's first
/// address. Fails with Code::bad_config if it has none.
Result<ip::Mac> make_mac(const std::array<std::uint8_t, 2>& prefix, const cni::AddResult& ipam);

/// One NIC's addresses, table, rules and gateways. Pure: no clock, no kernel.
/// \param nic the link as it is; its index goes into the routes
/// Fails with Code::bad_config for what IPAM cannot mean (no unicast address, a gateway that is the
/// NIC's own address), Code::unsupported_field for IPv6 where the kernel has none, Code::routing
/// for a table of others.
Result<DesiredNic> plan_nic(const cni::NetConf& conf, const Facts& facts, const Place& place,
                            net::IfIndex nic, const std::string& ifname,
                            const cni::AddResult& result);

}  // namespace mvr::plan
