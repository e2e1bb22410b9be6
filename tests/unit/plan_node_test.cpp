// SPDX-License-Identifier: Apache-2.0
// What the node gets for a NIC, what the NIC's table gets for the node, and who owns the pod's
// default route.
#include <algorithm>

#include "mvr/plan/step.hpp"
#include "mvr/plan/verify.hpp"
#include "support/unit_attempt.hpp"
#include "support/unit_v6.hpp"

using namespace mvr::plan;
using namespace mvr::test;
using mvr::Code;
namespace cni = mvr::cni;
namespace ip = mvr::ip;
namespace net = mvr::net;

namespace {

using Texts = std::vector<std::string>;

constexpr net::IfIndex kCali{77};

/// Rail 1's configuration with the table 500, and net1 as owner of the default.
cni::NetConf node_conf() {
  cni::NetConf conf = dual_conf();
  conf.host_rule_table = 500;
  conf.default_route_nic = "net1";
  return conf;
}

/// The dual-stack pod on a node that reaches it by cali0 and has a default route of each family.
World node_world() {
  World world = dual_world();
  world.host_links.push_back(ethernet(77, "cali0"));
  world.host_routes.push_back(foreign_route("10.233.119.164/32", "", kCali));
  world.host_routes.push_back(foreign_route("fd00:10:233::a4/128", "", kCali));
  world.host_routes.push_back(foreign_route("::/0", "fe80::1", net::IfIndex{2}));
  world.host_addresses.push_back(address_of(net::IfIndex{2}, "fd00:10:1::4/64"));
  return world;
}

DesiredNic nic_of(const World& world, const cni::AddResult& lease,
                  const cni::NetConf& conf = node_conf()) {
  return unwrap(plan_nic(conf, observed(world, conf), rail_place(), kNet1, "net1", lease));
}

Routing on_node(const World& world, const cni::AddResult& lease) {
  return unwrap(plan_node(node_conf(), observed(world, node_conf()), nic_of(world, lease)));
}

mvr::Error refusal_of(const World& world, const cni::AddResult& lease) {
  return refused(plan_node(node_conf(), observed(world, node_conf()), nic_of(world, lease)));
}

Texts node_texts(const std::vector<net::Route>& routes) {
  Texts all;
  for (const net::Route& route : routes) {
    all.push_back(describe(route, route.nic == kCali ? "cali0" : "?"));
  }
  return all;
}

/// The routes of a table by the overlay NIC.
Texts by_eth0(const DesiredNic& nic, const World& world, std::uint32_t table) {
  auto routes = nic.routing.routes;
  std::erase_if(routes, [&](const net::Route& r) { return r.nic != kEth0 || r.table != table; });
  return texts(routes, observed(world));
}

Texts defaults_of(const DesiredNic& nic, const World& world) {
  auto routes = nic.routing.routes;
  std::erase_if(routes, [](const net::Route& route) {
    return !route.dst.is_default() || route.table != net::kTableMain;
  });
  return texts(routes, observed(world));
}

void remove_host_route(World& world, const char* dst) {
  REQUIRE(std::erase_if(world.host_routes,
                        [&](const net::Route& r) { return r.dst == prefix(dst); }) == 1);
}

Texts describe_all(const std::vector<Step>& steps) {
  Texts all;
  std::ranges::transform(steps, std::back_inserter(all), [](const Step& s) { return describe(s); });
  return all;
}

}  // namespace

TEST_CASE("the node gets a rule for each family and a route for each address", "[node]") {
  const World world = node_world();
  const Routing dual = on_node(world, dual_lease());
  CHECK(node_texts(dual.routes) ==
        Texts{"172.16.11.10 via 10.233.119.164 dev cali0 src 10.1.20.4 table 500",
              "fd00:172:11::10 via fd00:10:233::a4 dev cali0 src fd00:10:1::4 metric 1024 table "
              "500"});
  CHECK(texts(dual.rules) ==
        Texts{"from all lookup 500 priority 1000", "from all lookup 500 priority 1000"});
  CHECK(families_of(dual.rules) == std::vector{ip::Family::v4, ip::Family::v6});
  CHECK(families_of(on_node(world, v6_lease()).rules) == std::vector{ip::Family::v6});
  cni::AddResult two = rail_lease();
  two.ips.push_back(ip_of("172.16.11.11/24"));
  CHECK(on_node(world, two).routes.size() == 2);
  CHECK(on_node(world, two).rules.size() == 1);
  CHECK(unwrap(plan_node(node_conf(), observed(world, node_conf()), DesiredNic{})) == Routing{});
}

TEST_CASE("a node without a default route names no source", "[node]") {
  World world = node_world();
  remove_host_route(world, "0.0.0.0/0");
  CHECK(node_texts(on_node(world, rail_lease()).routes) ==
        Texts{"172.16.11.10 via 10.233.119.164 dev cali0 table 500"});
}

