// SPDX-License-Identifier: Apache-2.0
#include "support/unit_pod.hpp"

#include <net/if_arp.h>

#include <algorithm>

namespace mvr::test {
namespace {

constexpr std::uint8_t kProtocolBoot = 3;

void add_host(World& world) {
  world.host_links = {ethernet(2, "bond0"), ethernet(11, "enp11s0f0np0", 9000),
                      ethernet(12, "enp12s0f0np0", 9000)};
  world.host_addresses = {address_of(net::IfIndex{2}, "10.1.20.4/16")};
  world.host_routes = {foreign_route("0.0.0.0/0", "10.1.0.1", net::IfIndex{2}),
                       foreign_route("10.1.0.0/16", "", net::IfIndex{2})};
  world.devices = {{"0000:0b:00.0", {"enp11s0f0np0"}}, {"mlx5_core.sf.4", {"enp12s0f0np0"}}};
}

void add_empty_pod(World& world) {
  net::Link lo = ethernet(1, "lo", 65536);
  lo.arp_type = ARPHRD_LOOPBACK;
  lo.mac.reset();
  world.pod_links = {lo};
  world.pod_rules = {rule_of(net::kProtocolKernel, "", "", net::kTableLocal, 0),
                     rule_of(net::kProtocolKernel, "", "", net::kTableMain, 32766),
                     rule_of(net::kProtocolKernel, "", "", net::kTableDefault, 32767)};
}

}  // namespace

ip::Address addr(const std::string& text) {
  const auto address = ip::Address::parse(text);
  REQUIRE(address);
  return *address;
}

ip::Prefix prefix(const std::string& text) {
  const auto prefix = ip::Prefix::parse(text);
  REQUIRE(prefix);
  return *prefix;
}

ip::Mac mac(const std::string& text) {
  const auto mac = ip::Mac::parse(text);
  REQUIRE(mac);
  return *mac;
}

net::Link ethernet(int index, const std::string& name, std::uint32_t mtu) {
  net::Link link;
  link.index = net::IfIndex{index};
  link.name = name;
  const std::array<std::uint8_t, 6> bytes{2, 0, 0, 0, 0, static_cast<std::uint8_t>(index)};
  link.mac = ip::Mac::from_bytes(bytes);
  link.mtu = mtu;
  link.arp_type = ARPHRD_ETHER;
  link.is_up = true;
  link.is_running = true;
  return link;
}

net::Link our_macvlan(int index, const std::string& name) {
  net::Link link = ethernet(index, name);
  link.kind = "macvlan";
  link.macvlan = net::MacvlanInfo{};
  link.group = net::kOurMark;
  return link;
}

net::IfAddress address_of(net::IfIndex nic, const std::string& text) {
  net::IfAddress address;
  address.index = nic;
  address.prefix = prefix(text);
  return address;
}

net::Route foreign_route(const std::string& dst, const std::string& gateway, net::IfIndex nic) {
  net::Route route;
  route.dst = prefix(dst);
  if (!gateway.empty()) {
    route.gateway = addr(gateway);
  }
  route.nic = nic;
  route.protocol = kProtocolBoot;
  return route;
}

net::Rule rule_of(std::uint8_t protocol, const std::string& from, const std::string& oif,
                  std::uint32_t table, std::uint32_t priority) {
  net::Rule rule;
  if (!from.empty()) {
    rule.from = prefix(from);
  }
  rule.oif = oif;
  rule.table = table;
  rule.priority = priority;
  rule.protocol = protocol;
  return rule;
}

World calico_world() {
  World world = plain_world();
  world.pod_links.push_back(ethernet(to_int(kEth0), "eth0", 1450));
  world.pod_addresses = {address_of(kEth0, "10.233.119.164/32")};
  world.pod_routes = {foreign_route("0.0.0.0/0", "169.254.1.1", kEth0),
                      foreign_route("169.254.1.1/32", "", kEth0)};
  return world;
}

World plain_world() {
  World world;
  add_host(world);
  add_empty_pod(world);
  return world;
}

plan::PodState pod_of(const World& world) {
  return {world.pod_links, world.pod_addresses, world.pod_routes, world.pod_rules};
}

plan::Facts facts_of(const World& world, const std::string& ifname) {
  plan::Facts facts;
  facts.master = world.host_links.at(1);
  facts.host_addresses = {addr("10.1.20.4")};
  facts.pod = pod_of(world);
  facts.overlay = plan::find_overlay(facts.pod, "eth0", ifname);
  facts.has_other_nics = std::ranges::any_of(facts.pod.links, [&](const net::Link& link) {
    return net::is_ours(link) && link.name != ifname;
  });
  return facts;
}

cni::NetConf rail_conf() {
  cni::NetConf conf;
  conf.cni_version = {1, 0, 0};
  conf.name = "gpu1-macvlan";
  conf.type = "macvlan-rdma";
  conf.master = {"enp11s0f0np0"};
  conf.ipam_type = "host-local";
  conf.service_cidr = {prefix("10.233.0.0/18")};
  conf.overlay_pod_cidr = {prefix("10.233.64.0/18")};
  conf.hijack_cidr = {prefix("169.254.0.0/16")};
  return conf;
}

cni::AddResult rail_lease() {
  cni::AddResult lease;
  lease.ips = {{prefix("172.16.11.10/24"), addr("172.16.11.254"), std::nullopt}};
  return lease;
}

state::Attachment rail_attachment(const std::string& ifname) {
  return {"gpu1-macvlan", "0123abcd", ifname};
}

plan::Place rail_place() {
  return {true, 101, 32101, 100};
}

std::vector<std::string> texts(const std::vector<net::Route>& routes, const plan::Facts& facts) {
  std::vector<std::string> all;
  for (const net::Route& route : routes) {
    all.push_back(describe(route, route.nic == kNet1 ? "net1" : facts.pod.name_of(route.nic)));
  }
  return all;
}

std::vector<std::string> texts(const std::vector<net::Rule>& rules) {
  std::vector<std::string> all;
  for (const net::Rule& rule : rules) {
    all.push_back(describe(rule));
  }
  return all;
}

bool has_all(const std::string& text, const std::vector<std::string>& parts) {
  return std::ranges::all_of(
      parts, [&](const std::string& part) { return text.find(part) != std::string::npos; });
}

}  // namespace mvr::test
