// SPDX-License-Identifier: Apache-2.0
// Routes that IPAM asks for, and NICs of pods without an overlay network.
#include "mvr/plan/desired.hpp"
#include "support/unit_pod.hpp"

using namespace mvr::plan;
using namespace mvr::test;
namespace net = mvr::net;
namespace cni = mvr::cni;

namespace {

using Texts = std::vector<std::string>;

cni::RouteConfig route_to(const std::string& dst, const std::string& gateway = "") {
  cni::RouteConfig route;
  route.dst = prefix(dst);
  route.gateway = gateway.empty() ? std::nullopt : std::optional(addr(gateway));
  return route;
}

cni::AddResult lease_with(std::vector<cni::RouteConfig> routes) {
  cni::AddResult lease = rail_lease();
  lease.routes = std::move(routes);
  return lease;
}

DesiredNic nic_of(const cni::AddResult& lease) {
  return unwrap(
      plan_nic(rail_conf(), facts_of(calico_world()), rail_place(), kNet1, "net1", lease));
}

DesiredNic plain_nic_of(const cni::AddResult& lease) {
  return unwrap(plan_nic(rail_conf(), facts_of(plain_world()), Place{}, kNet1, "net1", lease));
}

Texts routes_of(const DesiredNic& nic) {
  return texts(nic.routing.routes, facts_of(calico_world()));
}

/// The routes besides the NIC's connected one and its default.
Texts extra_of(const DesiredNic& nic) {
  Texts all = routes_of(nic);
  REQUIRE(all.size() >= 2);
  all.erase(all.begin(), all.begin() + 2);
  return all;
}

}  // namespace

TEST_CASE("IPAM's route goes to the NIC's table, and to main behind the cluster's", "[nic]") {
  const DesiredNic nic = nic_of(lease_with({route_to("10.50.0.0/16", "172.16.11.253")}));
  CHECK(extra_of(nic) == Texts{"10.50.0.0/16 via 172.16.11.253 dev net1 table 101",
                               "10.50.0.0/16 via 172.16.11.253 dev net1 metric 101 table main"});
  REQUIRE(nic.main_routes.size() == 1);
  CHECK(nic.main_routes[0].dst == prefix("10.50.0.0/16"));
  CHECK(nic.main_routes[0].priority == 101U);
  CHECK(nic.warnings.empty());
}

TEST_CASE("a route without a gateway is by the address' gateway", "[nic]") {
  CHECK(extra_of(nic_of(lease_with({route_to("10.50.0.0/16")}))).front() ==
        "10.50.0.0/16 via 172.16.11.254 dev net1 table 101");
}

TEST_CASE("a route of link scope has no gateway", "[nic]") {
  cni::RouteConfig route = route_to("10.50.0.0/16");
  route.scope = 253;
  CHECK(extra_of(nic_of(lease_with({route}))).front() == "10.50.0.0/16 dev net1 table 101");
  route.scope = 0;
  CHECK(extra_of(nic_of(lease_with({route}))).front() ==
        "10.50.0.0/16 via 172.16.11.254 dev net1 table 101");
}

TEST_CASE("a route to the gateway itself does not go by the gateway", "[nic]") {
  cni::AddResult lease = lease_with({route_to("172.16.99.1/32")});
  lease.ips[0].gateway = addr("172.16.99.1");
  CHECK(extra_of(nic_of(lease)).front() == "172.16.99.1 dev net1 table 101");
}

TEST_CASE("a route's gateway outside the prefix is onlink", "[nic]") {
  CHECK(extra_of(nic_of(lease_with({route_to("10.50.0.0/16", "10.60.0.1")}))).front() ==
        "10.50.0.0/16 via 10.60.0.1 dev net1 onlink table 101");
}

TEST_CASE("a route's MTU and advmss are kept in both tables", "[nic]") {
  cni::RouteConfig route = route_to("10.50.0.0/16");
  route.mtu = 1400;
  route.advmss = 1360;
  const DesiredNic nic = nic_of(lease_with({route}));
  REQUIRE(nic.routing.routes.size() == 4);
  for (std::size_t i = 2; i < 4; ++i) {
    CHECK(nic.routing.routes[i].mtu == 1400);
    CHECK(nic.routing.routes[i].advmss == 1360);
  }
}

TEST_CASE("a route's priority is its metric in main", "[nic]") {
  cni::RouteConfig route = route_to("10.50.0.0/16");
  route.priority = 50;
  const DesiredNic nic = nic_of(lease_with({route}));
  CHECK(extra_of(nic).back() == "10.50.0.0/16 via 172.16.11.254 dev net1 metric 50 table main");
  CHECK(nic.main_routes.at(0).priority == 50U);
}

TEST_CASE("a route of another table goes there alone", "[nic]") {
  cni::RouteConfig route = route_to("10.50.0.0/16");
  route.table = 500;
  route.priority = 7;
  const DesiredNic nic = nic_of(lease_with({route}));
  CHECK(extra_of(nic) == Texts{"10.50.0.0/16 via 172.16.11.254 dev net1 metric 7 table 500"});
  CHECK(nic.main_routes.empty());
  route.table = net::kTableMain;
  CHECK(extra_of(nic_of(lease_with({route}))).size() == 2);
}

TEST_CASE("no default route of IPAM's enters main, whatever its table", "[nic]") {
  for (const auto table : {std::optional<std::uint32_t>(), std::optional(net::kTableMain)}) {
    cni::RouteConfig route = route_to("0.0.0.0/0", "172.16.11.254");
    route.table = table;
    route.priority = 1;
    const DesiredNic nic = nic_of(lease_with({route}));
    CHECK(extra_of(nic).empty());
    CHECK(nic.main_routes.empty());
  }
}

