// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "mvr/plan/desired.hpp"
#include "support/unit_pod.hpp"

using namespace mvr::plan;
using namespace mvr::test;
namespace net = mvr::net;
namespace cni = mvr::cni;

namespace {

using Texts = std::vector<std::string>;

DesiredShared shared_of(const World& world, const cni::NetConf& conf = rail_conf(),
                        const Place& place = rail_place()) {
  return plan_shared(conf, facts_of(world), place);
}

/// The routes of a table, in iproute2's words.
Texts routes_of(const World& world, std::uint32_t table, const cni::NetConf& conf = rail_conf()) {
  auto routes = shared_of(world, conf).routing.routes;
  std::erase_if(routes, [&](const net::Route& route) { return route.table != table; });
  for (const net::Route& route : routes) {
    CHECK(route.protocol == net::kOurMark);
  }
  return texts(routes, facts_of(world));
}

Texts main_of(const World& world, const cni::NetConf& conf = rail_conf()) {
  return routes_of(world, net::kTableMain, conf);
}

/// A pod of Flannel: bridge address in a /24, its own route to the whole cluster network.
World flannel_world() {
  World world = plain_world();
  world.pod_links.push_back(ethernet(3, "eth0", 1450));
  world.pod_addresses = {address_of(kEth0, "10.244.1.7/24")};
  net::Route connected = foreign_route("10.244.1.0/24", "", kEth0);
  connected.src = addr("10.244.1.7");
  connected.protocol = net::kProtocolKernel;
  world.pod_routes = {foreign_route("0.0.0.0/0", "10.244.1.1", kEth0), connected,
                      foreign_route("10.244.0.0/16", "10.244.1.1", kEth0)};
  return world;
}

World without_default(World world) {
  std::erase_if(world.pod_routes, [](const net::Route& r) { return r.dst.is_default(); });
  return world;
}

net::Route in_t0(net::Route route) {
  route.table = 100;
  route.protocol = net::kOurMark;
  return route;
}

}  // namespace

TEST_CASE("a pod of Calico gets its table, its rules and the cluster's routes", "[shared]") {
  const World world = calico_world();
  CHECK(routes_of(world, 100) ==
        Texts{"169.254.1.1 dev eth0 table 100", "default via 169.254.1.1 dev eth0 table 100"});
  CHECK(main_of(world) ==
        Texts{"10.233.0.0/18 via 169.254.1.1 dev eth0 src 10.233.119.164 table main",
              "10.233.64.0/18 via 169.254.1.1 dev eth0 src 10.233.119.164 table main",
              "169.254.0.0/16 via 169.254.1.1 dev eth0 src 10.233.119.164 table main",
              "10.1.20.4 via 169.254.1.1 dev eth0 src 10.233.119.164 table main"});
  CHECK(texts(shared_of(world).routing.rules) ==
        Texts{"from 10.233.119.164 lookup 100 priority 32100",
              "from all oif eth0 lookup 100 priority 32100"});
  CHECK(shared_of(world).warnings.empty());
}

TEST_CASE("Flannel's own route to the cluster is enough", "[shared]") {
  const World world = flannel_world();
  cni::NetConf conf = rail_conf();
  conf.overlay_pod_cidr = {prefix("10.244.0.0/16")};
  conf.service_cidr = {prefix("10.96.0.0/12")};
  CHECK(routes_of(world, 100, conf) == Texts{"10.244.1.0/24 dev eth0 src 10.244.1.7 table 100",
                                             "default via 10.244.1.1 dev eth0 table 100"});
  CHECK(main_of(world, conf) ==
        Texts{"10.96.0.0/12 via 10.244.1.1 dev eth0 src 10.244.1.7 table main",
              "169.254.0.0/16 via 10.244.1.1 dev eth0 src 10.244.1.7 table main",
              "10.1.20.4 via 10.244.1.1 dev eth0 src 10.244.1.7 table main"});
}

TEST_CASE("a route that only looks like the cluster's is not enough", "[shared]") {
  cni::NetConf conf = rail_conf();
  conf.overlay_pod_cidr = {prefix("10.244.0.0/16")};
  const std::string wish = "10.244.0.0/16 via 10.244.1.1 dev eth0 src 10.244.1.7 table main";
  World world = flannel_world();
  const auto has_wish = [&] { return std::ranges::count(main_of(world, conf), wish) == 1; };
  net::Route& own = world.pod_routes.back();
  CHECK_FALSE(has_wish());
  SECTION("our own from before") {
    own.protocol = net::kOurMark;
    CHECK(has_wish());
  }
  SECTION("in another table") {
    own.table = 77;
    CHECK(has_wish());
  }
  SECTION("by another interface") {
    world.pod_links.push_back(ethernet(4, "net9"));
    own.nic = net::IfIndex{4};
    CHECK(has_wish());
  }
  SECTION("of another length") {
    own.dst = prefix("10.244.0.0/17");
    CHECK(has_wish());
  }
  SECTION("that refuses") {
    own.type = net::RouteType::unreachable;
    CHECK(has_wish());
  }
}

TEST_CASE("the default's MTU and metric are copied for Cilium", "[shared]") {
  World world = calico_world();
  world.pod_routes[0].mtu = 1400;
  world.pod_routes[0].advmss = 1360;
  world.pod_routes[0].metric = 5;
  const auto routes = shared_of(world).routing.routes;
  const auto copy = std::ranges::find_if(
      routes, [](const net::Route& r) { return r.dst.is_default() && r.table == 100; });
  REQUIRE(copy != routes.end());
  CHECK(copy->mtu == 1400);
  CHECK(copy->advmss == 1360);
  CHECK(copy->metric == 5);
}

