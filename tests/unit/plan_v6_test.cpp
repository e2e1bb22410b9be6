// SPDX-License-Identifier: Apache-2.0
// A NIC's IPv6 addresses, routes and rules, alone and beside IPv4's.
#include <algorithm>

#include "mvr/plan/step.hpp"
#include "support/unit_v6.hpp"

using mvr::Code;
using mvr::Error;
using namespace mvr::plan;
using namespace mvr::test;
namespace cni = mvr::cni;
namespace ip = mvr::ip;
namespace net = mvr::net;
namespace probe = mvr::probe;

namespace {

using Texts = std::vector<std::string>;

constexpr auto kV4 = ip::Family::v4;
constexpr auto kV6 = ip::Family::v6;

DesiredNic nic_of(const cni::AddResult& lease, const World& world = dual_world()) {
  return unwrap(plan_nic(dual_conf(), observed(world), rail_place(), kNet1, "net1", lease));
}

Error refusal(const cni::AddResult& lease, const World& world = dual_world()) {
  return refused(plan_nic(dual_conf(), observed(world), rail_place(), kNet1, "net1", lease));
}

Texts routes_of(const DesiredNic& nic) {
  return texts(nic.routing.routes, observed(dual_world()));
}

}  // namespace

TEST_CASE("an IPv6 address has its table: connected, link-local, default", "[v6][nic]") {
  const DesiredNic nic = nic_of(v6_lease());
  CHECK(routes_of(nic) ==
        Texts{"fd00:172:11::/64 dev net1 src fd00:172:11::10 metric 1024 table 101",
              "fe80::/64 dev net1 metric 1024 table 101",
              "default via fd00:172:11::fe dev net1 metric 1024 table 101"});
  CHECK(texts(nic.routing.rules) == Texts{"from fd00:172:11::10 lookup 101 priority 32101",
                                          "from all oif net1 lookup 101 priority 32101"});
  CHECK(families_of(nic.routing.rules) == std::vector{kV6, kV6});
  CHECK(nic.gateways ==
        std::vector<probe::Target>{{addr("fd00:172:11::10"), addr("fd00:172:11::fe")}});
  CHECK(nic.main_routes.empty());
  CHECK(nic.warnings.empty());
}

TEST_CASE("the connected route in main has the table's number as metric", "[v6][nic]") {
  REQUIRE(nic_of(v6_lease()).addresses.size() == 1);
  CHECK(nic_of(v6_lease()).addresses[0].metric == 101);
}

TEST_CASE("both families share the table, each has its rules", "[v6][nic]") {
  const DesiredNic nic = nic_of(dual_lease());
  CHECK(routes_of(nic) ==
        Texts{"172.16.11.0/24 dev net1 src 172.16.11.10 table 101",
              "fd00:172:11::/64 dev net1 src fd00:172:11::10 metric 1024 table 101",
              "fe80::/64 dev net1 metric 1024 table 101",
              "default via 172.16.11.254 dev net1 table 101",
              "default via fd00:172:11::fe dev net1 metric 1024 table 101"});
  CHECK(texts(nic.routing.rules) == Texts{"from 172.16.11.10 lookup 101 priority 32101",
                                          "from fd00:172:11::10 lookup 101 priority 32101",
                                          "from all oif net1 lookup 101 priority 32101",
                                          "from all oif net1 lookup 101 priority 32101"});
  CHECK(families_of(nic.routing.rules) == std::vector{kV4, kV6, kV4, kV6});
  CHECK(nic.gateways.size() == 2);
}

TEST_CASE("an IPv4 address alone brings nothing of IPv6", "[v6][nic]") {
  const DesiredNic nic = nic_of(rail_lease());
  CHECK(families_of(nic.routing.rules) == std::vector{kV4, kV4});
  CHECK(std::ranges::all_of(nic.routing.routes,
                            [](const net::Route& r) { return r.dst.family() == kV4; }));
}

TEST_CASE("a link-local gateway is on the link", "[v6][nic]") {
  const auto lease = lease_of({ip_of("fd00:172:11::10/64", "fe80::1")});
  CHECK(routes_of(nic_of(lease)).back() == "default via fe80::1 dev net1 metric 1024 table 101");
  CHECK(nic_of(lease).gateways ==
        std::vector<probe::Target>{{addr("fd00:172:11::10"), addr("fe80::1")}});
}

