// SPDX-License-Identifier: Apache-2.0
#include <errno.h>

#include "mvr/plan/step.hpp"
#include "support/fake_kernel.hpp"
#include "support/unit_pod.hpp"

using mvr::Code;
using mvr::Error;
using namespace mvr::plan;
using namespace mvr::test;
namespace net = mvr::net;

namespace {

using Texts = std::vector<std::string>;

constexpr std::uint8_t kOurs = net::kOurMark;

net::Route route_of(const std::string& dst, const std::string& gateway, std::uint32_t table,
                    std::uint8_t protocol = kOurs) {
  net::Route route = foreign_route(dst, gateway, kEth0);
  route.table = table;
  route.protocol = protocol;
  return route;
}

/// What is wanted in the cases below: a table of two routes and a rule to it.
Routing wanted() {
  return {{route_of("169.254.1.1/32", "", 100), route_of("0.0.0.0/0", "169.254.1.1", 100)},
          {rule_of(kOurs, "10.233.119.164/32", "", 100, 32100)}};
}

PodState pod_with(const Routing& there) {
  PodState pod = pod_of(calico_world());
  pod.routes.insert(pod.routes.end(), there.routes.begin(), there.routes.end());
  pod.rules.insert(pod.rules.end(), there.rules.begin(), there.rules.end());
  return pod;
}

Texts steps(const Routing& routing, const PodState& pod,
            const std::vector<std::uint32_t>& owned = {100}) {
  Texts all;
  for (const Step& step : routing_steps(routing, pod, owned, "eth0")) {
    all.push_back(describe(step));
  }
  return all;
}

Texts inverses(const Step& step) {
  const auto back = inverse(step);
  return back ? Texts{describe(*back)} : Texts{};
}

}  // namespace

TEST_CASE("in a fresh pod everything is added: link route, then gateway, then rules", "[steps]") {
  CHECK(steps(wanted(), pod_with({})) ==
        Texts{"add route 169.254.1.1 dev eth0 table 100",
              "add route default via 169.254.1.1 dev eth0 table 100",
              "add rule from 10.233.119.164 lookup 100 priority 32100"});
}

TEST_CASE("there is nothing to do where all is as wanted", "[steps]") {
  CHECK(steps(wanted(), pod_with(wanted())).empty());
}

TEST_CASE("only what is missing is added", "[steps]") {
  Routing there = wanted();
  there.routes.pop_back();
  CHECK(steps(wanted(), pod_with(there)) ==
        Texts{"add route default via 169.254.1.1 dev eth0 table 100"});
  there = wanted();
  there.rules.clear();
  CHECK(steps(wanted(), pod_with(there)) ==
        Texts{"add rule from 10.233.119.164 lookup 100 priority 32100"});
}

TEST_CASE("a route of ours that differs is replaced, the old one first", "[steps]") {
  Routing there = wanted();
  there.routes[1].gateway = addr("169.254.1.2");
  CHECK(steps(wanted(), pod_with(there)) ==
        Texts{"remove route default via 169.254.1.2 dev eth0 table 100",
              "add route default via 169.254.1.1 dev eth0 table 100"});
}

TEST_CASE("a route of ours in main that differs is replaced", "[steps]") {
  Routing routing;
  routing.routes = {route_of("10.233.0.0/18", "169.254.1.1", net::kTableMain)};
  Routing there;
  there.routes = {route_of("10.233.0.0/18", "", net::kTableMain)};
  CHECK(steps(routing, pod_with(there)) ==
        Texts{"remove route 10.233.0.0/18 dev eth0 table main",
              "add route 10.233.0.0/18 via 169.254.1.1 dev eth0 table main"});
}

TEST_CASE("another NIC's route of the same key is not taken away", "[steps]") {
  Routing routing;
  routing.routes = {route_of("10.50.0.0/16", "", net::kTableMain)};
  PodState pod = pod_with(routing);
  pod.links.push_back(our_macvlan(77, "net9"));
  pod.routes.back().nic = net::IfIndex{77};
  CHECK(steps(routing, pod) == Texts{"add route 10.50.0.0/16 dev eth0 table main"});
}

