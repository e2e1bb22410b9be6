// SPDX-License-Identifier: Apache-2.0
/// \file
/// What `doctor` finds in the files of a recorded node.
#include "support/catch.hpp"
#include "support/recorded_node.hpp"
#include "support/unit_pod.hpp"

using namespace mvr::ops;
using namespace mvr::test;
using Lines = std::vector<std::string>;
using mvr::cni::NetConf;
using mvr::cni::RdmaMode;

namespace {

struct ReadyNode : RecordedNode {
  ReadyNode() {
    make_ready();
    system().networks = {rail_conf()};
  }
};

/// Asserts that the check says one thing that is not well, and that it has these words.
void check_complains(const Diagnoses& all, Grade grade, const Lines& words) {
  Diagnoses bad;
  for (const Diagnosis& one : all) {
    if (one.grade != Grade::ok) {
      bad.push_back(one);
    }
  }
  REQUIRE(bad.size() == 1);
  CHECK(bad[0].grade == grade);
  CHECK_FALSE(bad[0].remedy.empty());
  INFO(lines_of(bad)[0]);
  CHECK(has_all(lines_of(bad)[0], words));
}

bool is_well(const Diagnoses& all) {
  return std::ranges::all_of(
      all, [](const Diagnosis& one) { return one.grade == Grade::ok && one.remedy.empty(); });
}

}  // namespace

TEST_CASE("doctor likes a node that has everything", "[doctor]") {
  const ReadyNode node;
  for (const auto check :
       {check_modules, check_device_plugin, check_cni, check_managers, check_vlans}) {
    const Diagnoses all = check(node.system());
    INFO(::Catch::StringMaker<Lines>::convert(lines_of(all)));
    CHECK(is_well(all));
  }
  CHECK(is_well(check_neighbours(node.system())));
}

TEST_CASE("doctor looks for the modules of RDMA", "[doctor]") {
  ReadyNode node;
  SECTION("a part of the kernel shows by what it makes") {
    node.remove("/sys/module/ib_core");
    node.remove("/sys/module/rdma_ucm");
    node.put("/sys/class/misc/rdma_cm/dev");
    CHECK(is_well(check_modules(node.system())));
  }
  SECTION("no RDMA at all") {
    node.remove("/sys/module");
    node.remove("/sys/class/infiniband");
    check_complains(check_modules(node.system()), Grade::warn, {"ib_core", "modprobe"});
    node.system().networks[0].rdma.mode = RdmaMode::shared;
    check_complains(check_modules(node.system()), Grade::fail, {"ib_core"});
    node.system().networks[0].rdma.mode = RdmaMode::off;
    CHECK(check_modules(node.system()).empty());
  }
  SECTION("one of them") {
    node.remove("/sys/module/ib_uverbs");
    check_complains(check_modules(node.system()), Grade::fail, {"ib_uverbs", "no program"});
  }
  SECTION("librdmacm's") {
    node.remove("/sys/module/rdma_ucm");
    check_complains(check_modules(node.system()), Grade::warn, {"rdma_ucm"});
  }
  SECTION("the driver's other half") {
    node.remove("/sys/module/mlx5_ib");
    check_complains(check_modules(node.system()), Grade::fail, {"mlx5_ib", "mlx5_core"});
  }
}

TEST_CASE("doctor looks for sockets of the kubelet", "[doctor]") {
  const ReadyNode node;
  SECTION("its own") {
    node.remove("/var/lib/kubelet/device-plugins/kubelet.sock");
    check_complains(check_device_plugin(node.system()), Grade::warn, {"kubelet.sock"});
  }
  SECTION("those of device plugins, in the old place too") {
    node.remove("/var/lib/kubelet/plugins_registry");
    node.put("/var/lib/kubelet/plugins_registry/csi.example-reg.sock");
    check_complains(check_device_plugin(node.system()), Grade::warn, {"k8s-rdma-shared"});
    node.put("/var/lib/kubelet/device-plugins/shared_gpu2.sock");
    CHECK(lines_of(check_device_plugin(node.system())) ==
          Lines{"ok device plugin: sockets: shared_gpu2.sock"});
  }
}