TEST_CASE("a gateway of IPv6 outside the prefix is onlink", "[v6][nic]") {
  CHECK(routes_of(nic_of(lease_of({ip_of("fd00:172:11::10/128", "fd00:172:11::fe")}))) ==
        Texts{"fe80::/64 dev net1 metric 1024 table 101",
              "default via fd00:172:11::fe dev net1 metric 1024 onlink table 101"});
}

TEST_CASE("the family without a gateway has a wall", "[v6][nic]") {
  cni::AddResult lease = dual_lease();
  lease.ips[1].gateway.reset();
  const DesiredNic nic = nic_of(lease);
  CHECK(routes_of(nic).back() == "unreachable default metric 4294967295 table 101");
  const net::Route& wall = nic.routing.routes.back();
  CHECK(wall.dst == ip::Prefix::any(kV6));
  CHECK(wall.nic == net::IfIndex::none);
  CHECK(nic.gateways.size() == 1);
}

TEST_CASE("the gateway of IPAM's default route counts for its own family", "[v6][nic]") {
  const auto lease = lease_of({ip_of("172.16.11.10/24"), ip_of("fd00:172:11::10/64")},
                              {route_to("::/0", "fd00:172:11::1")});
  const Texts routes = routes_of(nic_of(lease));
  CHECK(routes.at(3) == "unreachable default metric 4294967295 table 101");
  CHECK(routes.at(4) == "default via fd00:172:11::1 dev net1 metric 1024 table 101");
}

TEST_CASE("IPAM's IPv6 route goes to both tables", "[v6][nic]") {
  auto lease = dual_lease();
  lease.routes = {route_to("fd00:50::/32")};
  const DesiredNic nic = nic_of(lease);
  const Texts routes = routes_of(nic);
  REQUIRE(routes.size() == 7);
  CHECK(routes.at(5) == "fd00:50::/32 via fd00:172:11::fe dev net1 metric 1024 table 101");
  CHECK(routes.at(6) == "fd00:50::/32 via fd00:172:11::fe dev net1 metric 101 table main");
  REQUIRE(nic.main_routes.size() == 1);
  CHECK(nic.main_routes.at(0).priority == 101U);
}

TEST_CASE("IPAM's IPv6 route into the cluster stays in the NIC's table", "[v6][nic]") {
  for (const char* dst : {"fd00:10:96::/108", "fd00:10:233:0:1::/80", "fd00:10:1::4/128"}) {
    INFO(dst);
    auto lease = v6_lease();
    lease.routes = {route_to(dst)};
    const DesiredNic nic = nic_of(lease);
    CHECK(routes_of(nic).size() == 4);
    CHECK(nic.main_routes.empty());
    REQUIRE(nic.warnings.size() == 1);
    CHECK(has_all(nic.warnings[0], {dst, "eth0"}));
  }
}

TEST_CASE("no IPv6 default of IPAM's enters main", "[v6][nic]") {
  auto lease = v6_lease();
  lease.routes = {route_to("::/0", "fd00:172:11::fe")};
  const DesiredNic nic = nic_of(lease);
  CHECK(std::ranges::none_of(nic.routing.routes,
                             [](const net::Route& r) { return r.table == net::kTableMain; }));
  CHECK(nic.main_routes.empty());
}

TEST_CASE("who looks for duplicates is told to the kernel", "[v6][nic]") {
  cni::NetConf conf = dual_conf();
  const auto has_no_dad = [&](cni::DadMode mode) {
    conf.ipv6.dad = mode;
    const auto nic =
        unwrap(plan_nic(conf, observed(dual_world()), rail_place(), kNet1, "net1", dual_lease()));
    CHECK_FALSE(nic.addresses.at(0).has_no_dad);
    return nic.addresses.at(1).has_no_dad;
  };
  CHECK(has_no_dad(cni::DadMode::probe));
  CHECK(has_no_dad(cni::DadMode::off));
  CHECK_FALSE(has_no_dad(cni::DadMode::kernel));
}

TEST_CASE("IPv6 addresses that no NIC can have are refused and named", "[v6][nic]") {
  for (const char* address : {"::1/128", "ff02::1/64", "::/64", "fd00::1/0"}) {
    INFO(address);
    const Error error = refusal(lease_of({ip_of(address)}));
    CHECK(error.code == Code::bad_config);
    CHECK(has_all(error.msg, {address}));
  }
}

