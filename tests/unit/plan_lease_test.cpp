// SPDX-License-Identifier: Apache-2.0
// What a lease says about gateways, defaults and the MAC, and what it cannot mean.
#include "mvr/plan/desired.hpp"
#include "plan/lease.hpp"
#include "support/unit_v6.hpp"

using namespace mvr::plan;
using namespace mvr::test;
namespace cni = mvr::cni;
namespace net = mvr::net;
using mvr::Code;
using mvr::ip::Family;

namespace {

using Texts = std::vector<std::string>;

cni::RouteConfig with_priority(cni::RouteConfig route, std::uint32_t priority) {
  route.priority = priority;
  return route;
}

cni::RouteConfig with_table(cni::RouteConfig route, std::uint32_t table) {
  route.table = table;
  return route;
}

cni::RouteConfig on_link(cni::RouteConfig route) {
  route.scope = 253;
  return route;
}

mvr::Result<DesiredNic> try_nic(const cni::AddResult& lease,
                                const cni::NetConf& conf = dual_conf()) {
  return plan_nic(conf, observed(dual_world()), rail_place(), kNet1, "net1", lease);
}

DesiredNic nic_of(const cni::AddResult& lease) {
  return unwrap(try_nic(lease));
}

/// T's default routes, walls included.
Texts defaults_of(const DesiredNic& nic) {
  std::vector<net::Route> defaults;
  for (const net::Route& route : nic.routing.routes) {
    if (route.dst.is_default() && route.table == rail_place().table) {
      defaults.push_back(route);
    }
  }
  return texts(defaults, observed(dual_world()));
}

/// Whom ADD asks before it goes on.
Texts gateways_of(const DesiredNic& nic) {
  Texts gateways;
  for (const mvr::probe::Target& target : nic.gateways) {
    gateways.push_back(target.gateway.to_string());
  }
  return gateways;
}

std::string mac_of(const cni::AddResult& lease) {
  return unwrap(make_mac({0x0a, 0x58}, lease)).to_string();
}

}  // namespace

TEST_CASE("the MAC is the prefix and the last four octets of the first address", "[lease]") {
  CHECK(mac_of(lease_of({ip_of("172.16.11.10/24")})) == "0a:58:ac:10:0b:0a");
  CHECK(mac_of(lease_of({ip_of("fd00:172:11::a1b2:c3d4/64"), ip_of("172.16.11.10/24")})) ==
        "0a:58:a1:b2:c3:d4");
  CHECK(refused(make_mac({0x0a, 0x58}, cni::AddResult{})).code == Code::bad_config);
}

TEST_CASE("an address' own gateway comes before that of its family's default", "[lease]") {
  const cni::AddResult lease = lease_of({ip_of("172.16.11.10/24", "172.16.11.254"),
                                         ip_of("172.16.12.10/24"), ip_of("fd00:172:11::10/64")},
                                        {route_to("0.0.0.0/0", "172.16.11.253")});
  CHECK(gateway_of(lease.ips[0], lease) == addr("172.16.11.254"));
  CHECK(gateway_of(lease.ips[1], lease) == addr("172.16.11.253"));
  CHECK_FALSE(gateway_of(lease.ips[2], lease));
  CHECK(first_gateway(lease, Family::v4) == addr("172.16.11.254"));
  CHECK_FALSE(first_gateway(lease, Family::v6));
}

TEST_CASE("defaults for tables of their own are none of the NIC's", "[lease]") {
  const cni::AddResult lease =
      lease_of({}, {with_table(route_to("0.0.0.0/0", "172.16.11.253"), 500), route_to("10.0.0.0/8"),
                    route_to("::/0", "fd00:172:11::fe"), route_to("0.0.0.0/0", "172.16.11.254")});
  REQUIRE(find_defaults(lease, Family::v4).size() == 1);
  CHECK(find_defaults(lease, Family::v4)[0]->gateway == addr("172.16.11.254"));
  CHECK(find_defaults(lease, Family::v6).size() == 1);
}

TEST_CASE("main's names for a table are no table", "[lease]") {
  for (const std::uint32_t table : {0U, net::kTableMain}) {
    CHECK_FALSE(
        normalize(lease_of({}, {with_table(route_to("10.0.0.0/8"), table)})).routes[0].table);
  }
  CHECK(normalize(lease_of({}, {with_table(route_to("10.0.0.0/8"), 500)})).routes[0].table == 500U);
}

