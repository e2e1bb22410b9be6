// SPDX-License-Identifier: Apache-2.0
// IPv6 in what a pod has once, and all that ADD does, there and back.
#include <algorithm>

#include "mvr/plan/verify.hpp"
#include "support/unit_attempt.hpp"
#include "support/unit_v6.hpp"

using namespace mvr::plan;
using namespace mvr::test;
namespace cni = mvr::cni;
namespace ip = mvr::ip;
namespace net = mvr::net;

namespace {

using Texts = std::vector<std::string>;

constexpr auto kV4 = ip::Family::v4;
constexpr auto kV6 = ip::Family::v6;

void remove_routes(World& world, const char* dst) {
  std::erase_if(world.pod_routes, [&](const net::Route& r) { return r.dst == prefix(dst); });
}

DesiredShared shared_of(const World& world, const cni::NetConf& conf = dual_conf()) {
  return plan_shared(conf, observed(world, conf), rail_place());
}

/// The IPv6 routes of a table.
Texts v6_routes(const World& world, std::uint32_t table, const cni::NetConf& conf = dual_conf()) {
  auto routes = shared_of(world, conf).routing.routes;
  std::erase_if(routes, [&](const net::Route& route) {
    return route.table != table || route.dst.family() != ip::Family::v6;
  });
  return texts(routes, observed(world));
}

/// What a second look would still change of what `attempt` has planned.
Texts still_to_do(FakeKernel& kernel, const Attempt& attempt) {
  const PodState pod = unwrap(observe_pod(kernel));
  Texts all;
  for (const auto& [routing, table] :
       {std::pair{attempt.shared.routing, attempt.place.overlay_table},
        std::pair{attempt.nic.routing, attempt.place.table}}) {
    for (const Step& step : routing_steps(routing, pod, {table}, "")) {
      all.push_back(describe(step));
    }
  }
  return all;
}

}  // namespace

TEST_CASE("a dual-stack pod has IPv6's half of the shared routing", "[v6][shared]") {
  const World world = dual_world();
  CHECK(v6_routes(world, 100) == Texts{"fe80::/64 dev eth0 metric 256 table 100",
                                       "fd00:10:233::a4 dev eth0 metric 256 table 100",
                                       "default via fe80::ecee:eeff:feee:eeee dev eth0 metric 1024 "
                                       "table 100"});
  const std::string by_eth0 =
      " via fe80::ecee:eeff:feee:eeee dev eth0 src fd00:10:233::a4 metric 100 table main";
  CHECK(v6_routes(world, net::kTableMain) == Texts{"fd00:10:96::/108" + by_eth0,
                                                   "fd00:10:233::/64" + by_eth0,
                                                   "fd00:10:1::4" + by_eth0});
  const DesiredShared shared = shared_of(world);
  CHECK(texts(shared.routing.rules) == Texts{"from 10.233.119.164 lookup 100 priority 32100",
                                             "from all oif eth0 lookup 100 priority 32100",
                                             "from fd00:10:233::a4 lookup 100 priority 32100",
                                             "from all oif eth0 lookup 100 priority 32100"});
  CHECK(families_of(shared.routing.rules) == std::vector{kV4, kV4, kV6, kV6});
  CHECK(std::ranges::all_of(shared.routing.routes, [](const net::Route& route) {
    return route.protocol == net::kOurMark;
  }));
  CHECK(shared.warnings.empty());
}

TEST_CASE("a cluster of IPv4 alone has nothing of IPv6, whatever is asked for", "[v6][shared]") {
  const DesiredShared shared = shared_of(v4_world());
  CHECK(families_of(shared.routing.rules) == std::vector{kV4, kV4});
  CHECK(v6_routes(v4_world(), 100).empty());
  CHECK(v6_routes(v4_world(), net::kTableMain).empty());
  CHECK(shared.routing.routes.size() == 6);
  CHECK(shared.warnings.empty());
}

TEST_CASE("a cluster of IPv6 alone has nothing of IPv4, and no warning", "[v6][shared]") {
  const DesiredShared shared = shared_of(v6_world());
  CHECK(families_of(shared.routing.rules) == std::vector{kV6, kV6});
  CHECK(shared.routing.routes.size() == 6);
  CHECK(std::ranges::all_of(shared.routing.routes,
                            [](const net::Route& r) { return r.dst.family() == kV6; }));
  CHECK(shared.warnings.empty());
}

TEST_CASE("the default of IPv6 keeps MTU and metric in the overlay's table", "[v6][shared]") {
  World world = dual_world();
  world.pod_routes.back().mtu = 1400;
  world.pod_routes.back().metric = 7;
  const auto routes = shared_of(world).routing.routes;
  const auto copy = std::ranges::find_if(
      routes, [](const net::Route& r) { return r.dst == ip::Prefix::any(kV6) && r.table == 100; });
  REQUIRE(copy != routes.end());
  CHECK(copy->mtu == 1400);
  CHECK(copy->metric == 7);
}