TEST_CASE("a gateway of the other family, or the NIC's own, is refused", "[v6][nic]") {
  for (const auto& [address, gateway] :
       {std::pair{"172.16.11.10/24", "fe80::1"}, std::pair{"fd00:172:11::10/64", "172.16.11.254"},
        std::pair{"fd00:172:11::10/64", "fd00:172:11::10"},
        std::pair{"fd00:172:11::10/64", "ff02::2"}}) {
    INFO(address << " by " << gateway);
    const Error error = refusal(lease_of({ip_of(address, gateway)}));
    CHECK(error.code == Code::bad_config);
    CHECK(has_all(error.msg, {address, gateway}));
  }
  const Error error =
      refusal(lease_of({ip_of("172.16.11.10/24")}, {route_to("10.0.0.0/8", "fe80::1")}));
  CHECK(error.code == Code::bad_config);
  CHECK(has_all(error.msg, {"10.0.0.0/8", "fe80::1"}));
}

TEST_CASE("IPv6 of IPAM's is refused where the kernel has none", "[v6][nic]") {
  const World world = calico_world();
  const Error address = refusal(dual_lease(), world);
  CHECK(address.code == Code::unsupported_field);
  CHECK(has_all(address.msg, {"fd00:172:11::10/64", "IPv6"}));
  auto lease = rail_lease();
  lease.routes = {route_to("fd00:50::/32")};
  const Error route = refusal(lease, world);
  CHECK(route.code == Code::unsupported_field);
  CHECK(has_all(route.msg, {"fd00:50::/32", "IPv6"}));
  CHECK(plan_nic(dual_conf(), observed(world), rail_place(), kNet1, "net1", rail_lease()));
}

TEST_CASE("a NIC that cannot have IPv6 has no settings of it", "[v6][link]") {
  cni::NetConf conf = dual_conf();
  const auto has_v6_settings = [&](const World& world) {
    const auto link = plan_link(conf, observed(world), rail_attachment());
    return std::ranges::any_of(link.sysctls,
                               [](const net::Sysctl& s) { return s.path.starts_with("ipv6/"); });
  };
  CHECK(has_v6_settings(v4_world()));
  CHECK_FALSE(has_v6_settings(calico_world()));
  conf.mtu = 1280;
  CHECK(has_v6_settings(v4_world()));
  conf.mtu = 1279;
  CHECK_FALSE(has_v6_settings(v4_world()));
}

TEST_CASE("an IPv6 address needs an MTU that IPv6 can use", "[v6][nic]") {
  cni::NetConf conf = dual_conf();
  const auto plan = [&](const cni::AddResult& lease) {
    return plan_nic(conf, observed(v4_world()), rail_place(), kNet1, "net1", lease);
  };
  conf.mtu = 1280;
  CHECK(plan(dual_lease()));
  conf.mtu = 1279;
  CHECK(plan(rail_lease()));
  const Error error = refused(plan(dual_lease()));
  CHECK(error.code == Code::bad_config);
  CHECK(has_all(error.msg, {"fd00:172:11::10/64", "mtu 1279", "1280"}));
}

TEST_CASE("IPv6 cannot be off on a NIC that gets an address of it", "[v6][nic]") {
  cni::NetConf conf = dual_conf();
  const auto plan = [&](const std::string& value, const cni::AddResult& lease) {
    conf.sysctls = {{"ipv6/conf/IFNAME/disable_ipv6", value, "sysctls.net.ipv6.conf.IFNAME.off"}};
    return plan_nic(conf, observed(v4_world()), rail_place(), kNet1, "net1", lease);
  };
  CHECK(plan("0", dual_lease()));
  CHECK(plan("1", rail_lease()));
  const Error error = refused(plan("1", dual_lease()));
  CHECK(error.code == Code::bad_config);
  CHECK(has_all(error.msg,
                {"sysctls.net.ipv6.conf.IFNAME.off \"1\"", "\"0\"", "fd00:172:11::10/64"}));
}

TEST_CASE("IPv6 is turned on for the NIC before its first address of it", "[v6][steps]") {
  const auto steps = address_steps(nic_of(dual_lease()), "net1");
  REQUIRE(steps.size() == 3);
  REQUIRE(std::holds_alternative<SetSysctls>(steps[0]));
  CHECK(std::get<SetSysctls>(steps[0]).sysctls ==
        std::vector<net::Sysctl>{{"ipv6/conf/net1/disable_ipv6", "0"}});
  CHECK(address_steps(nic_of(rail_lease()), "net1").size() == 1);
}
