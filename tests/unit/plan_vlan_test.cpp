// SPDX-License-Identifier: Apache-2.0
// The VLAN below a NIC: its name, how it is found, and what ADD knows of one that is still to be
// made.
#include <algorithm>

#include "mvr/net/vlan.hpp"
#include "mvr/plan/facts.hpp"
#include "mvr/plan/step.hpp"
#include "mvr/plan/vlan.hpp"
#include "support/fake_kernel.hpp"
#include "support/unit_pod.hpp"

using mvr::Code;
using mvr::Error;
using mvr::net::parse_vlans;
using namespace mvr::plan;
using namespace mvr::test;
namespace cni = mvr::cni;
namespace net = mvr::net;

namespace {

using Names = std::vector<std::string>;

/// The index of the VLANs here, and the one of rail 1's master.
constexpr net::IfIndex kVlan{70};
constexpr net::IfIndex kMaster{11};

/// A VLAN of somebody else on rail 1's master.
net::Link vlan_of(const std::string& name, std::uint16_t id = 100, net::IfIndex master = kMaster) {
  net::Link link = ethernet(to_int(kVlan), name, 9000);
  link.kind = "vlan";
  link.vlan_id = id;
  link.lower = master;
  return link;
}

World world_with(const net::Link& link) {
  World world = calico_world();
  world.host_links.push_back(link);
  return world;
}

std::string name_on(const std::string& master, std::uint16_t id) {
  return make_vlan_spec(ethernet(11, master), id).name;
}

/// The name of VLAN 100 of rail 1's master; empty if it is not found.
std::string found_in(const World& world) {
  FakeKernel kernel(world);
  const auto link = unwrap(find_vlan(kernel, world.host_links.at(1), 100));
  CHECK(kernel.changes().empty());
  return link ? link->name : "";
}

cni::NetConf vlan_conf(std::uint32_t mtu = 0) {
  cni::NetConf conf = rail_conf();
  conf.vlan = 100;
  conf.mtu = mtu;
  return conf;
}

net::Link master_in(const World& world, const cni::NetConf& conf = vlan_conf()) {
  FakeKernel kernel(world);
  return unwrap(find_master(kernel, conf));
}

Error refusal(const World& world, const cni::NetConf& conf) {
  FakeKernel kernel(world);
  return refused(find_master(kernel, conf));
}

/// /proc/net/vlan/config with these lines below its head.
std::string list_of(const std::string& lines) {
  return "VLAN Dev name    | VLAN ID\nName-Type: VLAN_NAME_TYPE_RAW_PLUS_VID_NO_PAD\n" + lines;
}

}  // namespace

TEST_CASE("a VLAN is called after its master as long as the kernel takes the name", "[vlan]") {
  CHECK(name_on("ens1f0", 1) == "ens1f0.1");
  CHECK(name_on("ens1f0", 4094) == "ens1f0.4094");
  CHECK(name_on("enp11s0f0np0", 10) == "enp11s0f0np0.10");  // 15 characters
  CHECK(name_on("enp11s0f0np0", 100) == "mvr11.100");       // would be 16
  CHECK(name_on("enp11s0f0np0xyz", 1) == "mvr11.1");
  net::Link last = ethernet(11, "enp11s0f0np0");
  last.index = net::IfIndex{2147483};
  CHECK(make_vlan_spec(last, 4094).name == "mvr2147483.4094");
}

TEST_CASE("a new VLAN has its master's MAC", "[vlan]") {
  const net::Link master = ethernet(11, "enp11s0f0np0");
  CHECK(make_vlan_spec(master, 7) ==
        net::VlanSpec{"enp11s0f0np0.7", kMaster, 7, mac("02:00:00:00:00:0b")});
}

TEST_CASE("a VLAN is found by master and number, whatever its name", "[vlan]") {
  CHECK(found_in(calico_world()).empty());
  for (const char* name : {"mvr11.100", "enp11s0f0.100", "vlan100", "storage", "eno1.7", "a|b"}) {
    CHECK(found_in(world_with(vlan_of(name))) == name);
  }
}

TEST_CASE("what only resembles the VLAN is another one", "[vlan]") {
  CHECK(found_in(world_with(vlan_of("mvr11.100", 101))).empty());
  CHECK(found_in(world_with(vlan_of("mvr11.100", 100, net::IfIndex{12}))).empty());
  CHECK(found_in(world_with(ethernet(70, "mvr11.100"))).empty());
  // The number of a master in another namespace says nothing here.
  net::Link elsewhere = vlan_of("mvr11.100");
  elsewhere.has_lower_elsewhere = true;
  CHECK(found_in(world_with(elsewhere)).empty());
}

TEST_CASE("of several VLANs of one number the master's is found", "[vlan]") {
  World world = world_with(vlan_of("first", 100, net::IfIndex{12}));
  world.host_links.push_back(ethernet(71, "mvr11.100"));
  world.host_links.push_back(vlan_of("second"));
  world.host_links.push_back(vlan_of("third", 101));
  CHECK(found_in(world) == "second");
}

TEST_CASE("the kernel's list of VLANs is read by number", "[vlan]") {
  const std::string text = list_of(
      "ens1f0.100     | 100  | ens1f0\n"
      "enp11s0f0np0.10| 10  | enp11s0f0np0\n"
      "storage        | 100  | ens2f0\n"
      "ens1f0.1000    | 1000  | ens1f0\n");
  CHECK(parse_vlans(text, 100) == Names{"ens1f0.100", "storage"});
  CHECK(parse_vlans(text, 10) == Names{"enp11s0f0np0.10"});
  CHECK(parse_vlans(text, 1000) == Names{"ens1f0.1000"});
  CHECK(parse_vlans(text, 1).empty());
  CHECK(parse_vlans(text, 0).empty());
}

