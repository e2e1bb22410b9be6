// SPDX-License-Identifier: Apache-2.0
// CHECK: the same plan as ADD's, compared with what is there.
#include <algorithm>

#include "mvr/base/text.hpp"
#include "mvr/plan/kernel.hpp"
#include "mvr/plan/verify.hpp"
#include "mvr/state/journal.hpp"
#include "plugin/delegate.hpp"
#include "plugin/namespaces.hpp"
#include "plugin/node.hpp"
#include "plugin/rdma.hpp"

namespace mvr::plugin {
namespace {

using Mismatches = std::vector<plan::Mismatch>;

void append(Mismatches& all, Mismatches more) {
  std::ranges::move(more, std::back_inserter(all));
}

/// Our interface in prevResult. Other plugins of the chain may have put theirs before or behind it.
const cni::Interface* find_interface(const Call& call) {
  for (const cni::Interface& interface : call.conf.prev_result->interfaces) {
    if (interface.name == call.env.ifname && interface.sandbox == call.env.netns) {
      return &interface;
    }
  }
  return nullptr;
}

/// What IPAM said at ADD: from the journal or, without one, as far as prevResult repeats it.
cni::AddResult recall_ipam(const Call& call, const std::optional<state::Record>& record,
                           const cni::Interface& interface) {
  if (record && record->ipam) {
    return *record->ipam;
  }
  cni::AddResult ipam;
  const auto& interfaces = call.conf.prev_result->interfaces;
  for (const cni::IpConfig& ip : call.conf.prev_result->ips) {
    if (!ip.interface ||
        (*ip.interface < interfaces.size() && interfaces[*ip.interface].name == interface.name)) {
      ipam.ips.push_back(ip);
    }
  }
  if (interfaces.size() == 1) {
    ipam.routes = call.conf.prev_result->routes;  // they do not say whose they are
  }
  return ipam;
}

std::vector<ip::Address> list_addresses(const cni::AddResult& ipam) {
  std::vector<ip::Address> addresses;
  for (const cni::IpConfig& ip : ipam.ips) {
    addresses.push_back(ip.address.address);
  }
  return addresses;
}

/// Later plugins may have changed what prevResult says, so that comes first; results before 1.1.0
/// know no MTU.
std::uint32_t expect_mtu(const Call& call, const plan::Facts& facts,
                         const cni::Interface& interface) {
  const std::uint32_t configured = call.conf.mtu != 0 ? call.conf.mtu : facts.master.mtu;
  return interface.mtu != 0 ? interface.mtu : configured;
}

plan::LinkExpectation expect_link(const Call& call, const plan::Facts& facts,
                                  const plan::DesiredLink& wanted, const cni::Interface& interface,
                                  bool is_master_elsewhere) {
  return {wanted.spec.info,
          ip::Mac::parse(interface.mac),
          expect_mtu(call, facts, interface),
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
                                  const std::optional<state::Record>& record,
                                  const cni::Interface& interface, const net::Link& link) {
  const std::uint32_t table =
      record ? record->table : plan::guess_table(call.conf, facts, call.env.ifname);
  const auto place = plan::recall_place(call.conf, facts, table);
  const auto nic = MVR_TRY(plan_nic(call.conf, facts, place, link.index, call.env.ifname,
                                    recall_ipam(call, record, interface)));
  const auto shared = plan_shared(call.conf, facts, place);
  plan::Routing routing = nic.routing;
  std::ranges::copy(shared.routing.routes, std::back_inserter(routing.routes));
  add_copies(record, place, routing.routes);
  std::ranges::copy(shared.routing.rules, std::back_inserter(routing.rules));
  Mismatches all = verify_addresses(nic.addresses, facts.pod);
  append(all, verify_routing(routing, facts.pod, interface.name));
  append(all, verify_takeover(nic, facts));
  const auto on_node = MVR_TRY(plan_node(call.conf, facts, nic));
  append(all, MVR_TRY(verify_node_routes(kernel, on_node)));
  return all;
}

Result<Mismatches> verify(const Call& call, const Namespaces& netns,
                          const std::optional<state::Record>& record,
                          const cni::Interface& interface) {
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
  Mismatches all = verify_link(expect_link(call, facts, wanted, interface, is_elsewhere), link);
  if (link != nullptr) {
    append(all, MVR_TRY(verify_network(call, *kernel, facts, record, interface, *link)));
    append(all, MVR_TRY(verify_sysctls(*kernel, wanted)));
  }
  if (record && record->rdma) {
    const auto addresses = list_addresses(recall_ipam(call, record, interface));
    append(all, MVR_TRY(verify_rdma(netns, *kernel, *record->rdma, addresses)));
  }
  return all;
}

}  // namespace

Result<void> check(const Call& call) {
  if (!call.conf.prev_result) {
    return fail(Code::bad_config, "prevResult is missing; CHECK needs ADD's result");
  }
  const Namespaces netns = MVR_TRY(open_namespaces(call));
  const cni::Interface* interface = find_interface(call);
  if (interface == nullptr) {
    return fail(Code::bad_config,
                "prevResult does not name this interface with the sandbox " + call.env.netns);
  }
  const auto journal =
      MVR_TRY(state::Journal::open(call.conf.state_dir, call.attachment(), call.budget));
  const Mismatches found = MVR_TRY(verify(call, netns, journal.record(), *interface));
  call.timeline.end_phase("verify");
  if (!found.empty()) {
    std::vector<std::string> texts;
    std::ranges::transform(found, std::back_inserter(texts), &plan::Mismatch::to_string);
    return fail(Code::check_failed, join(texts, "; "));
  }
  Result<void> done = call_ipam(call, "CHECK", call.budget);
  call.timeline.end_phase("ipam");
  return done;
}

}  // namespace mvr::plugin