TEST_CASE("a gateway is on the link if a prefix has it, and in IPv6 if it is link-local",
          "[lease]") {
  const cni::AddResult lease = lease_of({ip_of("172.16.11.10/24"), ip_of("fd00:172:11::10/128")});
  CHECK(is_on_link(lease, addr("172.16.11.254")));
  CHECK_FALSE(is_on_link(lease, addr("172.16.12.254")));
  CHECK(is_on_link(lease, addr("fe80::1")));
  CHECK_FALSE(is_on_link(lease, addr("fd00:172:11::fe")));
}

TEST_CASE("of several defaults each goes by its own gateway, else by the address'", "[lease]") {
  cni::RouteConfig first = with_priority(route_to("0.0.0.0/0", "172.16.11.253"), 10);
  first.mtu = 1400;
  const DesiredNic nic = nic_of(lease_of({ip_of("172.16.11.10/24", "172.16.11.254")},
                                         {first, with_priority(route_to("0.0.0.0/0"), 20)}));
  CHECK(defaults_of(nic) == Texts{"default via 172.16.11.253 dev net1 metric 10 mtu 1400 table 101",
                                  "default via 172.16.11.254 dev net1 metric 20 table 101"});
  CHECK(nic.main_routes.empty());
  CHECK(nic.warnings.empty());
}

TEST_CASE("a single default goes by the address' gateway, which alone is asked", "[lease]") {
  const DesiredNic nic =
      nic_of(lease_of({ip_of("172.16.11.10/24", "172.16.11.254")},
                      {route_to("0.0.0.0/0", "172.16.11.253"),
                       with_table(route_to("0.0.0.0/0", "172.16.11.252"), 500)}));
  CHECK(defaults_of(nic) == Texts{"default via 172.16.11.254 dev net1 table 101"});
  CHECK(gateways_of(nic) == Texts{"172.16.11.254"});
  REQUIRE(nic.warnings.size() == 1);
  CHECK(has_all(nic.warnings[0], {"172.16.11.253", "IPAM's default route", "by 172.16.11.254"}));
}

TEST_CASE("a default's gateway that is passed over is named once, one that is taken is not",
          "[lease]") {
  const auto count = [](const cni::AddResult& lease) { return nic_of(lease).warnings.size(); };
  const auto route = route_to("0.0.0.0/0", "172.16.11.253");
  CHECK(count(lease_of({ip_of("172.16.11.10/24")}, {route})) == 0);
  CHECK(count(lease_of({ip_of("172.16.11.10/24", "172.16.11.253")}, {route})) == 0);
  CHECK(count(lease_of({ip_of("172.16.11.10/24", "172.16.11.254"), ip_of("172.16.11.11/24")},
                       {route})) == 1);
}

TEST_CASE("an address' gateway that none of several defaults goes by is named in a warning",
          "[lease]") {
  const DesiredNic nic =
      nic_of(lease_of({ip_of("172.16.11.10/24", "172.16.11.254")},
                      {with_priority(route_to("0.0.0.0/0", "172.16.11.252"), 10),
                       with_priority(route_to("0.0.0.0/0", "172.16.11.253"), 20)}));
  CHECK(defaults_of(nic) == Texts{"default via 172.16.11.252 dev net1 metric 10 table 101",
                                  "default via 172.16.11.253 dev net1 metric 20 table 101"});
  REQUIRE(nic.warnings.size() == 1);
  CHECK(has_all(nic.warnings[0], {"172.16.11.254", "172.16.11.10/24", "172.16.11.252"}));
  CHECK(gateways_of(nic) == Texts{"172.16.11.254", "172.16.11.252", "172.16.11.253"});
}

TEST_CASE("a default without any gateway is a wall, unless it says that all is on the link",
          "[lease]") {
  const DesiredNic walled = nic_of(lease_of({ip_of("172.16.11.10/24"), ip_of("fd00:172:11::10/64")},
                                            {route_to("0.0.0.0/0"), route_to("::/0")}));
  CHECK(defaults_of(walled) == Texts{"unreachable default metric 4294967295 table 101",
                                     "unreachable default metric 4294967295 table 101"});
  CHECK(walled.warnings.size() == 2);
  const DesiredNic open = nic_of(
      lease_of({ip_of("172.16.11.10/24", "172.16.11.254")}, {on_link(route_to("0.0.0.0/0"))}));
  CHECK(defaults_of(open) == Texts{"default dev net1 table 101"});
  REQUIRE(open.warnings.size() == 1);
  CHECK(has_all(open.warnings[0], {"172.16.11.254", "the link itself"}));
}

