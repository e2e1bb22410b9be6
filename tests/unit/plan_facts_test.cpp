// SPDX-License-Identifier: Apache-2.0
#include <net/if_arp.h>

#include "mvr/plan/facts.hpp"
#include "support/fake_kernel.hpp"
#include "support/unit_pod.hpp"

using mvr::Code;
using mvr::Error;
using namespace mvr::plan;
using namespace mvr::test;
namespace net = mvr::net;
namespace cni = mvr::cni;

namespace {

using Names = std::vector<std::string>;

cni::NetConf with_master(Names names) {
  cni::NetConf conf = rail_conf();
  conf.master = std::move(names);
  return conf;
}

std::string master_of(const cni::NetConf& conf, const World& world = calico_world()) {
  FakeKernel kernel(world);
  return unwrap(find_master(kernel, conf)).name;
}

Error refusal(const cni::NetConf& conf, const World& world = calico_world()) {
  FakeKernel kernel(world);
  return refused(find_master(kernel, conf));
}

std::string overlay_of(const World& world, const std::string& wanted = "eth0",
                       const std::string& ifname = "net1") {
  const auto overlay = find_overlay(pod_of(world), wanted, ifname);
  return overlay ? overlay->link.name : "";
}

}  // namespace

TEST_CASE("the first master of a list that exists is taken", "[facts]") {
  CHECK(master_of(with_master({"enp11s0f0np0"})) == "enp11s0f0np0");
  CHECK(master_of(with_master({"ens1", "enp12s0f0np0", "enp11s0f0np0"})) == "enp12s0f0np0");
}

TEST_CASE("masters that do not exist are all named", "[facts]") {
  const Error error = refusal(with_master({"ens1", "ens2"}));
  CHECK(error.code == Code::master_unusable);
  CHECK(has_all(error.msg, {"ens1", "ens2", "no such interface"}));
}

TEST_CASE("a master may be given as a PCI address", "[facts]") {
  CHECK(master_of(with_master({"0000:0b:00.0"})) == "enp11s0f0np0");
  CHECK(master_of(with_master({"0000:ff:00.0", "0000:0b:00.0"})) == "enp11s0f0np0");
  const Error error = refusal(with_master({"0000:ff:00.0"}));
  CHECK(error.code == Code::master_unusable);
  CHECK(has_all(error.msg, {"0000:ff:00.0", "device"}));
}

TEST_CASE("without a master the allotted device is taken", "[facts]") {
  cni::NetConf conf = with_master({});
  conf.device_id = "0000:0b:00.0";
  CHECK(master_of(conf) == "enp11s0f0np0");
  conf.device_id = "mlx5_core.sf.4";
  CHECK(master_of(conf) == "enp12s0f0np0");
  conf.device_id = "0000:ff:00.0";
  CHECK(refusal(conf).code == Code::master_unusable);
  CHECK(has_all(refusal(conf).msg, {"deviceID", "0000:ff:00.0"}));
}

TEST_CASE("a master comes before the allotted device", "[facts]") {
  cni::NetConf conf = with_master({"enp12s0f0np0"});
  conf.device_id = "0000:0b:00.0";
  CHECK(master_of(conf) == "enp12s0f0np0");
}

TEST_CASE("without master and device the default route's interface is taken", "[facts]") {
  CHECK(master_of(with_master({})) == "bond0");
  World world = calico_world();
  world.host_routes.erase(world.host_routes.begin());
  const Error error = refusal(with_master({}), world);
  CHECK(error.code == Code::master_unusable);
  CHECK(has_all(error.msg, {"master", "default route"}));
}

TEST_CASE("a route that is no default does not name a master", "[facts]") {
  World world = calico_world();
  world.host_routes = {foreign_route("240.0.0.0/4", "", net::IfIndex{2})};
  CHECK(refusal(with_master({}), world).code == Code::master_unusable);
}

TEST_CASE("a master in the pod is looked up there", "[facts]") {
  cni::NetConf conf = with_master({"eth0"});
  conf.link_in_container = true;
  CHECK(master_of(conf) == "eth0");
  conf.master = {"enp11s0f0np0"};
  CHECK(has_all(refusal(conf).msg, {"enp11s0f0np0", "pod"}));
  conf.master.clear();
  CHECK(master_of(conf) == "eth0");
}

TEST_CASE("a master that is no Ethernet is refused", "[facts]") {
  World world = calico_world();
  world.host_links[1].arp_type = ARPHRD_INFINIBAND;
  Error error = refusal(rail_conf(), world);
  CHECK(error.code == Code::master_unusable);
  CHECK(has_all(error.msg, {"enp11s0f0np0", "InfiniBand"}));
  world.host_links[1].arp_type = ARPHRD_NONE;
  error = refusal(rail_conf(), world);
  CHECK(error.code == Code::master_unusable);
  CHECK(has_all(error.msg, {"enp11s0f0np0", "65534"}));
}

TEST_CASE("an MTU above the master's is refused and both are named", "[facts]") {
  cni::NetConf conf = rail_conf();
  conf.mtu = 9000;
  CHECK(master_of(conf) == "enp11s0f0np0");
  conf.mtu = 9001;
  const Error error = refusal(conf);
  CHECK(error.code == Code::bad_config);
  CHECK(has_all(error.msg, {"9001", "9000", "enp11s0f0np0"}));
}