TEST_CASE("a default route for a table of its own goes to that table", "[nic]") {
  cni::RouteConfig route = route_to("0.0.0.0/0", "172.16.11.253");
  route.table = 500;
  const DesiredNic nic = nic_of(lease_with({route}));
  CHECK(extra_of(nic) == Texts{"default via 172.16.11.253 dev net1 table 500"});
  CHECK(routes_of(nic)[1] == "default via 172.16.11.254 dev net1 table 101");
}

TEST_CASE("a route into the cluster stays in the NIC's table, with a warning", "[nic]") {
  for (const char* dst : {"10.233.0.0/18", "10.233.70.0/24", "169.254.20.10/32", "10.1.20.4/32"}) {
    INFO(dst);
    const DesiredNic nic = nic_of(lease_with({route_to(dst)}));
    CHECK(extra_of(nic).size() == 1);
    CHECK(nic.main_routes.empty());
    REQUIRE(nic.warnings.size() == 1);
    CHECK(has_all(nic.warnings[0], {dst, "eth0"}));
  }
}

TEST_CASE("a route that is wider than the cluster goes to main", "[nic]") {
  const DesiredNic nic = nic_of(lease_with({route_to("10.0.0.0/8")}));
  CHECK(extra_of(nic).size() == 2);
  CHECK(nic.warnings.empty());
}

TEST_CASE("a subnet inside the cluster's gets a warning", "[nic]") {
  cni::AddResult lease = rail_lease();
  lease.ips[0] = {prefix("10.233.70.5/24"), addr("10.233.70.1"), std::nullopt};
  const DesiredNic nic = nic_of(lease);
  REQUIRE(nic.warnings.size() == 1);
  CHECK(has_all(nic.warnings[0], {"10.233.70.0/24", "10.233.64.0/18"}));
}

TEST_CASE("the first of two routes with one key is taken, with a warning", "[nic]") {
  const DesiredNic nic = nic_of(lease_with(
      {route_to("10.50.0.0/16", "172.16.11.253"), route_to("10.50.0.0/16", "172.16.11.252")}));
  CHECK(extra_of(nic) == Texts{"10.50.0.0/16 via 172.16.11.253 dev net1 table 101",
                               "10.50.0.0/16 via 172.16.11.253 dev net1 metric 101 table main"});
  CHECK_FALSE(nic.warnings.empty());
  CHECK(has_all(nic.warnings.front(), {"10.50.0.0/16"}));
  CHECK(nic.main_routes.size() == 1);
}

TEST_CASE("a route that comes twice is taken once, without a warning", "[nic]") {
  const DesiredNic nic = nic_of(lease_with({route_to("10.50.0.0/16"), route_to("10.50.0.0/16")}));
  CHECK(extra_of(nic).size() == 2);
  CHECK(nic.warnings.empty());
  CHECK(nic.main_routes.size() == 1);
}

TEST_CASE("a route to the NIC's own subnet does not collide with the kernel's", "[nic]") {
  const DesiredNic nic = nic_of(lease_with({route_to("172.16.11.0/24", "172.16.11.254")}));
  CHECK(extra_of(nic).empty());
  CHECK(nic.main_routes.empty());
  const DesiredNic plain = plain_nic_of(lease_with({route_to("172.16.11.0/24", "172.16.11.254")}));
  CHECK(routes_of(plain).empty());
  CHECK(plain.main_routes.empty());
}

TEST_CASE("the only NIC of a plain pod gives it IPAM's routes, its default as well", "[nic]") {
  const DesiredNic nic =
      plain_nic_of(lease_with({route_to("0.0.0.0/0"), route_to("10.50.0.0/16", "172.16.11.253")}));
  CHECK(routes_of(nic) == Texts{"default via 172.16.11.254 dev net1 table main",
                                "10.50.0.0/16 via 172.16.11.253 dev net1 table main"});
  CHECK(nic.routing.rules.empty());
  CHECK(nic.addresses.at(0).metric == 0);
  REQUIRE(nic.main_routes.size() == 2);
  CHECK_FALSE(nic.main_routes[0].priority);
  CHECK(nic.gateways.size() == 1);
}

TEST_CASE("a plain pod's routes keep IPAM's metric and table", "[nic]") {
  cni::RouteConfig first = route_to("0.0.0.0/0");
  first.priority = 5;
  cni::RouteConfig second = route_to("10.50.0.0/16");
  second.table = 500;
  CHECK(routes_of(plain_nic_of(lease_with({first, second}))) ==
        Texts{"default via 172.16.11.254 dev net1 metric 5 table main",
              "10.50.0.0/16 via 172.16.11.254 dev net1 table 500"});
}

TEST_CASE("a plain pod without routes of IPAM's has no default", "[nic]") {
  const DesiredNic nic = plain_nic_of(rail_lease());
  CHECK(nic.routing == Routing{});
  CHECK(nic.main_routes.empty());
}

TEST_CASE("a second NIC of a plain pod has a table, rules and no main default", "[nic]") {
  World world = plain_world();
  world.pod_links.push_back(our_macvlan(77, "net0"));
  const Facts facts = facts_of(world);
  const Place place = unwrap(plan_place(rail_conf(), facts, "net1", {}));
  const DesiredNic nic = unwrap(
      plan_nic(rail_conf(), facts, place, kNet1, "net1", lease_with({route_to("0.0.0.0/0")})));
  CHECK(texts(nic.routing.routes, facts) ==
        Texts{"172.16.11.0/24 dev net1 src 172.16.11.10 table 101",
              "default via 172.16.11.254 dev net1 table 101"});
  CHECK(nic.routing.rules.size() == 2);
  CHECK(nic.main_routes.empty());
}
