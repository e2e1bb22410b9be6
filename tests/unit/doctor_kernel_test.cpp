// SPDX-License-Identifier: Apache-2.0
/// \file
/// What `doctor` finds about masters, RDMA devices and tables.
#include "mvr/state/journal.hpp"
#include "support/catch.hpp"
#include "support/fake_kernel.hpp"
#include "support/recorded_node.hpp"
#include "support/unit_pod.hpp"
#include "support/unit_rdma.hpp"

using namespace mvr::ops;
using namespace mvr::test;
using Lines = std::vector<std::string>;
using mvr::cni::RdmaMode;
using mvr::rdma::NetnsMode;
namespace net = mvr::net;

namespace {

constexpr const char* kMaster = "enp11s0f0np0";

/// A ready node with one network, on rail 1.
struct Node : RecordedNode {
  FakeKernel kernel;

  explicit Node(NetnsMode mode = NetnsMode::shared) : kernel(make_world(mode)) {
    make_ready();
    system().networks = {rail_conf()};
  }

  static World make_world(NetnsMode mode) {
    World world = rdma_world(mode);
    for (net::Link& link : world.host_links) {
      link.is_running = true;
      link.mtu = 9000;
    }
    device_of(world, kRail1).verbs_node = "uverbs0";
    device_of(world, kRail2).verbs_node = "uverbs1";
    return world;
  }

  void put_journal(const mvr::state::Record& record) const {
    put("/state/" + mvr::state::digest(record.attachment) + ".json",
        mvr::state::format_record(record));
  }

  net::Link& master() {
    return *std::ranges::find(kernel.world().host_links, kMaster, &net::Link::name);
  }

  Lines masters() { return lines_of(check_masters(system(), kernel)); }

  /// Asserts that one of the lines begins so and has all the words.
  void expect(const std::string& begin, const Lines& words) {
    const Lines lines = masters();
    INFO(::Catch::StringMaker<Lines>::convert(lines));
    CHECK(std::ranges::any_of(lines, [&](const std::string& line) {
      return line.starts_with(begin) && has_all(line, words);
    }));
  }
};

/// Something that lies above the master.
net::Link make_upper(int index, const std::string& name, const std::string& kind) {
  net::Link link = ethernet(index, name);
  link.kind = kind;
  return link;
}

const Lines kWell{"ok RDMA enp11s0f0np0: rocep11s0 port 1, active, 400 Gb/sec (4X NDR)",
                  "ok master enp11s0f0np0: up, carrier, MTU 9000, RoCE MTU 4096"};

}  // namespace

TEST_CASE("doctor likes a master that is up and has its device", "[doctor]") {
  Node node;
  CHECK(node.masters() == kWell);
  CHECK(lines_of(check_rdma_mode(node.system(), node.kernel)) ==
        Lines{"ok RDMA netns mode: shared"});
  CHECK(check_tables(node.system(), node.kernel).empty());
}

TEST_CASE("doctor takes the netdevs with RDMA for masters where no network is given", "[doctor]") {
  Node node;
  node.system().networks.clear();
  CHECK(node.masters().size() == 4);
  node.kernel.world().rdma.devices.clear();
  node.expect("warn masters: no netdev", {"--config"});
}

TEST_CASE("doctor looks at each master once", "[doctor]") {
  Node node;
  node.system().networks.push_back(rail_conf());
  CHECK(node.masters() == kWell);
}

TEST_CASE("doctor finds what is wrong with a master", "[doctor]") {
  Node node;
  SECTION("it is not there") {
    node.system().networks[0].master = {"nic0"};
    node.expect("fail network", {"\"nic0\""});
  }
  SECTION("it is down") {
    node.master().is_up = false;
    node.expect("fail master", {"is down", "ip link set enp11s0f0np0 up"});
  }
  SECTION("it has no carrier") {
    node.master().is_running = false;
    node.expect("fail master", {"no carrier", "cable"});
  }
  SECTION("its MTU is small for RoCE") {
    node.master().mtu = 1500;
    node.expect("warn master", {"MTU 1500", "RoCE MTU of 1024", "mtu 4200"});
    node.master().mtu = 4191;
    node.expect("warn master", {"RoCE MTU of 2048"});
    node.master().mtu = 4192;
    node.expect("ok master", {"RoCE MTU 4096"});
  }
  SECTION("it takes router advertisements") {
    const std::string dir = "/proc/sys/net/ipv6/conf/enp11s0f0np0/";
    node.put(dir + "accept_ra", "1\n");
    node.expect("warn master", {"router advertisements", "accept_ra=0"});
    node.put(dir + "forwarding", "1\n");
    CHECK(node.masters() == kWell);
    node.put(dir + "accept_ra", "2\n");
    node.expect("warn master", {"router advertisements"});
    node.put(dir + "disable_ipv6", "1\n");
    CHECK(node.masters() == kWell);
  }
  SECTION("it is part of a bridge") {
    node.kernel.world().host_links.push_back(make_upper(50, "br0", "bridge"));
    node.master().upper = net::IfIndex{50};
    node.expect("fail master", {"part of bridge br0", "nomaster"});
  }
  SECTION("it is part of a bond") {
    node.kernel.world().host_links.push_back(make_upper(50, "bond1", "bond"));
    node.master().upper = net::IfIndex{50};
    node.expect("fail master", {"part of bond bond1", "make bond1 the master"});
  }
  SECTION("it is a bond that rewrites MACs") {
    node.put("/sys/class/net/enp11s0f0np0/bonding/mode", "balance-alb 6\n");
    node.expect("fail master", {"balance-alb", "802.3ad"});
    node.put("/sys/class/net/enp11s0f0np0/bonding/mode", "802.3ad 4\n");
    CHECK(node.masters() == kWell);
  }
  SECTION("an ipvlan is on it") {
    node.kernel.world().host_links.push_back(make_upper(51, "ipvl0", "ipvlan"));
    node.put("/sys/class/net/enp11s0f0np0/upper_ipvl0/dev");
    node.expect("fail master", {"ipvlan ipvl0", "ip link delete ipvl0"});
  }
}

