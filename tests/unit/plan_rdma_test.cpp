// SPDX-License-Identifier: Apache-2.0
// Which RDMA device a NIC gets.
#include "mvr/plan/facts.hpp"
#include "mvr/plan/rdma.hpp"
#include "support/fake_kernel.hpp"
#include "support/unit_pod.hpp"
#include "support/unit_rdma.hpp"

using mvr::Code;
using mvr::Error;
using mvr::cni::RdmaMode;
using mvr::rdma::NetnsMode;
using namespace mvr::plan;
using namespace mvr::test;
namespace cni = mvr::cni;
namespace net = mvr::net;

namespace {

using Port = std::optional<RdmaPort>;

const RdmaPort kPort1{kRail1, "rocep11s0", 1, net::IfIndex{11}, guid_of(3)};
const RdmaPort kPort2{kRail2, "rocep12s0", 1, net::IfIndex{12}, guid_of(4)};

mvr::Result<Port> look(const World& world, const std::string& master,
                       const cni::NetConf& conf = rail_conf(), Where where = Where::host) {
  FakeKernel kernel(world);
  const auto link = unwrap(kernel.read_link(where, master));
  REQUIRE(link);
  return find_rdma_port(kernel, conf, where, *link);
}

Port find(const World& world, const std::string& master, const cni::NetConf& conf = rail_conf()) {
  return unwrap(look(world, master, conf));
}

World shared_world() {
  return rdma_world(NetnsMode::shared);
}

/// Adds a VLAN on an interface of the host.
void add_vlan(World& world, int index, const std::string& name, int lower) {
  net::Link vlan = ethernet(index, name);
  vlan.kind = "vlan";
  vlan.lower = net::IfIndex{lower};
  world.host_links.push_back(vlan);
}

/// Makes both rails members of bond0, or of a bridge of that name.
void enslave_rails(World& world, const std::string& kind = "bond") {
  for (net::Link& link : world.host_links) {
    if (link.name == "bond0") {
      link.kind = kind;
    } else {
      link.upper = net::IfIndex{2};
    }
  }
}

cni::NetConf with_device(const std::string& name) {
  cni::NetConf conf = rail_conf();
  conf.rdma.device = name;
  return conf;
}

cni::NetConf with_device_id(const std::string& id) {
  cni::NetConf conf = rail_conf();
  conf.device_id = id;
  return conf;
}

mvr::Result<std::optional<NetnsMode>> mode_for(RdmaMode wanted, std::optional<NetnsMode> kernels) {
  World world = calico_world();
  world.rdma.mode = kernels;
  FakeKernel kernel(world);
  cni::RdmaConf conf;
  conf.mode = wanted;
  return find_rdma_mode(kernel, conf);
}

}  // namespace

TEST_CASE("rdma auto takes the kernel's netns mode, off none", "[rdma]") {
  using Mode = std::optional<NetnsMode>;
  for (const Mode kernels : {Mode(), Mode(NetnsMode::shared), Mode(NetnsMode::exclusive)}) {
    CHECK(unwrap(mode_for(RdmaMode::automatic, kernels)) == kernels);
    CHECK(unwrap(mode_for(RdmaMode::off, kernels)) == std::nullopt);
  }
}

TEST_CASE("an RDMA mode that is asked for must be the kernel's", "[rdma]") {
  CHECK(unwrap(mode_for(RdmaMode::shared, NetnsMode::shared)) == NetnsMode::shared);
  CHECK(unwrap(mode_for(RdmaMode::exclusive, NetnsMode::exclusive)) == NetnsMode::exclusive);
  for (const auto& [wanted, kernels] : {std::pair{RdmaMode::shared, NetnsMode::exclusive},
                                        {RdmaMode::exclusive, NetnsMode::shared}}) {
    const Error error = refused(mode_for(wanted, kernels));
    CHECK(error.code == Code::rdma_mode);
    CHECK(has_all(error.msg, {"shared", "exclusive", "rdma system set netns"}));
  }
  for (const RdmaMode wanted : {RdmaMode::shared, RdmaMode::exclusive}) {
    const Error error = refused(mode_for(wanted, std::nullopt));
    CHECK(error.code == Code::no_rdma_device);
    CHECK(has_all(error.msg, {std::string(to_string(wanted)), "no RDMA"}));
  }
}

