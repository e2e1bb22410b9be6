// SPDX-License-Identifier: Apache-2.0
// ADD: read `make` from top to bottom.
#include <algorithm>

#include "mvr/base/text.hpp"
#include "mvr/plan/transaction.hpp"
#include "mvr/state/lock.hpp"
#include "plugin/delegate.hpp"
#include "plugin/namespaces.hpp"
#include "plugin/node.hpp"
#include "plugin/probing.hpp"
#include "plugin/rdma.hpp"
#include "plugin/teardown.hpp"

namespace mvr::plugin {
namespace {

using plan::Step;

/// An ADD under way: what it holds and what it has done.
struct Attempt {
  const Call& call;
  const state::Attachment attachment;
  const Namespaces& netns;
  state::Journal& journal;
  plan::Kernel& kernel;
  // What is taken back, in the reverse of this order.
  plan::Transaction shared;               ///< the pod's, for all of its NICs
  plan::Transaction link;                 ///< the NIC
  plan::Transaction rdma;                 ///< the device's move
  plan::Transaction network;              ///< its addresses, routes and rules
  plan::Transaction node;                 ///< what pods share; taken back by the journal
  std::vector<net::IfIndex> elders = {};  ///< the pod's NICs of ours that were there before
  bool has_called_ipam = false;
};

/// What is settled before IPAM is asked.
struct Ground {
  plan::Facts facts;
  plan::Place place;
  plan::DesiredLink link;
  state::Record record;  ///< with the RDMA device, if there is one
};

void warn(const Call& call, const std::vector<std::string>& warnings) {
  for (const std::string& warning : warnings) {
    call.log.line(LogLevel::warn, warning);
  }
}

/// True for a record of an ADD that has ended well and whose pod still lives. That the namespace
/// has the recorded number proves little: the kernel gives it to the next one when the pod has
/// gone.
Result<bool> is_alive(const state::Record& record, const std::optional<net::Netns>& pod,
                      const Namespaces& netns, plan::Kernel& kernel) {
  if (!record.is_complete || !pod) {
    return false;
  }
  return pod->id != netns.pod->id ||
         MVR_TRY(kernel.read_link(plan::Where::pod, record.attachment.ifname)).has_value();
}

/// A record of this attachment means that an ADD came before. Its work is undone if it has died or
/// its namespace has; a living one is an error.
Result<void> heal(const Call& call, const Namespaces& netns, state::Journal& journal,
                  plan::Kernel& kernel) {
  if (!journal.record()) {
    return {};
  }
  const state::Record record = *journal.record();
  std::optional<net::Netns> pod = reopen(record.netns_path, record.netns);
  if (MVR_TRY(is_alive(record, pod, netns, kernel))) {
    return fail(Code::link_failed, "the attachment " + record.attachment.to_string() +
                                       " exists already; DEL it first");
  }
  call.log.line(LogLevel::warn, "undoing what an earlier attempt left");
  if (!pod) {
    pod = MVR_TRY(reopen_pod(netns.host, record));
  }
  Remains remains{record.attachment, &netns.host, pod ? &*pod : nullptr, record, std::nullopt};
  Result<void> undone = summarize(tear_down(call, remains, journal, call.budget));
  return undone ? undone : fail(std::move(undone).error().in("undo what an earlier attempt left"));
}

/// True when the pod has a NIC of ours without a rule: it is still being made, and only its journal
/// knows its table.
bool has_unfinished_nics(const plan::PodState& pod) {
  const auto has_rule = [&](const net::Link& link) {
    return std::ranges::find(pod.rules, link.name, &net::Rule::oif) != pod.rules.end();
  };
  return std::ranges::any_of(
      pod.links, [&](const net::Link& link) { return net::is_ours(link) && !has_rule(link); });
}

/// Tables that other attachments of this pod will use.
std::vector<std::uint32_t> find_claims(const Attempt& a, const plan::PodState& pod) {
  std::vector<std::uint32_t> claims;
  if (!has_unfinished_nics(pod)) {
    return claims;
  }
  for (const state::Record& record : state::read_records(a.call.conf.state_dir)) {
    const bool is_other = record.attachment != a.attachment && record.table != 0;
    // A dead pod may have had the same number, but not at a path that still leads here.
    if (is_other && record.netns == a.netns.pod->id && reopen(record.netns_path, record.netns)) {
      claims.push_back(record.table);
    }
  }
  return claims;
}

Result<void> refuse_taken_name(const Attempt& a, const plan::PodState& pod) {
  const net::Link* link = pod.find_link(a.attachment.ifname);
  if (link == nullptr) {
    return {};
  }
  return fail(Code::link_failed, "an interface of this name is in the pod already" +
                                     (link->alias.empty() ? "" : " (" + link->alias + ")"));
}

/// A link of our temporary name without a journal: its ADD was killed and stateDir was emptied.
Result<void> remove_leftover(Attempt& a, const Ground& ground) {
  const net::Link* link = ground.facts.pod.find_link(ground.link.spec.name);
  const bool is_leftover = link != nullptr && net::is_ours(*link);
  return is_leftover ? a.kernel.delete_link(plan::Where::pod, link->index) : Result<void>();
}

state::Record make_record(const Attempt& a, const Ground& ground) {
  state::Record record;
  record.attachment = a.attachment;
  record.netns_path = a.netns.pod->path;
  record.netns = a.netns.pod->id;
  record.master = ground.facts.master.name;
  record.master_index = to_int(ground.facts.master.index);
  record.table = ground.place.table;
  record.ipam_type = a.call.conf.ipam_type;
  if (a.call.conf.vlan != 0) {
    record.vlan = {ground.facts.master.lower, static_cast<std::uint16_t>(a.call.conf.vlan)};
  }
  if (ground.facts.overlay && a.call.conf.default_route_nic == a.attachment.ifname) {
    record.overlay_defaults = find_overlay_defaults(ground.facts.pod, *ground.facts.overlay);
  }
  const cni::Args& args = a.call.env.args;
  record.pod = args.pod_name.empty() ? "" : args.pod_namespace + '/' + args.pod_name;
  return record;
}

std::vector<net::IfIndex> find_our_links(const std::vector<net::Link>& links) {
  std::vector<net::IfIndex> found;
  for (const net::Link& link : links) {
    if (net::is_ours(link)) {
      found.push_back(link.index);
    }
  }
  return found;
}

/// With `vlan`: only now is it known what the NIC lies on.
Result<void> place_on_vlan(Attempt& a, Ground& ground) {
  if (ground.record.vlan) {
    ground.facts.master = MVR_TRY(take_vlan(a.call, a.kernel, *ground.record.vlan, a.node));
    ground.link.spec.master = ground.facts.master.index;
    ground.record.master_index = to_int(ground.facts.master.index);
  }
  return {};
}

/// Looks, chooses, and claims: all under the pod's lock, so that NICs made at the same time agree
/// on tables and on what they share. The new link itself is the claim that others see. The shared
/// routes come before the NIC has an address, so that cluster traffic never takes the rail.
Result<Ground> prepare(Attempt& a) {
  const auto lock = MVR_TRY(state::ScopedLock::acquire(a.netns.pod->fd.get(), a.call.budget));
  const cni::NetConf& conf = a.call.conf;
  Ground ground;
  ground.facts = MVR_TRY(look_for_master(conf, [&](const cni::NetConf& named) {
    return plan::observe(a.kernel, named, a.attachment.ifname);
  }));
  a.call.timeline.set_master(ground.facts.master.name);
  MVR_TRY(refuse_taken_name(a, ground.facts.pod));
  a.elders = find_our_links(ground.facts.pod.links);
  const auto claims = find_claims(a, ground.facts.pod);
  ground.place = MVR_TRY(plan::plan_place(conf, ground.facts, a.attachment.ifname, claims));
  ground.link = plan_link(conf, ground.facts, a.attachment);
  const plan::DesiredShared shared = plan_shared(conf, ground.facts, ground.place);
  warn(a.call, shared.warnings);
  const RdmaClaim rdma = MVR_TRY(claim_rdma(a.call, a.netns, a.kernel, ground.facts));
  ground.record = make_record(a, ground);
  ground.record.rdma = rdma.device;
  ground.record.device_info_file = rdma.device ? conf.device_info_file : "";
  a.call.timeline.end_phase("observe");

  MVR_TRY(a.journal.write(ground.record));
  MVR_TRY(remove_leftover(a, ground));
  const std::string overlay = ground.facts.overlay ? ground.facts.overlay->link.name : "";
  MVR_TRY(a.shared.run(
      plan::routing_steps(shared.routing, ground.facts.pod, {ground.place.overlay_table}, overlay),
      a.call.budget));
  MVR_TRY(place_on_vlan(a, ground));
  MVR_TRY(a.link.run({plan::CreateLink{ground.link}}, a.call.budget));
  return ground;
}

/// What a NIC is set to once its MAC is known.
net::LinkChange make_change(const Ground& ground, net::IfIndex index) {
  net::LinkChange change;
  change.index = index;
  change.promisc = ground.link.promisc;
  change.allmulti = ground.link.allmulti;
  change.up = true;
  return change;
}

/// The link as the kernel made it, then its sysctls, name and state. One whose MAC is to come from
/// its address stays down for now.
Result<net::Link> raise_link(Attempt& a, const Ground& ground) {
  const std::string& temporary = ground.link.spec.name;
  auto link = MVR_TRY(a.kernel.read_link(plan::Where::pod, temporary));
  if (!link || !link->mac) {
    return fail(Code::link_failed, "the new link " + temporary + " has vanished from the pod");
  }
  net::LinkChange change = make_change(ground, link->index);
  change.name = ground.link.name;
  change.alias = ground.link.alias;
  change.up = !a.call.conf.mac_prefix;
  MVR_TRY(a.link.run({plan::SetSysctls{sysctls_of(ground.link, temporary)},
                      plan::ChangeLink{change, ground.link.name, link->mac}},
                     a.call.budget));
  a.call.timeline.end_phase("link");
  return *std::move(link);
}

/// `podMACPrefix`: the MAC comes with the first address, and the link is up after that.
Result<void> set_mac(Attempt& a, const Ground& ground, const cni::AddResult& ipam,
                     net::Link& link) {
  if (!a.call.conf.mac_prefix) {
    return {};
  }
  net::LinkChange change = make_change(ground, link.index);
  change.mac = MVR_TRY(plan::make_mac(*a.call.conf.mac_prefix, ipam));
  link.mac = change.mac;
  return a.link.run({plan::ChangeLink{change, ground.link.name, link.mac}}, a.call.budget);
}

/// A plugin that never ran has nothing to take back.
bool could_not_execute(const Error& error) {
  return error.code == Code::ipam_failed && error.sys_errno != 0;
}

Result<cni::AddResult> ask_ipam(Attempt& a) {
  const cni::NetConf& conf = a.call.conf;
  if (conf.ipam_type.empty()) {
    return cni::AddResult{};
  }
  const auto plugin = MVR_TRY(find_ipam(a.call));
  auto result = plugin.add(a.call.config, conf.cni_version, a.call.budget);
  a.has_called_ipam = result || !could_not_execute(result.error());
  a.call.timeline.end_phase("ipam");
  return result;
}

/// ADD's answer: what an earlier plugin of the chain has made, and our NIC.
cni::AddResult make_result(const Attempt& a, const net::Link& link, const cni::AddResult& ipam,
                           const plan::DesiredNic& nic) {
  cni::AddResult result = a.call.conf.prev_result.value_or(cni::AddResult{});
  const auto index = static_cast<std::uint32_t>(result.interfaces.size());
  result.interfaces.push_back({a.attachment.ifname, link.mac ? link.mac->to_string() : "", link.mtu,
                               a.call.env.netns, "", ""});
  const auto& gateways = nic.gateways;
  for (cni::IpConfig ip : ipam.ips) {
    const auto known = std::ranges::find(gateways, ip.address.address, &probe::Target::source);
    if (known != gateways.end()) {
      ip.gateway = known->gateway;  // IPAM may have named it in its default route only
    }
    ip.interface = index;
    result.ips.push_back(ip);
  }
  std::ranges::copy(nic.main_routes, std::back_inserter(result.routes));
  const bool has_own_dns = a.call.conf.dns != cni::Dns{};
  if (has_own_dns || ipam.dns != cni::Dns{}) {
    result.dns = has_own_dns ? a.call.conf.dns : ipam.dns;
  }
  return result;
}

Result<void> complete(Attempt& a, Ground& ground, const cni::AddResult& ipam) {
  ground.record.is_complete = true;
  if (!a.call.conf.ipam_type.empty()) {
    ground.record.ipam = ipam;
  }
  return a.journal.write(ground.record);
}

/// In exclusive mode: before the NIC has an address, so that the device sees its GIDs come.
Result<void> move_rdma(Attempt& a, const Ground& ground) {
  const auto& device = ground.record.rdma;
  if (!device) {
    return {};
  }
  a.call.timeline.set_rdma(device->name, device->port);
  if (!device->is_moved) {
    return {};
  }
  Result<void> moved =
      a.rdma.run({plan::MoveRdmaDevice{device->device, device->name}}, a.call.budget);
  a.call.timeline.end_phase("rdma");
  return moved;
}

/// Programs find their address in the device's table; it should be there when they start.
Result<void> find_gids(Attempt& a, Ground& ground, const std::vector<ip::Address>& addresses) {
  auto& device = ground.record.rdma;
  if (!device) {
    return {};
  }
  device->gid_indexes = MVR_TRY(wait_for_gids(a.call, a.netns, *device, addresses));
  a.call.timeline.set_gids(device->gid_indexes);
  a.call.timeline.end_phase("gid");
  return {};
}

std::vector<ip::Address> list_addresses(const plan::DesiredNic& nic) {
  std::vector<ip::Address> addresses;
  std::ranges::transform(nic.addresses, std::back_inserter(addresses),
                         [](const net::IfAddress& address) { return address.prefix.address; });
  return addresses;
}

/// The addresses that we probe for: IPv6's may be left to the kernel, or to nobody.
std::vector<ip::Address> list_probed(const cni::NetConf& conf, std::vector<ip::Address> addresses) {
  if (conf.ipv6.dad != cni::DadMode::probe) {
    std::erase_if(addresses,
                  [](const ip::Address& address) { return address.family() == ip::Family::v6; });
  }
  return addresses;
}

/// Until the kernel has looked for duplicates of the NIC's IPv6 addresses, those of others on the
/// NIC included: a route with a tentative source is refused.
Result<void> await_dad(Attempt& a, const net::Link& link) {
  constexpr std::chrono::milliseconds kLookAgain{10};
  for (;;) {
    bool is_waiting = false;
    for (const net::IfAddress& address :
         MVR_TRY(a.kernel.read_addresses(plan::Where::pod, ip::Family::v6, link.index))) {
      if (address.is_duplicate) {
        return fail(Code::address_conflict, "address " + address.prefix.address.to_string() +
                                                " is in use, the kernel has found (dad)");
      }
      is_waiting |= address.is_tentative;
    }
    if (!is_waiting) {
      return {};
    }
    MVR_TRY(a.call.budget.wait(-1, 0, Clock::now() + kLookAgain));
  }
}

Result<void> configure_addresses(Attempt& a, const net::Link& link, const plan::DesiredNic& nic) {
  MVR_TRY(a.network.run(address_steps(nic, a.attachment.ifname), a.call.budget));
  const bool has_dad = std::ranges::any_of(nic.addresses, [](const net::IfAddress& address) {
    return address.prefix.family() == ip::Family::v6 && !address.has_no_dad;
  });
  return has_dad ? await_dad(a, link) : Result<void>();
}

/// `podDefaultRouteNic`: this NIC's default is in main by now; the overlay NIC's, of which T0 has a
/// copy, goes.
Result<void> take_default(Attempt& a, const Ground& ground, const plan::DesiredNic& nic) {
  if (nic.default_families.empty() || !ground.facts.overlay) {
    return {};
  }
  const auto lock = MVR_TRY(state::ScopedLock::acquire(a.netns.pod->fd.get(), a.call.budget));
  return a.network.run(
      plan::takeover_steps(nic, MVR_TRY(plan::observe_pod(a.kernel)), *ground.facts.overlay),
      a.call.budget);
}

/// `hostRuleTable`. The journal knows the routes first: nothing in the kernel tells whose they are.
Result<void> route_on_node(Attempt& a, Ground& ground, const plan::DesiredNic& nic) {
  const plan::Routing wanted = plan_node(a.call.conf, ground.facts, nic);
  if (wanted.routes.empty()) {
    return {};
  }
  ground.record.host_rule_table = a.call.conf.host_rule_table;
  ground.record.node_routes = wanted.routes;
  MVR_TRY(a.journal.write(ground.record));
  return make_node_routes(a.call, a.kernel, wanted, a.node);
}

Result<void> make(Attempt& a) {
  Ground ground = MVR_TRY(prepare(a));
  net::Link link = MVR_TRY(raise_link(a, ground));
  const cni::AddResult ipam = MVR_TRY(ask_ipam(a));
  MVR_TRY(set_mac(a, ground, ipam, link));
  const plan::DesiredNic nic = MVR_TRY(
      plan_nic(a.call.conf, ground.facts, ground.place, link.index, a.attachment.ifname, ipam));
  warn(a.call, nic.warnings);
  const auto addresses = list_addresses(nic);
  Prober prober(a.call, a.netns, a.kernel, link, ground.facts.master);
  MVR_TRY(prober.start_conflicts(list_probed(a.call.conf, addresses)));
  MVR_TRY(move_rdma(a, ground));
  MVR_TRY(prober.finish_conflicts());
  a.call.timeline.end_phase("conflict");
  MVR_TRY(configure_addresses(a, link, nic));
  MVR_TRY(prober.probe_gateways(nic.gateways));
  a.call.timeline.end_phase("gateway");
  MVR_TRY(a.network.run(
      plan::routing_steps(nic.routing, ground.facts.pod, {ground.place.table}, a.attachment.ifname),
      a.call.budget));
  MVR_TRY(take_default(a, ground, nic));
  MVR_TRY(route_on_node(a, ground, nic));
  a.call.timeline.end_phase("routing");
  MVR_TRY(find_gids(a, ground, addresses));
  MVR_TRY(prober.announce(addresses));
  a.call.timeline.end_phase("announce");
  publish_device(a.call, ground.record);
  MVR_TRY(complete(a, ground, ipam));
  a.call.timeline.end_phase("journal");
  return a.call.print(format_result(make_result(a, link, ipam, nic), a.call.conf.cni_version));
}

/// What NICs share stays if another one has come meanwhile; the last one takes it along. The elders
/// do not need it: each has seen to its own part before.
Result<void> take_back_shared(Attempt& a, std::vector<Error>& errors) {
  const auto lock = lock_pod(a.call, *a.netns.pod);
  const auto nics = find_our_links(MVR_TRY(a.kernel.read_pod_links()));
  const auto is_elder = [&](net::IfIndex nic) {
    return std::ranges::find(a.elders, nic) != a.elders.end();
  };
  if (std::ranges::all_of(nics, is_elder)) {
    std::ranges::move(a.shared.undo(), std::back_inserter(errors));
  }
  if (nics.empty()) {  // the elders have gone, and left to us what they shared
    std::ranges::move(sweep(a.call, a.kernel), std::back_inserter(errors));
  }
  return {};
}

/// The device stays if other NICs of the pod have it as well, whoever has moved it.
Result<void> take_back_rdma(Attempt& a, std::vector<Error>& errors) {
  if (!has_moved_rdma(a.journal.record())) {
    return {};
  }
  const auto lock = lock_pod(a.call, *a.netns.pod);
  if (MVR_TRY(release_rdma(a.call, a.journal))) {
    // The step also when it was not ours: the NIC that moved the device may have gone since.
    const state::RdmaRecord& device = *a.journal.record()->rdma;
    MVR_TRY(plan::apply(a.kernel, plan::ReturnRdmaDevice{device.device, device.name}));
    std::vector<Error> failed = a.rdma.undo();
    if (failed.empty()) {
      return disclaim_rdma(a.journal);
    }
    std::ranges::move(failed, std::back_inserter(errors));
  }
  return {};
}

/// Backwards through what was done. The first error stays the answer; what goes wrong here is
/// logged and leaves the journal, so that DEL or the next ADD can finish.
void take_back(Attempt& a) {
  const Budget budget = Budget::grace(kGrace);
  std::vector<Error> errors;
  const auto note = [&](Result<void> done) {
    if (!done) {
      errors.push_back(std::move(done).error());
    }
  };
  const auto release = [&] {
    if (std::exchange(a.has_called_ipam, false)) {
      note(call_ipam(a.call, "DEL", budget));
    }
  };
  if (releases_over_link(a.call.conf)) {
    release();
  }
  const auto give_back = [&](auto release_on_node) {
    if (a.journal.record()) {
      std::ranges::move(release_on_node(a.call, a.kernel, *a.journal.record()),
                        std::back_inserter(errors));
    }
  };
  give_back(release_node_routes);
  std::ranges::move(a.network.undo(), std::back_inserter(errors));
  note(take_back_rdma(a, errors));
  release();
  std::ranges::move(a.link.undo(), std::back_inserter(errors));
  note(take_back_shared(a, errors));
  give_back(release_vlan);
  if (a.journal.record()) {
    note(withdraw_device(*a.journal.record()));
  }
  if (errors.empty()) {
    note(a.journal.remove());
  }
  for (const Error& error : errors) {
    a.call.log.line(LogLevel::error, "undo: " + error.msg, {{"details", error.details}});
  }
  a.call.timeline.end_phase("undo");
}

}  // namespace

Result<void> add(const Call& call) {
  const Namespaces netns = MVR_TRY(open_namespaces(call));
  state::Journal journal =
      MVR_TRY(state::Journal::open(call.conf.state_dir, call.attachment(), call.budget));
  const auto kernel = MVR_TRY(plan::open_linux_kernel(netns.host, *netns.pod));
  MVR_TRY(heal(call, netns, journal, *kernel));
  const plan::OnStep on_step = [&](const Step& step, std::chrono::microseconds took,
                                   const Result<void>& done) {
    call.timeline.step(describe(step), took, done);
  };
  Attempt attempt{.call = call,
                  .attachment = call.attachment(),
                  .netns = netns,
                  .journal = journal,
                  .kernel = *kernel,
                  .shared = {*kernel, on_step},
                  .link = {*kernel, on_step},
                  .rdma = {*kernel, on_step},
                  .network = {*kernel, on_step},
                  .node = {*kernel, on_step}};
  Result<void> made = make(attempt);
  if (!made) {
    call.timeline.end_phase("failed");
    take_back(attempt);
  }
  return made;
}

}  // namespace mvr::plugin
