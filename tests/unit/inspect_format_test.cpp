// SPDX-License-Identifier: Apache-2.0
/// \file
/// What `inspect` has seen, as text, as JSON, as a picture.
#include "ops/inspect.hpp"
#include "ops/table.hpp"
#include "support/catch.hpp"
#include "support/golden.hpp"

using namespace mvr::ops;
using namespace mvr::plugin;
namespace ip = mvr::ip;
namespace net = mvr::net;
using mvr::test::check_golden;

namespace {

constexpr const char* kContainer = "5f1c0de5a9b24c7e8d3f60718293a4b5";

net::Link make_link(const std::string& name, int index) {
  net::Link link;
  link.index = net::IfIndex{index};
  link.name = name;
  link.mac = ip::Mac::parse("02:00:5e:10:00:0" + std::to_string(index));
  link.mtu = 4200;
  link.is_up = true;
  link.is_running = true;
  return link;
}

GatewayView make_gateway(const char* source, const char* gateway) {
  GatewayView view{.target = {*ip::Address::parse(source), *ip::Address::parse(gateway)}};
  view.state = GatewayView::State::answers;
  view.mac = ip::Mac::parse("02:00:5e:10:00:fe");
  view.attempts = 1;
  view.elapsed = std::chrono::microseconds(342);
  return view;
}

/// net1 has IPv4 and IPv6, and an RDMA device.
NicView make_nic() {
  NicView nic;
  nic.name = "net1";
  nic.attachment = {"gpu1-macvlan", kContainer, "net1"};
  nic.journal = "/run/macvlan-rdma/0123456789abcdef0123456789abcdef.json";
  nic.link = make_link("net1", 3);
  nic.link->alias = "macvlan-rdma:" + nic.attachment.to_string();
  nic.master_name = "enp11s0f0np0";
  nic.master = make_link("enp11s0f0np0", 2);
  nic.addresses = {*ip::Prefix::parse("172.16.11.10/24"), *ip::Prefix::parse("fd00:11::10/64")};
  nic.gateways = {make_gateway("172.16.11.10", "172.16.11.254"),
                  make_gateway("fd00:11::10", "fd00:11::fe")};
  nic.table = 101;
  nic.routes = {"default via 172.16.11.254 dev net1 table 101"};
  nic.rules = {"from 172.16.11.10 lookup 101 priority 32101",
               "from all oif net1 lookup 101 priority 32101"};
  nic.rdma = RdmaView{"mlx5_0", 1, true, true, true, {3, 5}};
  return nic;
}

PodView make_pod() {
  PodView pod;
  pod.name = "training/worker-0";
  pod.path = "/run/netns/cni-1";
  pod.id = {4, 4026532472};
  pod.overlay = OverlayView{"eth0",
                            1450,
                            {*ip::Prefix::parse("10.233.119.164/32")},
                            100,
                            {"default via 169.254.1.1 dev eth0",
                             "10.233.0.0/18 via 169.254.1.1 dev eth0 src 10.233.119.164"}};
  pod.nics = {make_nic()};
  return pod;
}

NodeView make_node() {
  return {"/run/macvlan-rdma", {make_pod()}, {}, {}};
}

/// Everything that can be wrong, and names that nobody should have chosen.
NodeView make_sick_node() {
  NodeView node = make_node();
  NicView& net1 = node.pods[0].nics[0];
  net1.gateways[0].state = GatewayView::State::silent;
  net1.gateways[0].mac.reset();
  net1.problems = {{"gateway 172.16.11.254 does not answer", "look at the gateway"}};
  net1.drift = {{"route", "", "default via 172.16.11.254 dev net1 table 101", "nothing"},
                {"link", "mtu", "4200", "1500"}};
  NicView gone;
  gone.name = "net2";
  gone.attachment = {"gpu2-macvlan", kContainer, "net2"};
  gone.journal = "/run/macvlan-rdma/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.json";
  gone.master_name = "enp12s0f0np0";
  gone.table = 102;
  gone.problems = {{"it is not in the pod any more", "delete the pod"}};
  NicView stray = make_nic();
  stray.name = stray.attachment.ifname = "net\x1b[31m3";
  stray.attachment = {"", "", stray.name};
  stray.journal.clear();
  stray.rdma->is_active = false;
  stray.master->is_running = false;
  stray.gateways[1].state = GatewayView::State::no_carrier;
  stray.notes = {"gateways not asked"};
  NicView busy = make_nic();
  busy.name = "net4";
  busy.is_busy = true;
  node.pods[0].nics.insert(node.pods[0].nics.end(), {gone, stray, busy});
  node.pods[0].problems = {
      {"main's default route does not leave by eth0 any more: \"default via "
       "172.16.11.254 dev net1\"",
       "in the pod: ip route delete default via 172.16.11.254 dev net1; ip "
       "route add default via 169.254.1.1 dev eth0"}};
  PodView bare;
  bare.path = "/run/netns/bare";
  node.pods.push_back(bare);
  node.lost = {{{"gpu1-macvlan", "dead", "net1"},
                "training/\"gone\"",
                "/run/macvlan-rdma/b.json",
                false,
                {"its namespace is gone", "macvlan-rdma gc undoes what it has left"}},
               {{"gpu1-macvlan", "new", "net1"}, "", "/run/macvlan-rdma/c.json", true, {}}};
  node.problems = {{"journal /run/macvlan-rdma/d.json says nothing", "remove it"}};
  return node;
}

}  // namespace