TEST_CASE("a master's RDMA device is that whose port it is", "[rdma]") {
  for (const NetnsMode mode : {NetnsMode::shared, NetnsMode::exclusive}) {
    CHECK(find(rdma_world(mode), "enp11s0f0np0") == kPort1);
    CHECK(find(rdma_world(mode), "enp12s0f0np0") == kPort2);
    CHECK_FALSE(find(rdma_world(mode), "bond0"));
  }
  CHECK_FALSE(find(calico_world(), "enp11s0f0np0"));
}

TEST_CASE("a port without a netdev is no master's", "[rdma]") {
  World world = shared_world();
  device_of(world, kRail1).device.ports = {{1, net::IfIndex::none, true}};
  CHECK_FALSE(find(world, "enp11s0f0np0"));
  device_of(world, kRail1).device.ports.clear();
  CHECK_FALSE(find(world, "enp11s0f0np0"));
}

TEST_CASE("a VLAN's RDMA device is that of what it lies on", "[rdma]") {
  World world = shared_world();
  add_vlan(world, 21, "rail1.100", 11);
  add_vlan(world, 22, "rail1.100.7", 21);
  CHECK(find(world, "rail1.100") == kPort1);
  CHECK(find(world, "rail1.100.7") == kPort1);
  world.host_links[1].kind = "dummy";
  world.host_links[1].lower = net::IfIndex{12};
  CHECK(find(world, "rail1.100") == kPort1);
  device_of(world, kRail1).device.ports.clear();
  CHECK_FALSE(find(world, "rail1.100"));
}

TEST_CASE("a VLAN whose lower link is in another namespace has no RDMA device", "[rdma]") {
  World world = shared_world();
  add_vlan(world, 21, "rail1.100", 11);
  world.host_links.back().has_lower_elsewhere = true;
  CHECK_FALSE(find(world, "rail1.100"));
  world.host_links.back().has_lower_elsewhere = false;
  world.host_links.back().lower = net::IfIndex{99};
  CHECK_FALSE(find(world, "rail1.100"));
}

TEST_CASE("a bond's RDMA device is its own, or that of a member", "[rdma]") {
  World world = shared_world();
  enslave_rails(world);
  CHECK(find(world, "bond0") == kPort1);
  world.rdma.devices.push_back(roce(9, "mlx5_bond_0", 2));
  CHECK(find(world, "bond0") ==
        RdmaPort{mvr::rdma::DeviceIndex{9}, "mlx5_bond_0", 1, net::IfIndex{2}, guid_of(9)});
  CHECK(find(world, "enp12s0f0np0") == kPort2);
}

TEST_CASE("a bridge does not have the RDMA device of a member", "[rdma]") {
  World world = shared_world();
  enslave_rails(world, "bridge");
  CHECK_FALSE(find(world, "bond0"));
  CHECK(find(world, "enp11s0f0np0") == kPort1);
}

TEST_CASE("a VLAN on a bond has the RDMA device of a member", "[rdma]") {
  World world = shared_world();
  enslave_rails(world);
  add_vlan(world, 21, "bond0.100", 2);
  CHECK(find(world, "bond0.100") == kPort1);
  device_of(world, kRail1).device.ports[0].is_active = false;
  CHECK(find(world, "bond0.100") == kPort2);
}

TEST_CASE("a VLAN's own RDMA device comes before that of what it lies on", "[rdma]") {
  World world = shared_world();
  add_vlan(world, 21, "rail1.100", 11);
  world.rdma.devices.push_back(roce(9, "siw0", 21));
  world.rdma.devices.back().device.ports[0].is_active = false;
  CHECK(find(world, "rail1.100")->name == "siw0");
  CHECK(find(world, "enp11s0f0np0") == kPort1);
}

TEST_CASE("of a master's ports an active one is taken, then the lowest", "[rdma]") {
  World world = shared_world();
  device_of(world, kRail1).device.ports = {
      {3, net::IfIndex{11}, true}, {1, net::IfIndex{11}, false}, {2, net::IfIndex{11}, true}};
  CHECK(find(world, "enp11s0f0np0")->number == 2);
  for (auto& port : device_of(world, kRail1).device.ports) {
    port.is_active = false;
  }
  CHECK(find(world, "enp11s0f0np0")->number == 1);
}

TEST_CASE("of a master's devices an active one is taken, then the oldest", "[rdma]") {
  World world = shared_world();
  world.rdma.devices.push_back(roce(1, "rxe0", 11));
  CHECK(find(world, "enp11s0f0np0")->name == "rxe0");
  world.rdma.devices.back().device.ports[0].is_active = false;
  CHECK(find(world, "enp11s0f0np0") == kPort1);
  device_of(world, kRail1).device.ports[0].is_active = false;
  CHECK(find(world, "enp11s0f0np0")->name == "rxe0");
}

