// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "mvr/plan/desired.hpp"
#include "support/unit_pod.hpp"

using namespace mvr::plan;
using namespace mvr::test;
namespace net = mvr::net;
namespace cni = mvr::cni;

namespace {

DesiredLink plan(const cni::NetConf& conf) {
  Facts facts = facts_of(calico_world());
  facts.has_ipv6 = false;
  return plan_link(conf, facts, rail_attachment());
}

std::vector<std::string> settings(const cni::NetConf& conf, const std::string& name = "net1") {
  std::vector<std::string> all;
  for (const net::Sysctl& sysctl : sysctls_of(plan(conf), name)) {
    all.push_back(sysctl.path + '=' + sysctl.value);
  }
  return all;
}

}  // namespace

TEST_CASE("a link is planned with its names, its master and its alias", "[plan]") {
  const DesiredLink link = plan(rail_conf());
  CHECK(link.master_in == Where::host);
  CHECK(link.name == "net1");
  CHECK(link.alias == "macvlan-rdma:gpu1-macvlan/0123abcd/net1");
  CHECK(link.spec.name == temporary_name(rail_attachment()));
  CHECK(link.spec.master == net::IfIndex{11});
  CHECK(link.spec.info == net::MacvlanInfo{net::MacvlanMode::bridge, 0});
  CHECK(link.spec.mtu == 0);
  CHECK(link.spec.tx_queue_len == 0);
}

TEST_CASE("a MAC is drawn for a link that is given none", "[plan]") {
  const auto first = plan(rail_conf()).spec.mac;
  const auto second = plan(rail_conf()).spec.mac;
  REQUIRE(first);
  CHECK_FALSE(first->is_multicast());
  CHECK((first->bytes()[0] & 2U) != 0);
  CHECK(first != second);
}

TEST_CASE("a configured MAC is taken", "[plan]") {
  cni::NetConf conf = rail_conf();
  conf.mac = mac("02:00:5e:10:00:01");
  CHECK(plan(conf).spec.mac == mac("02:00:5e:10:00:01"));
}

TEST_CASE("passthru leaves the MAC to the master", "[plan]") {
  cni::NetConf conf = rail_conf();
  conf.mode = cni::MacvlanMode::passthru;
  CHECK_FALSE(plan(conf).spec.mac);
}

TEST_CASE("each mode is the kernel's mode of that name", "[plan]") {
  for (const auto& [mode, expected] :
       {std::pair{cni::MacvlanMode::bridge, net::MacvlanMode::bridge},
        std::pair{cni::MacvlanMode::private_mode, net::MacvlanMode::private_mode},
        std::pair{cni::MacvlanMode::vepa, net::MacvlanMode::vepa},
        std::pair{cni::MacvlanMode::passthru, net::MacvlanMode::passthru}}) {
    cni::NetConf conf = rail_conf();
    conf.mode = mode;
    CHECK(plan(conf).spec.info.mode == expected);
  }
}

TEST_CASE("MTU and queue lengths are those of the configuration", "[plan]") {
  cni::NetConf conf = rail_conf();
  conf.mtu = 4200;
  conf.bc_queue_len = 2000;
  conf.tx_queue_len = 5000;
  const DesiredLink link = plan(conf);
  CHECK(link.spec.mtu == 4200);
  CHECK(link.spec.info.bc_queue_len == 2000);
  CHECK(link.spec.tx_queue_len == 5000);
}

TEST_CASE("a master in the pod is noted", "[plan]") {
  Facts facts = facts_of(calico_world());
  facts.master_in = Where::pod;
  facts.master = ethernet(5, "vlan5");
  const auto link = plan_link(rail_conf(), facts, rail_attachment("net2"));
  CHECK(link.master_in == Where::pod);
  CHECK(link.spec.master == net::IfIndex{5});
  CHECK(link.name == "net2");
}

TEST_CASE("settings are for the NIC alone, under the name it has", "[plan]") {
  CHECK(settings(rail_conf()) == std::vector<std::string>{"ipv4/conf/net1/rp_filter=2",
                                                          "ipv4/conf/net1/arp_ignore=1",
                                                          "ipv4/conf/net1/arp_announce=2"});
  CHECK(settings(rail_conf(), "mvr0").front() == "ipv4/conf/mvr0/rp_filter=2");
}

TEST_CASE("a NIC takes no router advertisements unless it is to", "[plan]") {
  cni::NetConf conf = rail_conf();
  const auto settings_of = [&](const Facts& facts) {
    std::vector<std::string> all;
    for (const net::Sysctl& sysctl : plan_link(conf, facts, rail_attachment()).sysctls) {
      if (sysctl.path.starts_with("ipv6/")) {
        all.push_back(sysctl.path.substr(sysctl.path.rfind('/') + 1) + '=' + sysctl.value);
      }
    }
    return all;
  };
  using Settings = std::vector<std::string>;
  const Facts in_cluster = facts_of(calico_world());
  CHECK(settings_of(in_cluster) == Settings{"accept_ra=0", "autoconf=0"});
  conf.ipv6.accept_ra = true;
  CHECK(settings_of(in_cluster) ==
        Settings{"accept_ra=2", "autoconf=1", "accept_ra_defrtr=0", "disable_ipv6=0"});
  const Settings with_default{"accept_ra=2", "autoconf=1", "disable_ipv6=0"};
  CHECK(settings_of(facts_of(plain_world())) == with_default);
  conf.tune_pod_routes = false;
  CHECK(settings_of(in_cluster) == with_default);
}

TEST_CASE("podRPFilter and strictArp can be switched off", "[plan]") {
  cni::NetConf conf = rail_conf();
  conf.rp_filter = -1;
  CHECK(settings(conf) ==
        std::vector<std::string>{"ipv4/conf/net1/arp_ignore=1", "ipv4/conf/net1/arp_announce=2"});
  conf.rp_filter = 0;
  conf.strict_arp = false;
  CHECK(settings(conf) == std::vector<std::string>{"ipv4/conf/net1/rp_filter=0"});
}

TEST_CASE("the configuration's sysctls have the last word", "[plan]") {
  cni::NetConf conf = rail_conf();
  conf.sysctls = {{"ipv4/conf/IFNAME/forwarding", "1"}, {"ipv4/conf/IFNAME/rp_filter", "1"}};
  CHECK(settings(conf) ==
        std::vector<std::string>{"ipv4/conf/net1/arp_ignore=1", "ipv4/conf/net1/arp_announce=2",
                                 "ipv4/conf/net1/forwarding=1", "ipv4/conf/net1/rp_filter=1"});
}

TEST_CASE("a sysctl of the configuration is known by its key, whatever the NIC's name", "[plan]") {
  cni::NetConf conf = rail_conf();
  conf.sysctls = {{"ipv4/conf/IFNAME/forwarding", "1", "sysctls.net.ipv4.conf.IFNAME.forwarding"}};
  const auto sysctls = sysctls_of(plan(conf), "mvr0");
  CHECK(sysctls.front().label.empty());
  CHECK(sysctls.back() ==
        net::Sysctl{"ipv4/conf/mvr0/forwarding", "1", "sysctls.net.ipv4.conf.IFNAME.forwarding"});
}

TEST_CASE("a name that contains the placeholder is put in once", "[plan]") {
  cni::NetConf conf = rail_conf();
  conf.rp_filter = 1;
  conf.strict_arp = false;
  CHECK(settings(conf, "IFNAME0") == std::vector<std::string>{"ipv4/conf/IFNAME0/rp_filter=1"});
}