TEST_CASE("the best of several defaults is the next hop", "[shared]") {
  World world = calico_world();
  world.pod_routes[0].metric = 100;
  net::Route better = foreign_route("0.0.0.0/0", "169.254.1.2", kEth0);
  better.metric = 50;
  world.pod_routes.push_back(better);
  CHECK(has_all(main_of(world).front(), {"via 169.254.1.2"}));
}

TEST_CASE("an onlink default gives onlink cluster routes", "[shared]") {
  World world = calico_world();
  world.pod_routes = {foreign_route("0.0.0.0/0", "169.254.1.1", kEth0)};
  world.pod_routes[0].is_onlink = true;
  CHECK(routes_of(world, 100) == Texts{"default via 169.254.1.1 dev eth0 onlink table 100"});
  CHECK(has_all(main_of(world).front(), {"onlink"}));
}

TEST_CASE("a default without a gateway gives cluster routes on the link", "[shared]") {
  World world = calico_world();
  world.pod_routes = {foreign_route("0.0.0.0/0", "", kEth0)};
  CHECK(main_of(world).front() == "10.233.0.0/18 dev eth0 src 10.233.119.164 table main");
}

TEST_CASE("a default that is gone from main is taken from the NIC's table", "[shared]") {
  World world = without_default(flannel_world());
  world.pod_routes.push_back(in_t0(foreign_route("0.0.0.0/0", "10.244.1.1", kEth0)));
  CHECK(has_all(main_of(world).front(), {"via 10.244.1.1"}));
  CHECK(routes_of(world, 100).back() == "default via 10.244.1.1 dev eth0 table 100");
}

TEST_CASE("a default that is gone is taken from a link route to one address", "[shared]") {
  const World world = without_default(calico_world());
  CHECK(routes_of(world, 100) ==
        Texts{"169.254.1.1 dev eth0 table 100", "default via 169.254.1.1 dev eth0 table 100"});
  CHECK(main_of(world).front() ==
        "10.233.0.0/18 via 169.254.1.1 dev eth0 src 10.233.119.164 table main");
}

TEST_CASE("a default by another interface is not the overlay NIC's", "[shared]") {
  World world = without_default(calico_world());
  world.pod_links.push_back(ethernet(4, "net9"));
  world.pod_routes.push_back(foreign_route("0.0.0.0/0", "192.0.2.1", net::IfIndex{4}));
  CHECK(has_all(main_of(world).front(), {"via 169.254.1.1 dev eth0"}));
}

TEST_CASE("without any next hop there are no cluster routes, and a warning", "[shared]") {
  World world = flannel_world();
  world.pod_routes = {world.pod_routes[1]};
  const DesiredShared shared = shared_of(world);
  CHECK(texts(shared.routing.routes, facts_of(world)) ==
        Texts{"10.244.1.0/24 dev eth0 src 10.244.1.7 table 100"});
  CHECK(shared.routing.rules.size() == 2);
  REQUIRE(shared.warnings.size() == 1);
  CHECK(has_all(shared.warnings[0], {"eth0"}));
}

TEST_CASE("each of the overlay NIC's addresses has a rule, the first one is the source",
          "[shared]") {
  World world = calico_world();
  world.pod_addresses.push_back(address_of(kEth0, "10.233.119.165/32"));
  CHECK(texts(shared_of(world).routing.rules) ==
        Texts{"from 10.233.119.164 lookup 100 priority 32100",
              "from 10.233.119.165 lookup 100 priority 32100",
              "from all oif eth0 lookup 100 priority 32100"});
  CHECK(has_all(main_of(world).front(), {"src 10.233.119.164"}));
}

TEST_CASE("an overlay NIC without an address has cluster routes without a source", "[shared]") {
  World world = calico_world();
  world.pod_addresses.clear();
  CHECK(main_of(world).front() == "10.233.0.0/18 via 169.254.1.1 dev eth0 table main");
  CHECK(texts(shared_of(world).routing.rules) ==
        Texts{"from all oif eth0 lookup 100 priority 32100"});
}

TEST_CASE("a destination that is wished for twice gets one route", "[shared]") {
  cni::NetConf conf = rail_conf();
  conf.overlay_pod_cidr = {prefix("10.233.0.0/18"), prefix("10.1.20.4/32")};
  conf.hijack_cidr = {prefix("10.233.0.0/18")};
  CHECK(main_of(calico_world(), conf).size() == 2);
}

TEST_CASE("nothing is wished for when the lists are empty", "[shared]") {
  cni::NetConf conf = rail_conf();
  conf.service_cidr.clear();
  conf.overlay_pod_cidr.clear();
  conf.hijack_cidr.clear();
  Facts facts = facts_of(calico_world());
  facts.host_addresses.clear();
  const auto routes = plan_shared(conf, facts, rail_place()).routing.routes;
  CHECK(std::ranges::all_of(routes, [](const net::Route& r) { return r.table == 100; }));
}

TEST_CASE("the overlay NIC's table takes what is not by a gateway, and no copies of ours",
          "[shared]") {
  World world = calico_world();
  world.pod_routes.push_back(foreign_route("10.7.0.0/16", "169.254.1.1", kEth0));
  net::Route ours = foreign_route("10.8.0.0/16", "", kEth0);
  ours.protocol = net::kOurMark;
  world.pod_routes.push_back(ours);
  CHECK(routes_of(world, 100) ==
        Texts{"169.254.1.1 dev eth0 table 100", "default via 169.254.1.1 dev eth0 table 100"});
}

TEST_CASE("a pod without an overlay NIC, or a NIC without routing, shares nothing", "[shared]") {
  CHECK(shared_of(plain_world()).routing == Routing{});
  CHECK(shared_of(calico_world(), rail_conf(), Place{}).routing == Routing{});
}
