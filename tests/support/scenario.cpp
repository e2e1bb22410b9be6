// SPDX-License-Identifier: Apache-2.0
#include "support/scenario.hpp"

#include "support/namespaces.hpp"
#include "support/scenario_v6.hpp"
#include "support/shell.hpp"

namespace mvr::test {

namespace {

/// Forwards, and answers ARP on each interface for that interface's addresses only: the gateways of
/// all rails live in one namespace, where Linux would answer for any of them on every rail.
void make_router(const std::string& netns) {
  put_sysctl(netns, "ipv4/ip_forward", "1");
  put_sysctl(netns, "ipv4/conf/all/arp_ignore", "1");
  put_sysctl(netns, "ipv4/conf/all/arp_announce", "2");
}

void build_management() {
  add_netns(kOutside);
  ip_batch("",
           "link add eno1 type veth peer name node netns outside\n"
           "addr add 10.1.20.4/16 dev eno1\n"
           "link set eno1 up\n");
  ip_batch(kOutside,
           "addr add 10.1.0.1/16 dev node\n"
           "link set node up\n"
           "route add 10.0.1.0/24 via 10.1.20.4\n"
           "route add 10.233.64.0/18 via 10.1.20.4\n"
           "route add 10.244.0.0/16 via 10.1.20.4\n");
  ip_batch("", "route add default via 10.1.0.1\n");
  put_sysctl("", "ipv4/ip_forward", "1");
}

void build_far_network() {
  add_netns(kGateways);
  add_netns(kFar);
  make_router(kGateways);
  ip_batch(kGateways,
           "link add far type veth peer name gateways netns far\n"
           "addr add 192.168.100.1/24 dev far\n"
           "link set far up\n");
  ip_batch(kFar,
           "addr add 192.168.100.2/24 dev gateways\n"
           "link set gateways up\n"
           "route add default via 192.168.100.1\n");
}

void build_rails(const ScenarioOptions& options) {
  std::string node;
  std::string gateways;
  for (int n = 1; n <= options.rails; ++n) {
    const auto special = options.mtu.find(n);
    const std::string mtu = std::to_string(special == options.mtu.end() ? 1500 : special->second);
    const std::string master = rail_master(n);
    const std::string nic = rail_gateway_nic(n);
    node += "link add " + master + " mtu " + mtu + " type veth peer name " + nic + " mtu " + mtu +
            " netns gateways\nlink set " + master + " up\n";
    gateways += "addr add " + rail_gateway(n) + "/24 dev " + nic + "\nlink set " + nic + " up\n";
  }
  ip_batch("", node);
  ip_batch(kGateways, gateways);
}

Pod pod_for(Overlay overlay, int index) {
  const std::string number = std::to_string(index);
  switch (overlay) {
    case Overlay::calico:
      return {.address = "10.233.119." + std::to_string(164 + index),
              .next_hop = "169.254.1.1",
              .host_nic = "cali" + number};
    case Overlay::flannel:
      return {.address = "10.244.1." + std::to_string(5 + index),
              .next_hop = "10.244.1.1",
              .host_nic = "veth" + number};
    case Overlay::cilium:
      return {.address = "10.0.1." + std::to_string(23 + index),
              .next_hop = "10.0.1.1",
              .host_nic = "lxc" + number};
    case Overlay::none:
      break;
  }
  return {};
}

void build_veth(const Pod& pod) {
  ip_batch("", "link add " + pod.host_nic + " type veth peer name eth0 netns " + pod.name +
                   "\nlink set " + pod.host_nic + " up\n");
}

/// Next hop that exists nowhere: the node answers ARP for it by proxy.
void build_calico(const Pod& pod) {
  build_veth(pod);
  const std::string conf = "ipv4/conf/" + pod.host_nic + "/proxy_arp";
  put_sysctl("", conf, "1");
  put_sysctl("", "ipv4/neigh/" + pod.host_nic + "/proxy_delay", "0");
  ip_batch("", "route add " + pod.address + " dev " + pod.host_nic + " scope link\n");
  ip_batch(pod.name, "addr add " + pod.address +
                         "/32 dev eth0\n"
                         "link set eth0 up\n"
                         "route add 169.254.1.1 dev eth0 scope link\n"
                         "route add default via 169.254.1.1 dev eth0\n");
}

/// A bridge on the node, and a route of Flannel's own to all pods.
void build_flannel(const Pod& pod) {
  if (run({.argv = {"ip", "link", "show", "cni0"}}).status != 0) {
    ip_batch("",
             "link add cni0 type bridge\n"
             "addr add 10.244.1.1/24 dev cni0\n"
             "link set cni0 up\n");
  }
  build_veth(pod);
  ip_batch("", "link set " + pod.host_nic + " master cni0\n");
  ip_batch(pod.name, "addr add " + pod.address +
                         "/24 dev eth0\n"
                         "link set eth0 up\n"
                         "route add default via 10.244.1.1 dev eth0\n"
                         "route add 10.244.0.0/16 via 10.244.1.1 dev eth0\n");
}

/// Next hop is an address of the node; the default route carries the overlay's MTU.
void build_cilium(const Pod& pod) {
  build_veth(pod);
  ip_batch("", "addr add 10.0.1.1/32 dev " + pod.host_nic + "\nroute add " + pod.address + " dev " +
                   pod.host_nic + " scope link\n");
  ip_batch(pod.name, "addr add " + pod.address +
                         "/32 dev eth0\n"
                         "link set eth0 up\n"
                         "route add 10.0.1.1 dev eth0 scope link\n"
                         "route add default via 10.0.1.1 dev eth0 mtu 1450\n");
}

}  // namespace

std::string rail_master(int n) {
  return "enp" + std::to_string(10 + n) + "s0f0np0";
}

std::string rail_gateway_nic(int n) {
  return "gw" + std::to_string(n);
}

std::string rail_gateway(int n) {
  return rail_address(n, 254);
}

std::string rail_address(int n, int host) {
  return "172.16." + std::to_string(10 + n) + "." + std::to_string(host);
}

std::string rail_subnet(int n) {
  return rail_address(n, 0) + "/24";
}

Scenario::Scenario(const ScenarioOptions& options) {
  isolate(options.host);
  build_management();
  build_far_network();
  build_rails(options);
  if (options.has_ipv6) {
    build_ipv6(options.rails);
  }
}

Pod Scenario::add_pod(const std::string& name, Overlay overlay, Families families) {
  const int index = pods_++;
  Pod pod = pod_for(overlay, index);
  pod.name = name;
  pod.netns = add_netns(name);
  switch (overlay) {
    case Overlay::calico:
      build_calico(pod);
      break;
    case Overlay::flannel:
      build_flannel(pod);
      break;
    case Overlay::cilium:
      build_cilium(pod);
      break;
    case Overlay::none:
      break;
  }
  if (families != Families::v4) {
    build_calico6(pod, families, index);
  }
  return pod;
}

void Scenario::silence_gateway(int n) {
  ip({"-n", kGateways, "link", "set", rail_gateway_nic(n), "arp", "off"});
}

void Scenario::wake_gateway(int n) {
  ip({"-n", kGateways, "link", "set", rail_gateway_nic(n), "arp", "on"});
}

}  // namespace mvr::test
