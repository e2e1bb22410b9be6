// SPDX-License-Identifier: Apache-2.0
#include "mvr/plan/desired.hpp"
#include "support/unit_pod.hpp"

using mvr::Code;
using mvr::Error;
using namespace mvr::plan;
using namespace mvr::test;
namespace net = mvr::net;
namespace cni = mvr::cni;
namespace probe = mvr::probe;

namespace {

using Texts = std::vector<std::string>;

cni::IpConfig ip_of(const std::string& address, const std::string& gateway = "") {
  return {prefix(address), gateway.empty() ? std::nullopt : std::optional(addr(gateway)),
          std::nullopt};
}

cni::RouteConfig route_to(const std::string& dst, const std::string& gateway = "") {
  cni::RouteConfig route;
  route.dst = prefix(dst);
  route.gateway = gateway.empty() ? std::nullopt : std::optional(addr(gateway));
  return route;
}

cni::AddResult lease_of(std::vector<cni::IpConfig> ips, std::vector<cni::RouteConfig> routes = {}) {
  cni::AddResult lease;
  lease.ips = std::move(ips);
  lease.routes = std::move(routes);
  return lease;
}

DesiredNic nic_of(const cni::AddResult& lease, const Place& place = rail_place()) {
  return unwrap(plan_nic(rail_conf(), facts_of(calico_world()), place, kNet1, "net1", lease));
}

Texts routes_of(const DesiredNic& nic) {
  return texts(nic.routing.routes, facts_of(calico_world()));
}

Error refusal(const cni::AddResult& lease) {
  return refused(
      plan_nic(rail_conf(), facts_of(calico_world()), rail_place(), kNet1, "net1", lease));
}

}  // namespace

TEST_CASE("a NIC gets its address, its table, its rules and a gateway to ask", "[nic]") {
  const DesiredNic nic = nic_of(rail_lease());
  net::IfAddress address = address_of(kNet1, "172.16.11.10/24");
  address.metric = 101;
  CHECK(nic.addresses == std::vector{address});
  CHECK(routes_of(nic) == Texts{"172.16.11.0/24 dev net1 src 172.16.11.10 table 101",
                                "default via 172.16.11.254 dev net1 table 101"});
  CHECK(texts(nic.routing.rules) == Texts{"from 172.16.11.10 lookup 101 priority 32101",
                                          "from all oif net1 lookup 101 priority 32101"});
  CHECK(nic.gateways == std::vector<probe::Target>{{addr("172.16.11.10"), addr("172.16.11.254")}});
  CHECK(nic.main_routes.empty());
  CHECK(nic.warnings.empty());
  for (const net::Route& route : nic.routing.routes) {
    CHECK(route.protocol == net::kOurMark);
  }
}

TEST_CASE("the gateway may stand in IPAM's default route only", "[nic]") {
  const DesiredNic nic =
      nic_of(lease_of({ip_of("172.16.11.10/24")}, {route_to("0.0.0.0/0", "172.16.11.253")}));
  CHECK(routes_of(nic).back() == "default via 172.16.11.253 dev net1 table 101");
  CHECK(nic.gateways == std::vector<probe::Target>{{addr("172.16.11.10"), addr("172.16.11.253")}});
  CHECK(nic.main_routes.empty());
}

TEST_CASE("the address' gateway comes before that of IPAM's default route", "[nic]") {
  const DesiredNic nic = nic_of(lease_of({ip_of("172.16.11.10/24", "172.16.11.254")},
                                         {route_to("0.0.0.0/0", "172.16.11.9")}));
  CHECK(routes_of(nic).back() == "default via 172.16.11.254 dev net1 table 101");
  CHECK(nic.gateways.size() == 1);
}

TEST_CASE("IPAM's default route without a gateway takes the address'", "[nic]") {
  cni::RouteConfig by_default = route_to("0.0.0.0/0");
  by_default.mtu = 1400;
  by_default.advmss = 1360;
  const DesiredNic nic =
      nic_of(lease_of({ip_of("172.16.11.10/24", "172.16.11.254")}, {by_default}));
  CHECK(routes_of(nic).back() ==
        "default via 172.16.11.254 dev net1 mtu 1400 advmss 1360 table 101");
  CHECK(nic.routing.routes.back().mtu == 1400);
  CHECK(nic.routing.routes.back().advmss == 1360);
}

TEST_CASE("without a gateway there is a wall, not a way to the overlay NIC", "[nic]") {
  const DesiredNic nic = nic_of(lease_of({ip_of("172.16.11.10/24")}));
  REQUIRE(nic.routing.routes.size() == 2);
  const net::Route& wall = nic.routing.routes.back();
  CHECK(wall.type == net::RouteType::unreachable);
  CHECK(wall.dst.is_default());
  CHECK(wall.table == 101);
  CHECK(wall.metric == 4294967295);
  CHECK(wall.nic == net::IfIndex::none);
  CHECK(nic.gateways.empty());
}

TEST_CASE("a gateway outside the prefix is onlink", "[nic]") {
  CHECK(routes_of(nic_of(lease_of({ip_of("172.16.11.10/24", "172.16.99.1")}))).back() ==
        "default via 172.16.99.1 dev net1 onlink table 101");
}

TEST_CASE("a gateway in the prefix of another address needs no onlink", "[nic]") {
  const auto lease = lease_of({ip_of("172.16.11.10/24", "172.16.99.1"), ip_of("172.16.99.10/24")});
  CHECK(routes_of(nic_of(lease)).back() == "default via 172.16.99.1 dev net1 table 101");
}