TEST_CASE("a route of others that leads there already is enough", "[v6][shared]") {
  World world = dual_world();
  REQUIRE(add_route(world, foreign_route("fd00:10:96::/108", kNextHop, kEth0)) == 0);
  const Texts routes = v6_routes(world, net::kTableMain);
  CHECK(routes.size() == 2);
  CHECK_FALSE(routes.front().starts_with("fd00:10:96::/108"));
}

TEST_CASE("the next hop of a removed default is the node's end of the veth", "[v6][shared]") {
  World world = dual_world();
  remove_routes(world, "::/0");
  net::Link& eth0 = world.pod_links.back();
  eth0.kind = "veth";
  eth0.lower = net::IfIndex{77};
  eth0.has_lower_elsewhere = true;
  net::Link end = ethernet(77, "cali0");
  end.kind = "veth";
  end.lower = eth0.index;
  world.host_links.push_back(end);
  net::IfAddress peer = address_of(net::IfIndex{77}, "fe80::77/64");
  peer.scope = 253;
  world.host_addresses.push_back(address_of(net::IfIndex{77}, "fd00:10:1::77/64"));
  world.host_addresses.push_back(peer);
  SECTION("is found") {
    CHECK(v6_routes(world, 100).back() == "default via fe80::77 dev eth0 metric 1024 table 100");
    CHECK(has_all(v6_routes(world, net::kTableMain).at(0),
                  {"fd00:10:96::/108 via fe80::77 dev eth0"}));
    CHECK(shared_of(world).warnings.empty());
  }
  SECTION("is no interface of the node that is no such end") {
    const bool is_veth = GENERATE(true, false);
    world.host_links.back().kind = is_veth ? "veth" : "macvlan";
    world.host_links.back().lower = is_veth ? net::IfIndex{4711} : eth0.index;
    CHECK(shared_of(world).warnings.size() == 1);
  }
  SECTION("is the copy's of the overlay's table, if there is one") {
    net::Route copy = foreign_route("::/0", "fe80::99", kEth0);
    copy.table = 100;
    copy.metric = 7;
    copy.protocol = net::kOurMark;
    world.pod_routes.push_back(copy);
    CHECK(v6_routes(world, 100).back() == "default via fe80::99 dev eth0 metric 7 table 100");
    CHECK(has_all(v6_routes(world, net::kTableMain).at(0), {"via fe80::99 dev eth0"}));
  }
  SECTION("cannot be used while the kernel looks for duplicates") {
    world.host_addresses.back().is_tentative = true;
    CHECK(v6_routes(world, net::kTableMain).empty());
    const DesiredShared shared = shared_of(world);
    REQUIRE(shared.warnings.size() == 1);
    CHECK(has_all(shared.warnings[0], {"eth0", "IPv6"}));
    CHECK(families_of(shared.routing.rules) == std::vector{kV4, kV4, kV6, kV6});
  }
  SECTION("is nobody's where the overlay NIC is no veth") {
    world.pod_links.back().has_lower_elsewhere = false;
    CHECK(shared_of(world).warnings.size() == 1);
  }
}

TEST_CASE("the node's addresses are of both families", "[v6][facts]") {
  World world = dual_world();
  world.host_addresses.push_back(address_of(net::IfIndex{2}, "fd00:10:1::4/64"));
  world.host_addresses.push_back(address_of(net::IfIndex{2}, "fe80::2/64"));
  world.host_addresses.back().scope = 253;
  world.host_addresses.push_back(address_of(net::IfIndex{11}, "fd00:172:11::c9/64"));
  world.host_addresses.push_back(address_of(net::IfIndex{11}, "fd00:172:11::ca/64"));
  world.host_addresses.back().is_tentative = true;
  world.host_addresses.push_back(address_of(net::IfIndex{12}, "fd00:172:12::c9/64"));
  using Addresses = std::vector<ip::Address>;
  SECTION("with a default route of each") {
    world.host_routes.push_back(foreign_route("::/0", "fe80::1", net::IfIndex{2}));
    CHECK(observed(world, rail_conf()).host_addresses ==
          Addresses{addr("10.1.20.4"), addr("fd00:10:1::4"), addr("fd00:172:11::c9")});
  }
  SECTION("without one of IPv6 only the master's are known") {
    CHECK(observed(world, rail_conf()).host_addresses ==
          Addresses{addr("10.1.20.4"), addr("fd00:172:11::c9")});
  }
}

TEST_CASE("the owner of IPv6's default is an overlay NIC as well", "[v6][facts]") {
  World world = v6_world();
  world.pod_links.back().name = "ens3";
  REQUIRE(observed(world).overlay);
  CHECK(observed(world).overlay->link.name == "ens3");
}

TEST_CASE("an address that the kernel still examines has its rule, and is no source yet",
          "[v6][shared]") {
  World world = v4_world();
  REQUIRE(add_address(world, address_of(kEth0, std::string(kPodAddress) + "/128")) == 0);
  REQUIRE(add_route(world, foreign_route("::/0", kNextHop, kEth0)) == 0);
  const DesiredShared shared = shared_of(world);
  CHECK(families_of(shared.routing.rules) == std::vector{kV4, kV4, kV6, kV6});
  CHECK(v6_routes(world, net::kTableMain).at(0) ==
        "fd00:10:96::/108 via fe80::ecee:eeff:feee:eeee dev eth0 metric 100 table main");
  finish_dad(world);
  CHECK(has_all(v6_routes(world, net::kTableMain).at(0), {"src fd00:10:233::a4"}));
}

