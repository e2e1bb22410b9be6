// SPDX-License-Identifier: Apache-2.0
// ADD, before IPAM is asked.
#include <algorithm>

#include "plugin/attempt.hpp"
#include "plugin/node.hpp"
#include "plugin/rdma.hpp"

namespace mvr::plugin {
namespace {

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
Result<std::vector<std::uint32_t>> find_claims(const Attempt& a, const plan::PodState& pod) {
  std::vector<std::uint32_t> claims;
  if (!has_unfinished_nics(pod)) {
    return claims;
  }
  for (const state::Record& record : MVR_TRY(state::read_records(a.call.conf.state_dir))) {
    const bool is_other = record.attachment != a.attachment && record.table != 0;
    // A dead pod may have had the same number, but not at a path that still leads here.
    if (is_other && record.netns == a.netns.pod->id &&
        MVR_TRY(reopen(record.netns_path, record.netns))) {
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

/// What GC will need for IPAM. A text beyond all reason is not kept: with all of its characters
/// escaped it could make the journal longer than is read.
std::optional<state::Request> make_request(const Call& call) {
  constexpr std::size_t kLongest = 128UL * 1024;
  state::Request request{call.config, call.env.path, call.env.raw_args};
  const std::size_t size = request.config.size() + request.path.size() + request.args.size();
  return size <= kLongest ? std::optional(std::move(request)) : std::nullopt;
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
  record.request = make_request(a.call);
  if (ground.place.is_routed && ground.facts.overlay) {
    record.default_families = plan::find_default_families(ground.facts.pod, *ground.facts.overlay);
  }
  if (a.call.conf.vlan != 0) {
    record.vlan = {ground.facts.master.lower, static_cast<std::uint16_t>(a.call.conf.vlan)};
  }
  const cni::Args& args = a.call.env.args;
  record.pod = args.pod_name.empty() ? "" : args.pod_namespace + '/' + args.pod_name;
  return record;
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

}  // namespace

Result<state::ScopedLock> lock_netns(const Attempt& a) {
  const net::Netns& pod = *a.netns.pod;
  return in("lock netns " + pod.path, state::ScopedLock::acquire(pod.fd.get(), a.call.budget));
}

void warn(const Call& call, const std::vector<std::string>& warnings) {
  for (const std::string& warning : warnings) {
    call.log.line(LogLevel::warn, warning);
  }
}

Result<void> write_journal(Attempt& a, const state::Record& record, const std::string& why) {
  if (a.rehearsal != nullptr) {
    const std::string path = state::journal_path(a.call.conf.state_dir, a.attachment);
    a.rehearsal->tell("journal", "write " + path + ": " + why);
    return {};
  }
  return a.journal.write(record);
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

// The new link itself is the claim that others see. The shared routes come before the NIC has an
// address, so that cluster traffic never takes the rail.
Result<Ground> prepare(Attempt& a) {
  const auto lock = MVR_TRY(lock_netns(a));
  const cni::NetConf& conf = a.call.conf;
  Ground ground;
  ground.facts = MVR_TRY(look_for_master(conf, [&](const cni::NetConf& named) {
    return plan::observe(a.kernel, named, a.attachment.ifname);
  }));
  a.call.timeline.set_master(ground.facts.master.name);
  MVR_TRY(refuse_taken_name(a, ground.facts.pod));
  a.elders = find_our_links(ground.facts.pod.links);
  const auto claims = MVR_TRY(find_claims(a, ground.facts.pod));
  ground.place = MVR_TRY(plan::plan_place(conf, ground.facts, a.attachment.ifname, claims));
  ground.link = plan_link(conf, ground.facts, a.attachment);
  const plan::DesiredShared shared = plan_shared(conf, ground.facts, ground.place);
  warn(a.call, shared.warnings);
  const RdmaClaim rdma = MVR_TRY(claim_rdma(a.call, a.netns, a.kernel, ground.facts));
  ground.record = make_record(a, ground);
  ground.record.rdma = rdma.device;
  ground.record.device_info_file = rdma.device ? conf.device_info_file : "";
  a.call.timeline.end_phase("observe");

  MVR_TRY(write_journal(a, ground.record, "what DEL will need"));
  MVR_TRY(remove_leftover(a, ground));
  const std::string overlay = ground.facts.overlay ? ground.facts.overlay->link.name : "";
  MVR_TRY(a.shared.run(
      plan::routing_steps(shared.routing, ground.facts.pod, {ground.place.overlay_table}, overlay),
      a.call.budget));
  MVR_TRY(place_on_vlan(a, ground));
  MVR_TRY(a.link.run({plan::CreateLink{ground.link}}, a.call.budget));
  return ground;
}

}  // namespace mvr::plugin