TEST_CASE("leftovers of ours in a table of the NIC go", "[steps]") {
  Routing there = wanted();
  there.routes.push_back(route_of("10.7.0.0/16", "", 100));
  there.rules.push_back(rule_of(kOurs, "10.233.119.1/32", "", 100, 32100));
  CHECK(steps(wanted(), pod_with(there)) ==
        Texts{"remove rule from 10.233.119.1 lookup 100 priority 32100",
              "remove route 10.7.0.0/16 dev eth0 table 100"});
}

TEST_CASE("a rule of ours with another priority is replaced", "[steps]") {
  Routing there = wanted();
  there.rules[0].priority = 31000;
  CHECK(steps(wanted(), pod_with(there)) ==
        Texts{"remove rule from 10.233.119.164 lookup 100 priority 31000",
              "add rule from 10.233.119.164 lookup 100 priority 32100"});
}

TEST_CASE("what is ours in other tables stays", "[steps]") {
  Routing there = wanted();
  there.routes.push_back(route_of("10.7.0.0/16", "", 102));
  there.routes.push_back(route_of("10.8.0.0/16", "", net::kTableMain));
  there.rules.push_back(rule_of(kOurs, "", "net2", 102, 32102));
  CHECK(steps(wanted(), pod_with(there)).empty());
}

TEST_CASE("what others made stays, and does not count as ours", "[steps]") {
  Routing there = wanted();
  there.routes.push_back(route_of("10.7.0.0/16", "", 100, 3));
  there.rules.push_back(rule_of(3, "10.233.119.1/32", "", 100, 32100));
  CHECK(steps(wanted(), pod_with(there)).empty());
  there = wanted();
  there.rules[0].protocol = 3;
  CHECK(steps(wanted(), pod_with(there)) ==
        Texts{"add rule from 10.233.119.164 lookup 100 priority 32100"});
}

TEST_CASE("addresses are added in IPAM's order", "[steps]") {
  DesiredNic nic;
  nic.addresses = {address_of(kNet1, "172.16.11.11/24"), address_of(kNet1, "172.16.11.10/24")};
  const auto all = address_steps(nic, "net1");
  REQUIRE(all.size() == 2);
  CHECK(describe(all[0]) == "add address 172.16.11.11/24 dev net1");
  CHECK(describe(all[1]) == "add address 172.16.11.10/24 dev net1");
}

TEST_CASE("a step's inverse does the opposite", "[steps]") {
  const net::Route route = route_of("10.7.0.0/16", "", 100);
  const net::Rule rule = rule_of(kOurs, "", "net1", 101, 32101);
  const net::IfAddress address = address_of(kNet1, "172.16.11.10/24");
  CHECK(inverses(ChangeRoute{Op::add, route, "eth0"}) ==
        Texts{"remove route 10.7.0.0/16 dev eth0 table 100"});
  CHECK(inverses(ChangeRoute{Op::remove, route, "eth0"}) ==
        Texts{"add route 10.7.0.0/16 dev eth0 table 100"});
  CHECK(inverses(ChangeRule{Op::add, rule}) ==
        Texts{"remove rule from all oif net1 lookup 101 priority 32101"});
  CHECK(inverses(ChangeAddress{Op::remove, address, "net1"}) ==
        Texts{"add address 172.16.11.10/24 dev net1"});
  CHECK(inverses(CreateLink{plan_link(rail_conf(), facts_of(calico_world()), rail_attachment())}) ==
        Texts{"remove the NIC"});
  CHECK(inverses(CreateVlan{}).empty());
  CHECK(inverses(SetSysctls{}).empty());
  CHECK(inverses(ChangeLink{}).empty());
  CHECK(inverses(RemoveLink{}).empty());
}