TEST_CASE("the node asks from an address that stays", "[node]") {
  World world = node_world();
  net::IfAddress temporary = address_of(net::IfIndex{2}, "fd00:10:1::7777/64");
  temporary.is_temporary = true;
  world.host_addresses.insert(world.host_addresses.begin(), temporary);
  CHECK(on_node(world, v6_lease()).routes.at(0).src == addr("fd00:10:1::4"));
}

TEST_CASE("the NIC's table leads back to the node by the overlay NIC", "[node]") {
  const World world = node_world();
  const Texts v4{"10.1.20.4 via 169.254.1.1 dev eth0 table 101"};
  const Texts v6{"fd00:10:1::4 via fe80::ecee:eeff:feee:eeee dev eth0 metric 1024 table 101"};
  const DesiredNic dual = nic_of(world, dual_lease());
  CHECK(by_eth0(dual, world, 101) == Texts{v4[0], v6[0]});
  CHECK(by_eth0(nic_of(world, rail_lease()), world, 101) == v4);
  CHECK(by_eth0(nic_of(world, v6_lease()), world, 101) == v6);
  CHECK(by_eth0(dual, world, net::kTableMain).empty());
  SECTION("not without the rule on the node") {
    cni::NetConf conf = node_conf();
    conf.host_rule_table = 0;
    CHECK(by_eth0(nic_of(world, dual_lease(), conf), world, 101).empty());
    CHECK(observed(world, conf).node_paths.empty());
  }
  SECTION("where the node asks from, and what is kept besides, once each") {
    cni::NetConf conf = node_conf();
    conf.host_addresses = {addr("10.1.20.9")};
    CHECK(by_eth0(nic_of(world, rail_lease(), conf), world, 101) ==
          Texts{"10.1.20.9 via 169.254.1.1 dev eth0 table 101", v4[0]});
  }
  SECTION("not where the overlay NIC leads nowhere") {
    World lost = world;
    lost.pod_routes.clear();
    CHECK(by_eth0(nic_of(lost, rail_lease()), lost, 101).empty());
  }
}

TEST_CASE("an overlay NIC that the node does not reach straight is refused", "[node]") {
  World world = node_world();
  remove_host_route(world, "10.233.119.164/32");
  const auto by_gateway = refusal_of(world, rail_lease());
  CHECK(by_gateway.code == Code::routing);
  CHECK(has_all(by_gateway.msg, {"hostRuleTable 500", "10.233.119.164", "via 10.1.0.1"}));
  remove_host_route(world, "0.0.0.0/0");
  CHECK(refusal_of(world, rail_lease()).code == Code::routing);
}

TEST_CASE("a family in which the NIC has no address is not refused", "[node]") {
  World world = node_world();
  remove_host_route(world, "fd00:10:233::a4/128");
  CHECK(node_texts(on_node(world, rail_lease()).routes) ==
        Texts{"172.16.11.10 via 10.233.119.164 dev cali0 src 10.1.20.4 table 500"});
  for (const cni::AddResult& lease : {v6_lease(), dual_lease()}) {
    CHECK(has_all(refusal_of(world, lease).msg, {"fd00:10:233::a4", "via fe80::1"}));
  }
}

TEST_CASE("the owner's default is in main with its table's number", "[default-nic]") {
  const World world = node_world();
  const Texts v4{"default via 172.16.11.254 dev net1 metric 101 table main"};
  const Texts v6{"default via fd00:172:11::fe dev net1 metric 101 table main"};
  CHECK(defaults_of(nic_of(world, dual_lease()), world) == Texts{v4[0], v6[0]});
  CHECK(defaults_of(nic_of(world, rail_lease()), world) == v4);
  CHECK(nic_of(world, rail_lease()).default_families == std::vector{ip::Family::v4});
  CHECK(nic_of(world, rail_lease()).main_routes.size() == 1);
  cni::NetConf other = node_conf();
  other.default_route_nic = "net2";
  const DesiredNic nic = nic_of(world, dual_lease(), other);
  CHECK(defaults_of(nic, world).empty());
  CHECK(nic.default_families.empty());
  CHECK(nic.main_routes.empty());
}

TEST_CASE("a family without a gateway keeps its default", "[default-nic]") {
  const World world = node_world();
  const auto lease = lease_of({ip_of("172.16.11.10/24"), v6_lease().ips.front()});
  CHECK(nic_of(world, lease).default_families == std::vector{ip::Family::v6});
  const auto none = lease_of({ip_of("172.16.11.10/24")});
  CHECK(refused(plan_nic(node_conf(), observed(world), rail_place(), kNet1, "net1", none)).code ==
        Code::routing);
}