TEST_CASE("routes of one destination and several priorities are all there", "[lease]") {
  const DesiredNic nic =
      nic_of(lease_of({ip_of("172.16.11.10/24", "172.16.11.254")},
                      {with_priority(route_to("10.50.0.0/16", "172.16.11.253"), 10),
                       with_priority(route_to("10.50.0.0/16"), 20)}));
  Texts routes = texts(nic.routing.routes, observed(dual_world()));
  routes.erase(routes.begin(), routes.begin() + 2);
  CHECK(routes == Texts{"10.50.0.0/16 via 172.16.11.253 dev net1 metric 10 table 101",
                        "10.50.0.0/16 via 172.16.11.253 dev net1 metric 10 table main",
                        "10.50.0.0/16 via 172.16.11.254 dev net1 metric 20 table 101",
                        "10.50.0.0/16 via 172.16.11.254 dev net1 metric 20 table main"});
  CHECK(nic.main_routes.size() == 2);
  CHECK(nic.warnings.empty());
}

TEST_CASE("the pod's own default is the NIC's first one, by the same gateway", "[lease]") {
  cni::NetConf conf = dual_conf();
  conf.default_route_nic = "net1";
  const DesiredNic nic =
      unwrap(try_nic(lease_of({ip_of("172.16.11.10/24", "172.16.11.254")},
                              {with_priority(route_to("0.0.0.0/0", "172.16.11.253"), 10),
                               with_priority(route_to("0.0.0.0/0"), 20)}),
                     conf));
  CHECK(texts({nic.routing.routes.back()}, observed(dual_world())) ==
        Texts{"default via 172.16.11.253 dev net1 metric 101 table main"});
  REQUIRE(nic.main_routes.size() == 1);
  CHECK(nic.main_routes[0].gateway == addr("172.16.11.253"));
  CHECK(nic.main_routes[0].priority == 101U);
}

TEST_CASE("what no NIC can have is refused, and named", "[lease]") {
  const auto refuse = [](const cni::AddResult& lease, Code code, const Texts& words) {
    const mvr::Error error = refused(try_nic(lease));
    INFO(error.msg);
    CHECK(error.code == code);
    CHECK(has_all(error.msg, words));
  };
  for (const char* address : {"0.0.0.0/24", "127.0.0.2/8", "224.0.0.9/24", "::/64", "ff02::9/64"}) {
    refuse(lease_of({ip_of(address)}), Code::bad_config, {address, "no unicast address"});
  }
  refuse(lease_of({ip_of("172.16.11.10/0")}), Code::bad_config, {"from 1 to 32"});
  refuse(lease_of({ip_of("fd00::10/0")}), Code::bad_config, {"from 1 to 128"});
  refuse(lease_of({ip_of("172.16.11.10/24", "fd00:172:11::fe")}), Code::bad_config,
         {"fd00:172:11::fe", "other family"});
  refuse(lease_of({ip_of("172.16.11.10/24", "172.16.11.10")}), Code::bad_config,
         {"172.16.11.10", "the address itself"});
  refuse(lease_of({ip_of("172.16.11.10/24")}, {route_to("0.0.0.0/0", "fd00:172:11::fe")}),
         Code::bad_config, {"fd00:172:11::fe", "other family"});
  refuse(lease_of({ip_of("172.16.11.10/24")}, {route_to("10.9.0.0/16", "172.16.11.10")}),
         Code::bad_config, {"10.9.0.0/16", "own address"});
  refuse(lease_of({ip_of("172.16.11.10/24")}, {with_table(route_to("10.9.0.0/16"), 255)}),
         Code::routing, {"10.9.0.0/16", "255", "reserved"});
  refuse(lease_of({ip_of("172.16.11.10/24")}, {with_table(route_to("10.9.0.0/16"), 100)}),
         Code::routing, {"100", "eth0"});
}

TEST_CASE("a kernel without IPv6 gets neither addresses nor routes of it", "[lease]") {
  Facts facts = facts_of(calico_world());
  facts.has_ipv6 = false;
  for (const cni::AddResult& lease :
       {lease_of({ip_of("fd00:172:11::10/64")}),
        lease_of({ip_of("172.16.11.10/24")}, {route_to("fd00:50::/48", "fe80::1")})}) {
    const mvr::Error error =
        refused(plan_nic(rail_conf(), facts, rail_place(), kNet1, "net1", lease));
    CHECK(error.code == Code::unsupported_field);
    CHECK(has_all(error.msg, {"fd00:", "no IPv6"}));
  }
}