TEST_CASE("a step that fails says what it was, with the code of its kind", "[steps]") {
  FakeKernel kernel(calico_world());
  const Step route = ChangeRoute{Op::remove, route_of("10.7.0.0/16", "", 100), "eth0"};
  Error error = refused(mvr::plan::apply(kernel, route));
  CHECK(error.code == Code::routing);
  CHECK(error.sys_errno == ESRCH);
  CHECK(error.msg.starts_with("remove route 10.7.0.0/16 dev eth0 table 100: "));
  CHECK(is_gone(error));
  error = refused(
      mvr::plan::apply(kernel, ChangeRule{Op::remove, rule_of(kOurs, "", "net1", 101, 32101)}));
  CHECK(error.code == Code::routing);
  CHECK(is_gone(error));
  error = refused(
      mvr::plan::apply(kernel, ChangeAddress{Op::add, address_of(kNet1, "10.0.0.1/8"), "net1"}));
  CHECK(error.code == Code::link_failed);
  CHECK(error.sys_errno == ENODEV);
  error = refused(mvr::plan::apply(kernel, SetSysctls{{{"ipv4/conf/net1/rp_filter", "2"}}}));
  CHECK(error.code == Code::link_failed);
  CHECK(has_all(error.msg, {"rp_filter=2"}));
}

TEST_CASE("a step does not name the NIC that its error begins with", "[steps]") {
  net::LinkChange change;
  change.name = "net1";
  change.up = true;
  CHECK(describe(ChangeLink{change}) == "set name up");
  change = {};
  change.promisc = true;
  change.allmulti = true;
  CHECK(describe(ChangeLink{change}) == "set promisc allmulti");
  change = {};
  change.mac = mac("0a:58:ac:10:0b:0a");
  change.up = true;
  CHECK(describe(ChangeLink{change}) == "set MAC 0a:58:ac:10:0b:0a up");
  const DesiredLink link = plan_link(rail_conf(), facts_of(calico_world()), rail_attachment());
  CHECK(describe(CreateLink{link}) == "create the NIC (macvlan, as " + link.spec.name + ")");
}

TEST_CASE("only errors that mean absence count as gone", "[steps]") {
  for (const int error : {ENODEV, ENOENT, ESRCH, EADDRNOTAVAIL}) {
    CHECK(is_gone(Error{Code::io, error, ""}));
  }
  for (const int error : {0, EPERM, EEXIST, EBUSY, EINVAL, ENETUNREACH, ENOMEM}) {
    CHECK_FALSE(is_gone(Error{Code::io, error, ""}));
  }
}

TEST_CASE("a link is ours by its temporary name, or by its name and alias", "[steps]") {
  const RemoveLink names{"mvr0123", "net1", "macvlan-rdma:gpu1-macvlan/0123abcd/net1"};
  const auto found = [&](const net::Link& link) {
    World world = calico_world();
    world.pod_links.push_back(link);
    FakeKernel kernel(world);
    return unwrap(find_own_link(kernel, names)).has_value();
  };
  net::Link link = our_macvlan(77, "mvr0123");
  CHECK(found(link));
  link.group = 0;
  CHECK_FALSE(found(link));
  link = our_macvlan(77, "net1");
  CHECK_FALSE(found(link));
  link.alias = names.alias;
  CHECK(found(link));
  link.macvlan.reset();
  CHECK_FALSE(found(link));
  link = our_macvlan(77, "net2");
  link.alias = names.alias;
  CHECK_FALSE(found(link));
}

TEST_CASE("a removed link is the attachment's alone", "[steps]") {
  World world = calico_world();
  world.pod_links.push_back(our_macvlan(77, "net1"));
  FakeKernel kernel(world);
  unwrap(mvr::plan::apply(kernel, RemoveLink{"mvr0123", "net1", "macvlan-rdma:other"}));
  CHECK(kernel.changes().empty());
  kernel.world().pod_links.back().alias = "macvlan-rdma:other";
  unwrap(mvr::plan::apply(kernel, RemoveLink{"mvr0123", "net1", "macvlan-rdma:other"}));
  CHECK(kernel.changes() == Texts{"delete link net1"});
  CHECK(kernel.world() == calico_world());
}