TEST_CASE("of a device with a port a master, each master has its own", "[rdma]") {
  World world = shared_world();
  world.rdma.devices = {roce(3, "rocep11s0", 11)};
  world.rdma.devices[0].device.ports.push_back({2, net::IfIndex{12}, true});
  CHECK(find(world, "enp12s0f0np0") ==
        RdmaPort{kRail1, "rocep11s0", 2, net::IfIndex{12}, guid_of(3)});
  CHECK(find(world, "enp11s0f0np0") == kPort1);
}

TEST_CASE("stacks of links that end nowhere are given up", "[rdma]") {
  World world = shared_world();
  add_vlan(world, 21, "loop0", 22);
  add_vlan(world, 22, "loop1", 21);
  CHECK_FALSE(find(world, "loop0"));
  world.host_links[1].upper = net::IfIndex{12};
  world.host_links[2].upper = net::IfIndex{11};
  CHECK_FALSE(find(world, "bond0"));
}

TEST_CASE("an RDMA device that is named is taken, with the port that fits", "[rdma]") {
  World world = shared_world();
  CHECK(find(world, "enp11s0f0np0", with_device("rocep11s0")) == kPort1);
  CHECK(find(world, "enp11s0f0np0", with_device("rocep12s0")) == kPort2);
  CHECK_FALSE(find(world, "enp11s0f0np0", with_device("rocep13s0")));
  device_of(world, kRail2).device.ports = {{1, net::IfIndex{2}, true}, {2, net::IfIndex{11}, true}};
  CHECK(find(world, "enp11s0f0np0", with_device("rocep12s0"))->number == 2);
  CHECK(find(world, "enp12s0f0np0", with_device("rocep12s0"))->number == 1);
  device_of(world, kRail2).device.ports.clear();
  CHECK(find(world, "enp11s0f0np0", with_device("rocep12s0")) ==
        RdmaPort{kRail2, "rocep12s0", 1, net::IfIndex::none, guid_of(4)});
}

TEST_CASE("a named RDMA device comes before an allotted one", "[rdma]") {
  cni::NetConf conf = with_device("rocep11s0");
  conf.device_id = "mlx5_core.sf.4";
  CHECK(find(shared_world(), "enp11s0f0np0", conf) == kPort1);
}

TEST_CASE("the RDMA device of an allotted device is taken", "[rdma]") {
  World world = shared_world();
  CHECK(find(world, "enp11s0f0np0", with_device_id("0000:0b:00.0")) == kPort1);
  CHECK(find(world, "enp12s0f0np0", with_device_id("mlx5_core.sf.4")) == kPort2);
  world.rdma.devices.push_back(roce(1, "rxe0", 11));
  CHECK(find(world, "enp11s0f0np0", with_device_id("0000:0b:00.0")) == kPort1);
}

TEST_CASE("an allotted device of another master is refused, and both are named", "[rdma]") {
  const Error error =
      refused(look(shared_world(), "enp11s0f0np0", with_device_id("mlx5_core.sf.4")));
  CHECK(error.code == Code::no_rdma_device);
  CHECK(has_all(error.msg, {"deviceID", "mlx5_core.sf.4", "rocep12s0", "enp11s0f0np0"}));
}

TEST_CASE("an allotted device without RDMA gives none", "[rdma]") {
  CHECK_FALSE(find(shared_world(), "enp11s0f0np0", with_device_id("0000:ff:00.0")));
}

TEST_CASE("in exclusive mode only devices at home are found", "[rdma]") {
  World world = rdma_world(NetnsMode::exclusive);
  device_of(world, kRail1).where = Where::pod;
  CHECK_FALSE(find(world, "enp11s0f0np0"));
  CHECK_FALSE(find(world, "enp11s0f0np0", with_device("rocep11s0")));
  CHECK_FALSE(find(world, "enp11s0f0np0", with_device_id("0000:0b:00.0")));
  CHECK(find(world, "enp12s0f0np0") == kPort2);
}

TEST_CASE("a master in the pod has the RDMA device that the pod sees", "[rdma]") {
  World world = rdma_world(NetnsMode::exclusive);
  FakeDevice pods = roce(9, "rxe0", to_int(kEth0));
  pods.where = Where::pod;
  pods.netdevs = Where::pod;
  world.rdma.devices.push_back(pods);
  CHECK(unwrap(look(world, "eth0", rail_conf(), Where::pod)) ==
        RdmaPort{mvr::rdma::DeviceIndex{9}, "rxe0", 1, kEth0, guid_of(9)});
  CHECK_FALSE(find(world, "bond0"));
}