TEST_CASE("doctor finds what is wrong with an RDMA device", "[doctor]") {
  Node node;
  SECTION("the master has none") {
    std::erase_if(node.kernel.world().rdma.devices,
                  [](const FakeDevice& one) { return one.device.index == kRail1; });
    node.expect("warn RDMA enp11s0f0np0", {"no device", "rocep12s0"});
    node.system().networks[0].rdma.mode = RdmaMode::shared;
    node.expect("fail RDMA enp11s0f0np0", {"no device"});
    node.system().networks[0].rdma.mode = RdmaMode::off;
    CHECK(node.masters() == Lines{"ok master enp11s0f0np0: up, carrier, MTU 9000"});
  }
  SECTION("its link is down") {
    node.put("/sys/class/infiniband/rocep11s0/ports/1/state", "1: DOWN\n");
    node.expect("fail RDMA enp11s0f0np0", {"rocep11s0 port 1", "1: DOWN"});
  }
  SECTION("it cannot be opened") {
    node.remove("/dev/infiniband/uverbs0");
    node.expect("fail RDMA enp11s0f0np0", {"/dev/infiniband", "ib_uverbs"});
  }
  SECTION("a pod has it") {
    mvr::state::Record record;
    record.attachment = rail_attachment();
    record.pod = "training/worker-0";
    record.rdma.emplace();
    record.rdma->device = kRail1;
    record.rdma->name = "rocep11s0";
    record.rdma->netdev = node.master().index;
    record.rdma->is_moved = true;
    std::erase_if(node.kernel.world().rdma.devices,
                  [](const FakeDevice& one) { return one.device.index == kRail1; });
    node.put_journal(record);
    node.expect("ok RDMA enp11s0f0np0", {"rocep11s0 is in pod training/worker-0"});
  }
  SECTION("a network wants the other mode") {
    node.system().networks[0].rdma.mode = RdmaMode::exclusive;
    const Lines lines = lines_of(check_rdma_mode(node.system(), node.kernel));
    REQUIRE(lines.size() == 1);
    CHECK(has_all(lines[0], {"fail RDMA netns mode", "is shared", "wants exclusive"}));
  }
  SECTION("the kernel has no RDMA") {
    node.kernel.world().rdma.mode.reset();
    CHECK(node.masters() == Lines{"ok master enp11s0f0np0: up, carrier, MTU 9000"});
    CHECK(check_rdma_mode(node.system(), node.kernel).empty());
  }
}

TEST_CASE("doctor names who else uses the node's table", "[doctor]") {
  Node node;
  node.system().networks[0].host_rule_table = 500;
  const auto tables = [&] { return lines_of(check_tables(node.system(), node.kernel)); };
  net::Route route = foreign_route("10.9.0.0/16", "", net::IfIndex{2});
  route.table = 500;
  SECTION("nobody") {
    route.protocol = net::kOurMark;
    node.kernel.world().host_routes.push_back(route);
    CHECK(tables() == Lines{"ok table 500: is not used by others",
                            "ok table 500 (IPv6): is not used by others"});
  }
  SECTION("a route") {
    node.kernel.world().host_routes.push_back(route);
    CHECK(has_all(tables()[0], {"warn table 500", "10.9.0.0/16", "hostRuleTable"}));
  }
  SECTION("a rule") {
    node.kernel.world().host_rules.push_back(
        rule_of(net::kProtocolBoot, "10.9.0.0/16", "", 500, 900));
    CHECK(has_all(tables()[0], {"warn table 500", "rule from 10.9.0.0/16"}));
  }
}
