// SPDX-License-Identifier: Apache-2.0
// ADD: read `make` from top to bottom.
#include <algorithm>
#include <exception>

#include "mvr/base/text.hpp"
#include "plugin/addresses.hpp"
#include "plugin/attempt.hpp"
#include "plugin/delegate.hpp"
#include "plugin/node.hpp"
#include "plugin/probing.hpp"
#include "plugin/rdma.hpp"

namespace mvr::plugin {
namespace {

/// The flags come before `up`: of a passthru NIC that is up already the kernel (6.18) counts
/// allmulti for its master, and forgets to take it back.
std::vector<plan::Step> flag_steps(const Ground& ground, net::IfIndex index) {
  net::LinkChange change;
  change.index = index;
  change.promisc = ground.link.promisc;
  change.allmulti = ground.link.allmulti;
  const bool has_flags = change.promisc || change.allmulti;
  return has_flags ? std::vector<plan::Step>{plan::ChangeLink{change}} : std::vector<plan::Step>();
}

/// The link as the kernel made it, then its sysctls, name and state. One whose MAC is to come from
/// its address stays down for now.
Result<net::Link> raise_link(Attempt& a, const Ground& ground) {
  const std::string& temporary = ground.link.spec.name;
  auto link = MVR_TRY(a.kernel.read_link(plan::Where::pod, temporary));
  if (!link || !link->mac) {
    return fail(Code::link_failed, "the new link " + temporary + " has vanished from the pod");
  }
  net::LinkChange change;
  change.index = link->index;
  change.name = ground.link.name;
  change.alias = ground.link.alias;
  change.up = !a.call.conf.mac_prefix;
  MVR_TRY(a.link.run(flag_steps(ground, link->index), a.call.budget));
  MVR_TRY(a.link.run(
      {plan::SetSysctls{sysctls_of(ground.link, temporary)}, plan::ChangeLink{change, link->mac}},
      a.call.budget));
  a.call.timeline.end_phase("link");
  return *std::move(link);
}

/// `podMACPrefix`: the MAC comes with the first address, and the link is up after that.
Result<void> set_mac(Attempt& a, const cni::AddResult& ipam, net::Link& link) {
  if (!a.call.conf.mac_prefix) {
    return {};
  }
  net::LinkChange change;
  change.index = link.index;
  change.mac = MVR_TRY(plan::make_mac(*a.call.conf.mac_prefix, ipam));
  change.up = true;
  link.mac = change.mac;
  return a.link.run({plan::ChangeLink{change, link.mac}}, a.call.budget);
}

/// A plugin that never ran has nothing to take back.
bool could_not_execute(const Error& error) {
  return error.code == Code::ipam_failed && error.sys_errno != 0;
}

/// True for the plugin's own error document, whose number it keeps. These three are ours: it was
/// killed or printed no answer, its time was used up, a pipe broke. A lease may be there then.
bool is_refusal(const Error& error) {
  return error.code != Code::ipam_failed && error.code != Code::interrupted &&
         error.code != Code::io;
}

std::string describe_addresses(const cni::AddResult& ipam) {
  std::vector<std::string> texts;
  std::ranges::transform(ipam.ips, std::back_inserter(texts), [](const cni::IpConfig& ip) {
    return ip.address.to_string() + (ip.gateway ? " via " + ip.gateway->to_string() : "");
  });
  return texts.empty() ? "none" : join(texts, ", ");
}

Result<cni::AddResult> ask_ipam(Attempt& a) {
  const cni::NetConf& conf = a.call.conf;
  if (conf.ipam_type.empty()) {
    return cni::AddResult{};
  }
  if (a.rehearsal != nullptr) {
    a.rehearsal->tell("ipam", "ask " + conf.ipam_type + " for addresses; taken for granted: " +
                                  describe_addresses(a.rehearsal->addresses));
    return a.rehearsal->addresses;
  }
  const auto plugin = MVR_TRY(find_ipam(a.call));
  a.has_called_ipam = true;
  auto result = plugin.add(a.call.config, conf.cni_version, a.call.budget);
  a.has_called_ipam = result || !could_not_execute(result.error());
  a.has_ipam_refused = !result && is_refusal(result.error());
  a.call.timeline.end_phase("ipam");
  return result ? std::move(result)
                : fail(ipam::explain_refusal(conf.ipam_type, std::move(result).error()));
}

void append_new(std::vector<std::string>& texts, const std::vector<std::string>& more) {
  for (const std::string& text : more) {
    if (std::ranges::find(texts, text) == texts.end()) {
      texts.push_back(text);
    }
  }
}

/// Behind that of an earlier plugin, whose domain stays: there is only one.
void append_dns(cni::Dns& dns, const cni::Dns& ours) {
  append_new(dns.nameservers, ours.nameservers);
  append_new(dns.search, ours.search);
  append_new(dns.options, ours.options);
  dns.domain = dns.domain.empty() ? ours.domain : dns.domain;
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
  append_dns(result.dns, a.call.conf.dns != cni::Dns{} ? a.call.conf.dns : ipam.dns);
  return result;
}

Result<void> complete(Attempt& a, Ground& ground, const net::Link& link,
                      const cni::AddResult& ipam) {
  ground.record.is_complete = true;
  ground.record.mac = link.mac;
  ground.record.mtu = link.mtu;
  if (!a.call.conf.ipam_type.empty()) {
    ground.record.ipam = ipam;
  }
  return write_journal(a, ground.record, "the NIC is complete");
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
  if (a.rehearsal != nullptr) {
    a.rehearsal->tell("rdma", "wait for the addresses' GIDs in the table of " + device->name +
                                  " port " + std::to_string(device->port) + ", at most " +
                                  std::to_string(a.call.conf.rdma.gid_timeout.count()) + " ms");
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

/// The node's own addresses cannot be found by a probe: what a macvlan sends does not reach the
/// stack of its master.
Result<void> refuse_node_address(const Call& call, const plan::Facts& facts,
                                 const std::vector<ip::Address>& addresses) {
  const auto own = std::ranges::find_first_of(addresses, facts.host_addresses);
  const cni::ProbePolicy policy = call.conf.conflict_probe.policy;
  if (own == addresses.end() || policy == cni::ProbePolicy::off) {
    return {};
  }
  const std::string text = "address " + own->to_string() + " is in use by the node itself";
  if (policy == cni::ProbePolicy::fail) {
    return fail(Code::address_conflict, text);
  }
  call.log.line(LogLevel::warn, text);
  return {};
}

/// The addresses that we probe for: IPv6's may be left to the kernel, or to nobody.
std::vector<ip::Address> list_probed(const cni::NetConf& conf, std::vector<ip::Address> addresses) {
  if (conf.ipv6.dad != cni::DadMode::probe) {
    std::erase_if(addresses,
                  [](const ip::Address& address) { return address.family() == ip::Family::v6; });
  }
  return addresses;
}

/// `podDefaultRouteNic`: this NIC's default is in main by now; the overlay NIC's, of which T0 has a
/// copy, goes. The journal knows it first, as it is at this moment: it may have come, gone or
/// changed while IPAM worked, and no default that somebody else removes is ours to bring back.
Result<void> take_default(Attempt& a, Ground& ground, const plan::DesiredNic& nic) {
  if (nic.default_families.empty() || !ground.facts.overlay) {
    return {};
  }
  const auto lock = MVR_TRY(lock_netns(a));
  const auto steps =
      plan::takeover_steps(nic, MVR_TRY(plan::observe_pod(a.kernel)), *ground.facts.overlay);
  if (steps.empty()) {
    return {};
  }
  for (const plan::Step& step : steps) {
    ground.record.overlay_defaults.push_back(std::get<plan::ChangeRoute>(step).route);
  }
  MVR_TRY(write_journal(a, ground.record, "main's default, which DEL will bring back"));
  return a.network.run(steps, a.call.budget);
}

/// `hostRuleTable`. The journal knows the routes first: nothing in the kernel tells whose they are.
Result<void> route_on_node(Attempt& a, Ground& ground, const plan::Routing& wanted) {
  if (wanted.routes.empty()) {
    return {};
  }
  ground.record.host_rule_table = a.call.conf.host_rule_table;
  ground.record.node_routes = wanted.routes;
  MVR_TRY(write_journal(a, ground.record, "the routes on the node"));
  return make_node_routes(a.call, a.kernel, wanted, a.node);
}

/// The device information, where the runtime wants it.
void publish(const Attempt& a, const Ground& ground) {
  if (a.rehearsal == nullptr) {
    publish_device(a.call, ground.record);
  } else if (!ground.record.device_info_file.empty()) {
    a.rehearsal->tell("file", "write " + ground.record.device_info_file);
  }
}

void append_line(std::string& text, const std::string& line) {
  text += (text.empty() ? "" : "\n") + line;
}

/// No memory, most likely. What has been made is taken back all the same.
Result<void> make_or_fail(Attempt& a) {
  try {
    return make(a);
  } catch (const std::exception& exception) {
    return fail(Code::io, std::string("internal error: ") + exception.what());
  }
}

}  // namespace

Result<void> make(Attempt& a) {
  Ground ground = MVR_TRY(prepare(a));
  net::Link link = MVR_TRY(raise_link(a, ground));
  const cni::AddResult ipam = MVR_TRY(ask_ipam(a));
  MVR_TRY(set_mac(a, ipam, link));
  const plan::DesiredNic nic = MVR_TRY(
      plan_nic(a.call.conf, ground.facts, ground.place, link.index, a.attachment.ifname, ipam));
  const plan::Routing on_node = MVR_TRY(plan_node(a.call.conf, ground.facts, nic));
  warn(a.call, nic.warnings);
  const auto addresses = list_addresses(nic);
  MVR_TRY(refuse_node_address(a.call, ground.facts, addresses));
  Prober prober(a, link, ground.facts.master);
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
  MVR_TRY(route_on_node(a, ground, on_node));
  a.call.timeline.end_phase("routing");
  MVR_TRY(await_reception(a, addresses));
  MVR_TRY(find_gids(a, ground, addresses));
  prober.announce(addresses);
  a.call.timeline.end_phase("announce");
  publish(a, ground);
  MVR_TRY(complete(a, ground, link, ipam));
  a.call.timeline.end_phase("journal");
  return a.call.print(format_result(make_result(a, link, ipam, nic), a.call.conf.cni_version));
}

Attempt make_attempt(const Call& call, const Namespaces& netns, state::Journal& journal,
                     plan::Kernel& kernel, const plan::OnStep& on_step) {
  return {.call = call,
          .attachment = call.attachment(),
          .netns = netns,
          .journal = journal,
          .kernel = kernel,
          .shared = {kernel, on_step},
          .link = {kernel, on_step},
          .rdma = {kernel, on_step},
          .network = {kernel, on_step},
          .node = {kernel, on_step}};
}

Result<void> add(const Call& call) {
  const Namespaces netns = MVR_TRY(open_namespaces(call));
  state::Journal journal =
      MVR_TRY(state::Journal::open(call.conf.state_dir, call.attachment(), call.budget));
  MVR_TRY(heal(call, netns.host, journal));
  const auto kernel = MVR_TRY(plan::open_linux_kernel(netns.host, *netns.pod));
  const plan::OnStep on_step = [&](const plan::Step& step, std::chrono::microseconds took,
                                   const Result<void>& done) {
    call.timeline.step(describe(step), took, done);
  };
  Attempt attempt = make_attempt(call, netns, journal, *kernel, on_step);
  Result<void> made = make_or_fail(attempt);
  if (!made) {
    call.timeline.end_phase("failed");
    for (const Error& left : take_back(attempt)) {
      append_line(made.error().details, "left behind, for DEL to remove: " + left.msg);
    }
  }
  return made;
}

}  // namespace mvr::plugin
