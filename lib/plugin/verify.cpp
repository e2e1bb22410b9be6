// SPDX-License-Identifier: Apache-2.0
#include "plugin/verify.hpp"

#include <algorithm>

#include "mvr/plan/kernel.hpp"
#include "plugin/node.hpp"
#include "plugin/rdma.hpp"

namespace mvr::plugin {
namespace {

using Mismatches = std::vector<plan::Mismatch>;

void append(Mismatches& all, Mismatches more) {
  std::ranges::move(more, std::back_inserter(all));
}

std::vector<ip::Address> list_addresses(const cni::AddResult& ipam) {
  std::vector<ip::Address> addresses;
  for (const cni::IpConfig& ip : ipam.ips) {
    addresses.push_back(ip.address.address);
  }
  return addresses;
}

/// What the master has today says nothing of a NIC that has taken the master's MTU at its ADD.
std::uint32_t expect_mtu(const Call& call, const std::optional<state::Record>& record,
                         const Made& made) {
  const std::uint32_t recorded = record ? record->mtu : 0;
  const std::uint32_t configured = call.conf.mtu != 0 ? call.conf.mtu : recorded;
  return made.mtu != 0 ? made.mtu : configured;
}

plan::LinkExpectation expect_link(const Call& call, const plan::Facts& facts,
                                  const std::optional<state::Record>& record,
                                  const plan::DesiredLink& wanted, const Made& made,
                                  bool is_master_elsewhere) {
  return {wanted.spec.info,
          made.mac,
          expect_mtu(call, record, made),
          wanted.spec.tx_queue_len,
          facts.master.index,
          is_master_elsewhere,
          wanted.alias,
          call.conf.promisc,
          call.conf.allmulti};
}

Result<Mismatches> verify_sysctls(plan::Kernel& kernel, const plan::DesiredLink& link) {
  const auto wanted = sysctls_of(link, link.name);
  std::vector<std::string> paths;
  std::ranges::transform(wanted, std::back_inserter(paths), &net::Sysctl::path);
  return plan::verify_sysctls(wanted, MVR_TRY(kernel.read_pod_sysctls(paths)));
}

/// T0's copies of the defaults that this NIC has taken over. With them the overlay NIC may have
/// lost all that tells how it reached the world.
void add_copies(const std::optional<state::Record>& record, const plan::Place& place,
                std::vector<net::Route>& routes) {
  const bool has_copies = record && place.overlay_table != 0;
  for (net::Route copy : has_copies ? record->overlay_defaults : std::vector<net::Route>()) {
    copy.table = place.overlay_table;
    copy.protocol = net::kOurMark;
    if (std::ranges::find(routes, copy) == routes.end()) {
      routes.push_back(copy);
    }
  }
}

/// Addresses and routing of a link that is there.
Result<Mismatches> verify_network(const Call& call, plan::Kernel& kernel, const plan::Facts& facts,
                                  const std::optional<state::Record>& record, const Made& made,
                                  const net::Link& link) {
  const std::uint32_t table =
      record ? record->table : plan::guess_table(call.conf, facts, call.env.ifname);
  const auto place = plan::recall_place(call.conf, facts, table);
  const auto nic =
      MVR_TRY(plan_nic(call.conf, facts, place, link.index, call.env.ifname, made.ipam));
  const auto shared = plan_shared(call.conf, facts, place);
  plan::Routing routing = nic.routing;
  std::ranges::copy(shared.routing.routes, std::back_inserter(routing.routes));
  add_copies(record, place, routing.routes);
  std::ranges::copy(shared.routing.rules, std::back_inserter(routing.rules));
  Mismatches all = verify_addresses(nic.addresses, facts.pod);
  append(all, verify_routing(routing, facts.pod, call.env.ifname));
  append(all, verify_takeover(nic, facts));
  const auto on_node = MVR_TRY(plan_node(call.conf, facts, nic));
  append(all, MVR_TRY(verify_node_routes(kernel, on_node)));
  return all;
}

}  // namespace

Result<Mismatches> verify(const Call& call, const Namespaces& netns,
                          const std::optional<state::Record>& record, const Made& made) {
  const auto kernel = MVR_TRY(plan::open_linux_kernel(netns.host, *netns.pod));
  auto facts = MVR_TRY(look_for_master(call.conf, [&](const cni::NetConf& named) {
    return plan::observe(*kernel, named, call.env.ifname);
  }));
  if (record) {
    // As ADD saw it: NICs that came later do not change what this one was given.
    facts.has_other_nics = facts.has_other_nics && record->table != 0;
  }
  const net::Link* link = facts.pod.find_link(call.env.ifname);
  const auto wanted = plan_link(call.conf, facts, call.attachment());
  const bool is_elsewhere = facts.master_in == plan::Where::host && netns.host.id != netns.pod->id;
  Mismatches all = verify_link(expect_link(call, facts, record, wanted, made, is_elsewhere), link);
  if (link != nullptr) {
    append(all, MVR_TRY(verify_network(call, *kernel, facts, record, made, *link)));
    append(all, MVR_TRY(verify_sysctls(*kernel, wanted)));
  }
  if (record && record->rdma) {
    const auto addresses = list_addresses(made.ipam);
    append(all, MVR_TRY(verify_rdma(netns, *kernel, *record->rdma, addresses)));
  }
  return all;
}

}  // namespace mvr::plugin