TEST_CASE("doctor looks for the plugins", "[doctor]") {
  ReadyNode node;
  SECTION("this one is missing") {
    node.remove("/opt/cni/bin/macvlan-rdma");
    check_complains(check_cni(node.system()), Grade::fail, {"macvlan-rdma", "/opt/cni/bin"});
  }
  SECTION("this one is another") {
    node.put("/opt/cni/bin/macvlan-rdma", "x macvlan-rdma-version=1.2.2;");
    check_complains(check_cni(node.system()), Grade::warn, {"another build, 1.2.2", "1.2.3"});
    node.put("/opt/cni/bin/macvlan-rdma", "#!/bin/sh");
    check_complains(check_cni(node.system()), Grade::warn, {"another program"});
  }
  SECTION("IPAM is missing") {
    node.remove("/usr/lib/cni/host-local");
    check_complains(check_cni(node.system()), Grade::fail,
                    {"IPAM host-local", "/opt/cni/bin, /usr/lib/cni"});
  }
  SECTION("IPAM cannot be executed") {
    node.put("/usr/lib/cni/host-local", "", 0644);
    check_complains(check_cni(node.system()), Grade::fail, {"chmod 755 /usr/lib/cni/host-local"});
  }
  SECTION("no network needs IPAM") {
    node.remove("/usr/lib/cni/host-local");
    node.system().networks[0].ipam_type.clear();
    CHECK(is_well(check_cni(node.system())));
  }
  SECTION("the runtime has no configuration") {
    node.remove("/etc/cni/net.d/00-multus.conf");
    node.remove("/etc/cni/net.d/10-calico.conflist");
    check_complains(check_cni(node.system()), Grade::warn, {"/etc/cni/net.d", "Multus"});
    node.remove("/etc/cni");
    check_complains(check_cni(node.system()), Grade::warn, {"is not there"});
  }
}

TEST_CASE("doctor warns of daemons that take interfaces", "[doctor]") {
  const ReadyNode node;
  SECTION("NetworkManager") {
    node.put("/run/NetworkManager/conf.d/x");
    check_complains(check_managers(node.system()), Grade::warn,
                    {"NetworkManager", "unmanaged-devices=type:macvlan"});
    node.put("/etc/NetworkManager/conf.d/rails.conf",
             "[keyfile]\nunmanaged-devices=type:macvlan;type:vlan\n");
    CHECK(is_well(check_managers(node.system())));
  }
  SECTION("systemd-networkd") {
    node.put("/run/systemd/netif/state");
    check_complains(check_managers(node.system()), Grade::warn,
                    {"systemd-networkd", "Unmanaged=yes"});
    node.put("/etc/systemd/network/05-rails.network",
             "[Match]\nKind=macvlan vlan\n[Link]\nUnmanaged=yes\n");
    CHECK(is_well(check_managers(node.system())));
  }
}

TEST_CASE("doctor estimates the neighbours", "[doctor]") {
  ReadyNode node;
  node.put("/proc/sys/net/ipv4/neigh/default/gc_thresh3", "1024\n");
  SECTION("by the networks") {
    node.system().networks.assign(8, rail_conf());
    check_complains(check_neighbours(node.system()), Grade::warn,
                    {"1024", "8 pods x 8 rails x 64 neighbours = 4096", "gc_thresh3=4096"});
  }
  SECTION("by the devices") {
    node.system().networks.clear();
    CHECK(lines_of(check_neighbours(node.system()))[0].find("2 rails") != std::string::npos);
  }
  SECTION("not without the limit") {
    node.remove("/proc/sys/net");
    CHECK(is_well(check_neighbours(node.system())));
  }
}

TEST_CASE("doctor looks for VLANs where there are some", "[doctor]") {
  ReadyNode node;
  node.remove("/sys/module/8021q");
  CHECK(check_vlans(node.system()).empty());
  node.system().networks[0].vlan = 100;
  check_complains(check_vlans(node.system()), Grade::warn, {"8021q"});
  node.put("/proc/net/vlan/config");
  CHECK(is_well(check_vlans(node.system())));
}