TEST_CASE("CHECK takes a cluster route that was made without a source", "[v6][shared]") {
  World world = dual_world();
  const DesiredShared shared = shared_of(world);
  const auto differences = [&] { return verify_routing(shared.routing, pod_of(world), "net1"); };
  std::ranges::copy(shared.routing.routes, std::back_inserter(world.pod_routes));
  std::ranges::copy(shared.routing.rules, std::back_inserter(world.pod_rules));
  CHECK(differences().empty());
  for (net::Route& route : world.pod_routes) {
    if (route.dst.family() == kV6) {
      route.src.reset();
    }
  }
  CHECK(differences().empty());
  for (net::Route& route : world.pod_routes) {
    route.src.reset();
  }
  CHECK(differences().size() == 4);  // IPv4's of main
}

TEST_CASE("after ADD there is nothing to do, and undo leaves nothing", "[v6][steps]") {
  const auto overlay = GENERATE(&dual_world, &v4_world, &v6_world);
  const auto lease = GENERATE(&dual_lease, &v6_lease, &rail_lease);
  const World before = overlay();
  FakeKernel kernel(before);
  Attempt attempt(kernel);
  unwrap(attempt.make(dual_conf(), rail_attachment(), lease()));
  CHECK(still_to_do(kernel, attempt) == Texts{});
  const auto& addresses = kernel.world().pod_addresses;
  for (const cni::IpConfig& wanted : lease().ips) {
    CHECK(std::ranges::count_if(addresses, [&](const net::IfAddress& address) {
            return address.prefix == wanted.address && !address.is_tentative;
          }) == 1);
  }
  CHECK(attempt.undo().empty());
  CHECK(kernel.world() == before);
}

TEST_CASE("ADD turns IPv6 on where the pod has it off, for its NIC alone", "[v6][steps]") {
  World before = calico_world();
  load_ipv6(before, true);
  FakeKernel kernel(before);
  Attempt attempt(kernel);
  unwrap(attempt.make(dual_conf(), rail_attachment(), dual_lease()));
  auto settings = kernel.world().pod_sysctls;
  CHECK(settings.at("ipv6/conf/net1/disable_ipv6") == "0");
  std::erase_if(settings, [](const auto& setting) {
    return setting.first.find("/net1/") != std::string::npos;
  });
  CHECK(settings == before.pod_sysctls);
  CHECK(still_to_do(kernel, attempt) == Texts{});
  CHECK(attempt.undo().empty());
  CHECK(kernel.world() == before);
}

TEST_CASE("each routing object of IPv6 that is lost is put back alone", "[v6][steps]") {
  FakeKernel kernel(dual_world());
  Attempt attempt(kernel);
  unwrap(attempt.make(dual_conf(), rail_attachment(), dual_lease()));
  const World made = kernel.world();
  const auto loses = [&](auto& objects, const auto& object, const std::string& what) {
    INFO(what);
    std::erase(objects, object);
    CHECK(still_to_do(kernel, attempt) == Texts{"add " + what});
    kernel.world() = made;
  };
  int count = 0;
  for (const net::Route& route : made.pod_routes) {
    if (route.protocol == net::kOurMark && route.dst.family() == kV6) {
      loses(kernel.world().pod_routes, route,
            "route " + describe(route, pod_of(made).name_of(route.nic)));
      ++count;
    }
  }
  for (const net::Rule& rule : made.pod_rules) {
    if (rule.protocol == net::kOurMark && rule.family == kV6) {
      loses(kernel.world().pod_rules, rule, "rule " + describe(rule));
      ++count;
    }
  }
  CHECK(count == 13);  // T has 3 routes, T0 3, main 3; each table has 2 rules
}

TEST_CASE("a default by a next hop of IPv6 is that of IPv4's cluster routes too", "[v6][shared]") {
  World world = dual_world();
  std::erase_if(world.pod_routes,
                [](const net::Route& route) { return route.dst.family() == kV4; });
  world.pod_routes.push_back(foreign_route("0.0.0.0/0", "fe80::ecee:eeff:feee:eeee", kEth0));
  auto routes = shared_of(world).routing.routes;
  std::erase_if(routes, [](const net::Route& route) { return route.dst.family() != kV4; });
  const std::string way = " via inet6 fe80::ecee:eeff:feee:eeee dev eth0";
  const std::string in_main = way + " src 10.233.119.164 table main";
  CHECK(texts(routes, observed(world)) ==
        Texts{"default" + way + " table 100", "10.233.0.0/18" + in_main, "10.233.64.0/18" + in_main,
              "169.254.0.0/16" + in_main, "10.1.20.4" + in_main});
}