TEST_CASE("inspect shows a node on which all is well", "[inspect]") {
  const NodeView node = make_node();
  CHECK(is_healthy(node));
  check_golden("inspect/well.txt", format_text(node, Painter(false)));
  check_golden("inspect/well.json", format_json(node));
  check_golden("inspect/well.dot", format_dot(node));
  check_golden("inspect/well-80.txt", format_text(node, Painter(false, 80)));
}

TEST_CASE("inspect shows all that is wrong", "[inspect]") {
  const NodeView node = make_sick_node();
  CHECK_FALSE(is_healthy(node));
  check_golden("inspect/sick.txt", format_text(node, Painter(false)));
  check_golden("inspect/sick.json", format_json(node));
  check_golden("inspect/sick.dot", format_dot(node));
  check_golden("inspect/sick-80.txt", format_text(node, Painter(false, 80)));
}

TEST_CASE("inspect shows a node without NICs", "[inspect]") {
  const NodeView node{"/run/macvlan-rdma", {}, {}, {}};
  CHECK(is_healthy(node));
  CHECK(format_text(node, Painter(false)) ==
        "no NIC of ours on this node, and no journal in /run/macvlan-rdma\n\n"
        "0 pods, 0 NICs: all is well\n");
}

TEST_CASE("colours change nothing but the colour", "[inspect]") {
  std::string coloured = format_text(make_sick_node(), Painter(true));
  for (std::size_t at = 0; (at = coloured.find("\x1b[")) != std::string::npos;) {
    coloured.erase(at, coloured.find('m', at) - at + 1);
  }
  CHECK(coloured == format_text(make_sick_node(), Painter(false)));
}

TEST_CASE("what is shown on a terminal is no wider", "[inspect]") {
  for (const std::size_t width : {80U, 100U, 120U}) {
    std::string text = format_text(make_sick_node(), Painter(false, width));
    for (std::size_t end = 0; (end = text.find('\n')) != std::string::npos;
         text.erase(0, end + 1)) {
      INFO(text.substr(0, end));
      CHECK(width_of(text.substr(0, end)) <= width);
    }
  }
}

TEST_CASE("a gateway stands beside the address that asks it", "[inspect]") {
  NodeView node = make_node();
  NicView& nic = node.pods[0].nics[0];
  nic.addresses = {*ip::Prefix::parse("172.16.11.10/24"), *ip::Prefix::parse("10.99.0.7/24"),
                   *ip::Prefix::parse("10.98.0.7/24")};
  nic.gateways = {make_gateway("10.99.0.7", "10.99.0.1"), make_gateway("10.98.0.7", "10.98.0.1"),
                  make_gateway("10.98.0.7", "10.98.0.2"), make_gateway("10.1.1.1", "10.1.1.2")};
  const std::string text = format_text(node, Painter(false));
  const auto line_with = [&](const std::string& words) {
    const std::size_t at = text.find(words);
    REQUIRE(at != std::string::npos);
    const std::size_t begin = text.rfind('\n', at) + 1;
    return text.substr(begin, text.find('\n', at) - begin);
  };
  CHECK(line_with("172.16.11.10/24").find("0.34 ms") == std::string::npos);
  CHECK(line_with("10.99.0.7/24").find("10.99.0.1 ") != std::string::npos);
  CHECK(line_with("10.98.0.7/24").find("10.98.0.1 ") != std::string::npos);
  CHECK(line_with("10.98.0.2 ").find("/24") == std::string::npos);
  CHECK(line_with("10.1.1.2 ").find("/24") == std::string::npos);
}

TEST_CASE("what is wrong anywhere makes the node unwell", "[inspect]") {
  NodeView node = make_node();
  SECTION("drift") {
    node.pods[0].nics[0].drift = {{"link", "mtu", "1", "2"}};
  }
  SECTION("a problem") {
    node.pods[0].nics[0].problems = {{"a", "b"}};
  }
  SECTION("a problem of the pod") {
    node.pods[0].problems = {{"a", "b"}};
  }
  SECTION("a journal without a pod") {
    node.lost = {{{"n", "c", "i"}, "", "", false, {"a", "b"}}};
  }
  SECTION("a journal that cannot be read") {
    node.problems = {{"a", "b"}};
  }
  CHECK_FALSE(is_healthy(node));
}

TEST_CASE("a table has aligned columns and no empty ones", "[inspect]") {
  Table table({"A", "EMPTY", "LONG"});
  table.add({{"µµµ"}, {}, {"x"}});
  table.add({{"b", Colour::bad}, {}, {}});
  CHECK(table.format(Painter(false), " ") == " A    LONG\n µµµ  x\n b\n");
  CHECK(table.format(Painter(false, 10), " ") == table.format(Painter(false), " "));
  CHECK(table.format(Painter(true), " ").find("\x1b[31mb\x1b[0m\n") != std::string::npos);
}

TEST_CASE("a table that is too wide is several", "[inspect]") {
  Table table({"NAME", "ONE", "TWO", "STATE"});
  table.add({{"a"}, {"11111"}, {"22222"}, {"ok"}});
  table.add({{}, {}, {"33333"}, {}});
  CHECK(table.format(Painter(false, 20), "") ==
        "NAME  STATE  ONE\na     ok     11111\n\nNAME  TWO\na     22222\n      33333\n");
  CHECK(table.format(Painter(false, 26), "") ==
        "NAME  ONE    TWO    STATE\na     11111  22222  ok\n             33333\n");
}