TEST_CASE("a port's netdev of the same number elsewhere is not the master", "[rdma]") {
  World world = shared_world();
  device_of(world, kRail1).netdevs = Where::pod;
  CHECK_FALSE(find(world, "enp11s0f0np0"));
}

TEST_CASE("a master's layers are the VLANs and what carries them", "[rdma]") {
  World world = shared_world();
  add_vlan(world, 21, "rail1.100", 11);
  add_vlan(world, 22, "rail1.100.7", 21);
  FakeKernel kernel(world);
  const auto layers = unwrap(read_layers(kernel, Where::host, world.host_links.back()));
  REQUIRE(layers.size() == 3);
  CHECK(layers[0].name == "rail1.100.7");
  CHECK(layers[1].name == "rail1.100");
  CHECK(layers[2].name == "enp11s0f0np0");
  CHECK(unwrap(is_below(kernel, Where::host, net::IfIndex{11}, layers)));
  CHECK(unwrap(is_below(kernel, Where::host, net::IfIndex{22}, layers)));
  CHECK_FALSE(unwrap(is_below(kernel, Where::host, net::IfIndex{12}, layers)));
  CHECK_FALSE(unwrap(is_below(kernel, Where::host, net::IfIndex::none, layers)));
  CHECK_FALSE(unwrap(is_below(kernel, Where::host, net::IfIndex{99}, layers)));
}

TEST_CASE("a device is known by its index and its GUID", "[rdma]") {
  FakeKernel kernel(shared_world());
  const auto devices = unwrap(kernel.read_rdma_devices(Where::host));
  const auto* found = find_device(devices, kRail2, guid_of(4));
  REQUIRE(found != nullptr);
  CHECK(found->name == "rocep12s0");
  CHECK(find_device(devices, kRail2, guid_of(3)) == nullptr);
  CHECK(find_device(devices, mvr::rdma::DeviceIndex{5}, guid_of(4)) == nullptr);
  CHECK(find_device({}, kRail2, guid_of(4)) == nullptr);
}

TEST_CASE("RDMA devices are listed with their netdevs", "[rdma]") {
  const auto list = [](const World& world, Where where = Where::host) {
    FakeKernel kernel(world);
    return unwrap(list_rdma_devices(kernel, where));
  };
  World world = rdma_world(NetnsMode::exclusive);
  CHECK(list(world) == "rocep11s0 (enp11s0f0np0), rocep12s0 (enp12s0f0np0)");
  device_of(world, kRail1).device.ports.push_back({2, net::IfIndex{2}, false});
  device_of(world, kRail2).device.ports[0].netdev = net::IfIndex::none;
  CHECK(list(world) == "rocep11s0 (enp11s0f0np0, bond0), rocep12s0");
  device_of(world, kRail1).where = Where::pod;
  CHECK(list(world) == "rocep12s0");
  CHECK(list(world, Where::pod) == "rocep11s0");
  CHECK(list(calico_world()) == "none");
}

TEST_CASE("a master may be named by its RDMA device", "[rdma]") {
  const auto master = [](const World& world, const std::string& name) {
    FakeKernel kernel(world);
    cni::NetConf conf = rail_conf();
    conf.master = {"ens1", name};
    return find_master(kernel, conf);
  };
  World world = rdma_world(NetnsMode::exclusive);
  CHECK(unwrap(master(world, "rocep12s0")).name == "enp12s0f0np0");
  device_of(world, kRail2).device.ports = {{1, net::IfIndex::none, true},
                                           {2, net::IfIndex{12}, true}};
  CHECK(unwrap(master(world, "rocep12s0")).name == "enp12s0f0np0");
  world.host_links.push_back(ethernet(13, "rocep12s0"));
  CHECK(unwrap(master(world, "rocep12s0")).index == net::IfIndex{13});
  for (const char* name : {"rocep13s0", ""}) {
    const Error error = refused(master(world, name));
    CHECK(error.code == Code::master_unusable);
    CHECK(has_all(error.msg, {"ens1", "RDMA device"}));
  }
  device_of(world, kRail1).where = Where::pod;
  CHECK(refused(master(world, "rocep11s0")).code == Code::master_unusable);
}