TEST_CASE("odd names do not mislead whoever reads the list", "[vlan]") {
  const std::string text = list_of(
      "a|7            | 100  | b|c\n"
      "|              | 100  | |\n"
      "thirteen_char||| 100  | m\n"
      "100            | 5  | 100\n"
      "12345678901234|| 6  | |5\n");
  CHECK(parse_vlans(text, 100) == Names{"a|7", "|", "thirteen_char||"});
  CHECK(parse_vlans(text, 5) == Names{"100"});
  CHECK(parse_vlans(text, 6) == Names{"12345678901234|"});
  CHECK(parse_vlans(text, 7).empty());
}

TEST_CASE("a list that is no list has no VLANs", "[vlan]") {
  for (const char* text :
       {"", "\n\n", "VLAN Dev name    | VLAN ID\n", " | ", "| 100 |", "x | 100", "x| | y",
        "x| 100a | y\n", "x| -100 | y\n", "x| 65636  | y\n", "x| 99999999999999999999 | y\n"}) {
    INFO(text);
    CHECK(parse_vlans(text, 100).empty());
  }
  CHECK(parse_vlans("x              | 100  | y", 100) == Names{"x"});
}

TEST_CASE("a VLAN that is still to be made is foreseen", "[vlan]") {
  World world = calico_world();
  world.host_links[1].alias = "the rail";
  world.host_links[1].upper = net::IfIndex{2};
  const net::Link vlan = master_in(world);
  CHECK(vlan.index == net::IfIndex::none);
  CHECK(vlan.name == "mvr11.100");
  CHECK(vlan.alias.empty());
  CHECK(vlan.lower == kMaster);
  CHECK(vlan.upper == net::IfIndex::none);
  CHECK(vlan.vlan_id == 100);
  CHECK(vlan.mtu == 9000);
  CHECK(vlan.mac == world.host_links[1].mac);
  CHECK(net::is_our_vlan(vlan));
}

TEST_CASE("a VLAN on a VLAN is foreseen as one of the nearer", "[vlan]") {
  const World world = world_with(vlan_of("mvr11.100"));
  cni::NetConf conf = vlan_conf();
  conf.master = {"mvr11.100"};
  conf.vlan = 7;
  const net::Link vlan = master_in(world, conf);
  CHECK(vlan.name == "mvr11.100.7");
  CHECK(vlan.vlan_id == 7);
  CHECK(vlan.lower == kVlan);
}

TEST_CASE("a VLAN that is there is taken as it is", "[vlan]") {
  net::Link storage = vlan_of("storage");
  storage.mtu = 1500;
  storage.is_up = false;
  CHECK(master_in(world_with(storage)) == storage);
  cni::NetConf plain = vlan_conf();
  plain.vlan = 0;
  CHECK(master_in(world_with(storage), plain).index == kMaster);
}

TEST_CASE("a NIC's MTU is at most that of the VLAN below it", "[vlan]") {
  CHECK(master_in(calico_world(), vlan_conf(9000)).mtu == 9000);
  const Error above = refusal(calico_world(), vlan_conf(9001));
  CHECK(above.code == Code::bad_config);
  CHECK(has_all(above.msg, {"mtu 9001", "9000", "mvr11.100"}));
  net::Link storage = vlan_of("storage");
  storage.mtu = 1500;
  CHECK(master_in(world_with(storage), vlan_conf(1500)).mtu == 1500);
  const Error narrow = refusal(world_with(storage), vlan_conf(1501));
  CHECK(narrow.code == Code::bad_config);
  CHECK(has_all(narrow.msg, {"mtu 1501", "1500", "storage"}));
}

TEST_CASE("the node's addresses are those of a VLAN and of what it lies on", "[vlan]") {
  const auto addresses_in = [](const World& world) {
    FakeKernel kernel(world);
    return unwrap(observe(kernel, vlan_conf(), "net1")).host_addresses;
  };
  World world = calico_world();
  world.host_addresses.push_back(address_of(kMaster, "172.16.11.1/24"));
  CHECK(addresses_in(world) == std::vector{addr("10.1.20.4"), addr("172.16.11.1")});
  world.host_links.push_back(vlan_of("storage"));
  world.host_addresses.push_back(address_of(kVlan, "172.17.11.1/24"));
  CHECK(addresses_in(world) ==
        std::vector{addr("10.1.20.4"), addr("172.17.11.1"), addr("172.16.11.1")});
}

TEST_CASE("a VLAN is made and set up, on a master that is down it waits", "[vlan]") {
  FakeKernel kernel(calico_world());
  const CreateVlan step{make_vlan_spec(kernel.world().host_links[1], 100)};
  CHECK(apply(kernel, step));
  CHECK(kernel.changes() == Names{"create VLAN mvr11.100",
                                  "write on the host ipv6/conf/mvr11.100/accept_ra=0",
                                  "raise link of the host"});
  CHECK(kernel.world().host_links.back().is_up);
  FakeKernel waiting(calico_world());
  waiting.fail_at(2, ENOENT);  // no IPv6
  waiting.fail_at(3, ENETDOWN);
  CHECK(apply(waiting, step));
  CHECK_FALSE(waiting.world().host_links.back().is_up);
  for (const std::size_t change : {1U, 2U, 3U}) {
    FakeKernel failing(calico_world());
    failing.fail_at(change, EPERM);
    const Error error = refused(apply(failing, step));
    CHECK(error.code == Code::master_unusable);
    CHECK(has_all(error.msg, {"create VLAN 100 as mvr11.100"}));
  }
}