TEST_CASE("the overlay NIC is the one of that name", "[facts]") {
  CHECK(overlay_of(calico_world()) == "eth0");
  World world = calico_world();
  world.pod_links.push_back(ethernet(4, "cilium0"));
  CHECK(overlay_of(world, "cilium0") == "cilium0");
}

TEST_CASE("the owner of main's default route is the overlay NIC if none has the name", "[facts]") {
  CHECK(overlay_of(calico_world(), "ens3") == "eth0");
  CHECK(overlay_of(plain_world()).empty());
  World world = calico_world();
  world.pod_links.push_back(ethernet(4, "net9"));
  net::Route better = foreign_route("0.0.0.0/0", "192.0.2.1", net::IfIndex{4});
  world.pod_routes[0].metric = 10;
  world.pod_routes.push_back(better);
  CHECK(overlay_of(world, "ens3") == "net9");
  world.pod_routes.back().table = 77;
  CHECK(overlay_of(world, "ens3") == "eth0");
}

TEST_CASE("neither the NIC itself nor one of ours is the overlay NIC", "[facts]") {
  CHECK(overlay_of(calico_world(), "eth0", "eth0").empty());
  World world = plain_world();
  world.pod_links.push_back(our_macvlan(4, "net2"));
  world.pod_routes.push_back(foreign_route("0.0.0.0/0", "192.0.2.1", net::IfIndex{4}));
  CHECK(overlay_of(world).empty());
  CHECK(overlay_of(world, "net2").empty());
}

TEST_CASE("the overlay NIC's global addresses count, duplicates of others' do not", "[facts]") {
  World world = calico_world();
  world.pod_addresses.push_back(address_of(kEth0, "169.254.7.7/32"));
  world.pod_addresses.back().scope = 253;
  world.pod_addresses.push_back(address_of(kEth0, "10.233.119.165/32"));
  world.pod_addresses.back().is_duplicate = true;
  world.pod_addresses.push_back(address_of(net::IfIndex{1}, "127.0.0.1/8"));
  const auto overlay = find_overlay(pod_of(world), "eth0", "net1");
  REQUIRE(overlay);
  CHECK(overlay->addresses == std::vector{address_of(kEth0, "10.233.119.164/32")});
}

TEST_CASE("the node's addresses are those of its default route's interface and the master",
          "[facts]") {
  World world = calico_world();
  world.host_addresses.push_back(address_of(net::IfIndex{11}, "172.16.11.201/24"));
  world.host_addresses.push_back(address_of(net::IfIndex{12}, "172.16.12.201/24"));
  world.host_addresses.push_back(address_of(net::IfIndex{11}, "169.254.3.3/16"));
  world.host_addresses.back().scope = 253;
  FakeKernel kernel(world);
  using Addresses = std::vector<mvr::ip::Address>;
  CHECK(unwrap(observe(kernel, rail_conf(), "net1")).host_addresses ==
        Addresses{addr("10.1.20.4"), addr("172.16.11.201")});
  CHECK(unwrap(observe(kernel, with_master({"bond0"}), "net1")).host_addresses ==
        Addresses{addr("10.1.20.4")});
  cni::NetConf conf = rail_conf();
  conf.host_addresses = {addr("10.1.20.5")};
  CHECK(unwrap(observe(kernel, conf, "net1")).host_addresses == Addresses{addr("10.1.20.5")});
  conf.host_addresses = Addresses{};
  CHECK(unwrap(observe(kernel, conf, "net1")).host_addresses.empty());
}

TEST_CASE("temporary addresses of the node do not count", "[facts]") {
  World world = calico_world();
  world.host_routes.push_back(foreign_route("::/0", "fe80::1", net::IfIndex{2}));
  world.host_addresses.push_back(address_of(net::IfIndex{2}, "fd00:10:1::7777/64"));
  world.host_addresses.back().is_temporary = true;
  world.host_addresses.push_back(address_of(net::IfIndex{2}, "fd00:10:1::4/64"));
  FakeKernel kernel(world);
  CHECK(unwrap(observe(kernel, rail_conf(), "net1")).host_addresses ==
        std::vector{addr("10.1.20.4"), addr("fd00:10:1::4")});
}

TEST_CASE("what is observed is the pod's, the master's and the other NICs'", "[facts]") {
  World world = calico_world();
  FakeKernel kernel(world);
  Facts facts = unwrap(observe(kernel, rail_conf(), "net1"));
  CHECK(facts.master_in == Where::host);
  CHECK(facts.master == world.host_links[1]);
  CHECK(facts.pod.links == world.pod_links);
  CHECK(facts.pod.addresses == world.pod_addresses);
  CHECK(facts.pod.routes == world.pod_routes);
  CHECK(facts.pod.rules == world.pod_rules);
  CHECK(facts.overlay->link.name == "eth0");
  CHECK_FALSE(facts.has_other_nics);
  CHECK(kernel.changes().empty());
  kernel.world().pod_links.push_back(our_macvlan(77, "net1"));
  CHECK_FALSE(unwrap(observe(kernel, rail_conf(), "net1")).has_other_nics);
  CHECK(unwrap(observe(kernel, rail_conf(), "net2")).has_other_nics);
}

TEST_CASE("a pod's links are found by name and index", "[facts]") {
  const PodState pod = pod_of(calico_world());
  CHECK(pod.find_link("eth0")->index == kEth0);
  CHECK(pod.find_link(kEth0)->name == "eth0");
  CHECK(pod.find_link("eth1") == nullptr);
  CHECK(pod.name_of(kEth0) == "eth0");
  CHECK(pod.name_of(net::IfIndex{99}).empty());
}