TEST_CASE("only the overlay NIC's defaults of the families that are taken go", "[default-nic]") {
  World world = node_world();
  net::Route second = foreign_route("0.0.0.0/0", "169.254.1.1", kEth0);
  second.metric = 50;
  world.pod_routes.push_back(second);
  net::Route copy = second;
  copy.table = 100;
  copy.protocol = net::kOurMark;
  world.pod_routes.push_back(copy);
  world.pod_links.push_back(ethernet(9, "tun0"));
  net::Route others = foreign_route("0.0.0.0/0", "10.9.9.9", net::IfIndex{9});
  others.metric = 7;
  world.pod_routes.push_back(others);
  const Facts facts = observed(world);
  const Texts lost{"remove route default via 169.254.1.1 dev eth0 table main",
                   "remove route default via 169.254.1.1 dev eth0 metric 50 table main"};
  CHECK(describe_all(takeover_steps(nic_of(world, rail_lease()), facts.pod, *facts.overlay)) ==
        lost);
  CHECK(verify_takeover(nic_of(world, rail_lease()), facts).size() == 2);
  CHECK(takeover_steps(nic_of(world, dual_lease()), facts.pod, *facts.overlay).size() == 3);
  CHECK(takeover_steps(DesiredNic{}, facts.pod, *facts.overlay).empty());
  CHECK(find_overlay_defaults(facts.pod, *facts.overlay).size() == 3);
}

TEST_CASE("the best default of main tells whose a family is", "[default-nic]") {
  World world = node_world();
  const auto families = [&] {
    const Facts facts = observed(world);
    return find_default_families(facts.pod, *facts.overlay);
  };
  CHECK(families() == std::vector{ip::Family::v4, ip::Family::v6});
  world.pod_links.push_back(ethernet(9, "tun0"));
  net::Route others = foreign_route("::/0", "fd00:9::9", net::IfIndex{9});
  others.metric = 7;
  world.pod_routes.push_back(others);
  CHECK(families() == std::vector{ip::Family::v4});
  std::erase_if(world.pod_routes, [](const net::Route& r) { return r.dst.is_default(); });
  CHECK(families().empty());
}

TEST_CASE("the overlay's table keeps all defaults when main has lost them", "[default-nic]") {
  World world = node_world();
  std::erase_if(world.pod_routes, [](const net::Route& r) { return r.dst.is_default(); });
  Texts copies;
  for (const std::uint32_t metric : {7U, 9U}) {
    net::Route copy = foreign_route("0.0.0.0/0", "169.254.1.1", kEth0);
    copy.table = 100;
    copy.metric = metric;
    copy.protocol = net::kOurMark;
    world.pod_routes.push_back(copy);
    copies.push_back(describe(copy, "eth0"));
  }
  const Facts facts = observed(world);
  auto routes = plan_shared(dual_conf(), facts, rail_place()).routing.routes;
  std::erase_if(routes, [](const net::Route& route) {
    return route.dst != ip::Prefix::any(ip::Family::v4) || route.table != 100;
  });
  CHECK(texts(routes, facts) == copies);
}

TEST_CASE("policyRoutes are in the NIC's table, before IPAM's", "[policy]") {
  cni::NetConf conf = dual_conf();
  conf.policy_routes = {{prefix("10.9.0.0/16"), addr("172.16.11.253")},
                        {prefix("10.8.0.0/16"), addr("10.99.0.1")},
                        {prefix("fd00:9::/32"), addr("fe80::1")}};
  const World world = dual_world();
  cni::AddResult lease = rail_lease();
  lease.routes = {route_to("10.9.0.0/16", "172.16.11.252")};
  const DesiredNic nic = nic_of(world, lease, conf);
  Texts all = texts(nic.routing.routes, observed(world));
  std::erase_if(all, [](const std::string& text) { return !text.starts_with("10."); });
  CHECK(all == Texts{"10.9.0.0/16 via 172.16.11.253 dev net1 table 101",
                     "10.8.0.0/16 via 10.99.0.1 dev net1 onlink table 101",
                     "10.9.0.0/16 via 172.16.11.252 dev net1 metric 101 table main"});
  REQUIRE(nic.warnings.size() == 2);
  CHECK(has_all(nic.warnings[0], {"policyRoutes", "fd00:9::/32"}));
  CHECK(has_all(nic.warnings[1], {"10.9.0.0/16", "table 101"}));
  conf.policy_routes = {{prefix("10.9.0.0/16"), addr("172.16.11.10")}};
  const auto own =
      refused(plan_nic(conf, observed(world), rail_place(), kNet1, "net1", rail_lease()));
  CHECK(own.code == Code::bad_config);
  CHECK(has_all(own.msg, {"policyRoutes", "10.9.0.0/16", "172.16.11.10"}));
}

TEST_CASE("without a table the first route of a key counts, whoever made it", "[plain]") {
  const World world = dual_world();
  cni::AddResult lease = dual_lease();
  lease.routes = {route_to("0.0.0.0/0"), route_to("::/0"), route_to("10.9.0.0/16")};
  const DesiredNic nic =
      unwrap(plan_nic(dual_conf(), observed(world), Place{}, kNet1, "net1", lease));
  CHECK(texts(nic.routing.routes, observed(world)) ==
        Texts{"10.9.0.0/16 via 172.16.11.254 dev net1 table main"});
  CHECK(nic.main_routes.size() == 1);
  REQUIRE(nic.warnings.size() == 2);
  CHECK(has_all(nic.warnings[0], {"0.0.0.0/0", "default via 169.254.1.1 dev eth0"}));
  CHECK(has_all(nic.warnings[1], {"::/0", "dev eth0"}));
}