TEST_CASE("an address of full length has no connected route", "[nic]") {
  const DesiredNic nic = nic_of(lease_of({ip_of("172.16.11.10/32", "172.16.11.254")}));
  CHECK(routes_of(nic) == Texts{"default via 172.16.11.254 dev net1 onlink table 101"});
  CHECK(nic.addresses[0].prefix == prefix("172.16.11.10/32"));
}

TEST_CASE("a point-to-point prefix of two addresses has a connected route", "[nic]") {
  const DesiredNic nic = nic_of(lease_of({ip_of("172.16.11.10/31", "172.16.11.11")}));
  CHECK(routes_of(nic) == Texts{"172.16.11.10/31 dev net1 src 172.16.11.10 table 101",
                                "default via 172.16.11.11 dev net1 table 101"});
}

TEST_CASE("several addresses of one subnet share its route, each has a rule", "[nic]") {
  const DesiredNic nic =
      nic_of(lease_of({ip_of("172.16.11.10/24", "172.16.11.254"), ip_of("172.16.11.11/24")}));
  CHECK(nic.addresses.size() == 2);
  CHECK(routes_of(nic) == Texts{"172.16.11.0/24 dev net1 src 172.16.11.10 table 101",
                                "default via 172.16.11.254 dev net1 table 101"});
  CHECK(texts(nic.routing.rules) == Texts{"from 172.16.11.10 lookup 101 priority 32101",
                                          "from 172.16.11.11 lookup 101 priority 32101",
                                          "from all oif net1 lookup 101 priority 32101"});
}

TEST_CASE("several subnets have a route each, and every gateway is asked", "[nic]") {
  const DesiredNic nic = nic_of(lease_of(
      {ip_of("172.16.11.10/24", "172.16.11.254"), ip_of("172.16.21.10/25", "172.16.21.1")}));
  CHECK(routes_of(nic) == Texts{"172.16.11.0/24 dev net1 src 172.16.11.10 table 101",
                                "172.16.21.0/25 dev net1 src 172.16.21.10 table 101",
                                "default via 172.16.11.254 dev net1 table 101"});
  CHECK(nic.gateways == std::vector<probe::Target>{{addr("172.16.11.10"), addr("172.16.11.254")},
                                                   {addr("172.16.21.10"), addr("172.16.21.1")}});
}

TEST_CASE("an address that comes twice is taken once", "[nic]") {
  const DesiredNic nic = nic_of(lease_of(
      {ip_of("172.16.11.10/24", "172.16.11.254"), ip_of("172.16.11.10/24", "172.16.11.254")}));
  CHECK(nic.addresses.size() == 1);
  CHECK(nic.routing.rules.size() == 2);
  CHECK(nic.gateways.size() == 1);
}

TEST_CASE("a NIC with no address is given nothing but its rule", "[nic]") {
  const DesiredNic nic = nic_of({}, Place{});
  CHECK(nic == DesiredNic{});
}

TEST_CASE("IPv6 is refused where the kernel has none", "[nic]") {
  Facts facts = facts_of(calico_world());
  facts.has_ipv6 = false;
  const auto refuse = [&](const cni::AddResult& ipam) {
    return refused(plan_nic(rail_conf(), facts, rail_place(), kNet1, "net1", ipam));
  };
  const Error address = refuse(lease_of({ip_of("fd00::10/64", "fd00::1")}));
  CHECK(address.code == Code::unsupported_field);
  CHECK(has_all(address.msg, {"fd00::10/64"}));
  const Error route = refuse(lease_of({ip_of("172.16.11.10/24")}, {route_to("fd00::/64")}));
  CHECK(route.code == Code::unsupported_field);
  CHECK(has_all(route.msg, {"fd00::/64"}));
}

TEST_CASE("a gateway of the other family is refused", "[nic]") {
  for (const cni::AddResult& ipam :
       {lease_of({ip_of("172.16.11.10/24", "fe80::1")}),
        lease_of({ip_of("172.16.11.10/24")}, {route_to("0.0.0.0/0", "fe80::1")}),
        lease_of({ip_of("172.16.11.10/24")}, {route_to("10.0.0.0/8", "fe80::1")})}) {
    const Error error = refusal(ipam);
    CHECK(error.code == Code::bad_config);
    CHECK(has_all(error.msg, {"fe80::1", "other family"}));
  }
}

TEST_CASE("an address that no NIC can have is refused and named", "[nic]") {
  for (const char* address : {"127.0.0.1/8", "224.0.0.5/24", "0.0.0.0/24", "255.255.255.255/24"}) {
    const Error error = refusal(lease_of({ip_of(address)}));
    INFO(address);
    CHECK(error.code == Code::bad_config);
    CHECK(has_all(error.msg, {address}));
  }
}

TEST_CASE("a gateway that is the NIC's own address is refused", "[nic]") {
  const Error error = refusal(lease_of({ip_of("172.16.11.10/24", "172.16.11.10")}));
  CHECK(error.code == Code::bad_config);
  CHECK(has_all(error.msg, {"172.16.11.10", "gateway"}));
}

TEST_CASE("a default route by the NIC's own address is refused", "[nic]") {
  CHECK(
      refusal(lease_of({ip_of("172.16.11.10/24")}, {route_to("0.0.0.0/0", "172.16.11.10")})).code ==
      Code::bad_config);
  CHECK(refusal(lease_of({ip_of("172.16.11.10/24", "172.16.11.11"), ip_of("172.16.11.11/24")}))
            .code == Code::bad_config);
}
