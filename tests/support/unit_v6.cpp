// SPDX-License-Identifier: Apache-2.0
#include "support/unit_v6.hpp"

#include <algorithm>

#include "support/fake_kernel.hpp"

namespace mvr::test {
namespace {

void add_v6_overlay(World& world) {
  load_ipv6(world);
  REQUIRE(add_address(world, address_of(kEth0, std::string(kPodAddress) + "/128")) == 0);
  finish_dad(world);
  REQUIRE(add_route(world, foreign_route("::/0", kNextHop, kEth0)) == 0);
}

}  // namespace

World dual_world() {
  World world = calico_world();
  add_v6_overlay(world);
  return world;
}

World v6_world() {
  World world = calico_world();
  world.pod_addresses.clear();
  world.pod_routes.clear();
  add_v6_overlay(world);
  return world;
}

World v4_world() {
  World world = calico_world();
  load_ipv6(world);
  finish_dad(world);
  return world;
}

cni::NetConf dual_conf() {
  cni::NetConf conf = rail_conf();
  conf.service_cidr.push_back(prefix("fd00:10:96::/108"));
  conf.overlay_pod_cidr.push_back(prefix("fd00:10:233::/64"));
  conf.host_addresses = {addr("10.1.20.4"), addr("fd00:10:1::4")};
  return conf;
}

cni::IpConfig ip_of(const std::string& address, const std::string& gateway) {
  return {prefix(address), gateway.empty() ? std::nullopt : std::optional(addr(gateway)),
          std::nullopt};
}

cni::RouteConfig route_to(const std::string& dst, const std::string& gateway) {
  cni::RouteConfig route;
  route.dst = prefix(dst);
  route.gateway = gateway.empty() ? std::nullopt : std::optional(addr(gateway));
  return route;
}

cni::AddResult lease_of(std::vector<cni::IpConfig> ips, std::vector<cni::RouteConfig> routes) {
  cni::AddResult lease;
  lease.ips = std::move(ips);
  lease.routes = std::move(routes);
  return lease;
}

cni::AddResult v6_lease() {
  return lease_of({ip_of("fd00:172:11::10/64", "fd00:172:11::fe")});
}

cni::AddResult dual_lease() {
  cni::AddResult lease = rail_lease();
  lease.ips.push_back(v6_lease().ips.front());
  return lease;
}

plan::Facts observed(const World& world, const cni::NetConf& conf) {
  FakeKernel kernel(world);
  return unwrap(plan::observe(kernel, conf, "net1"));
}

std::vector<ip::Family> families_of(const std::vector<net::Rule>& rules) {
  std::vector<ip::Family> families;
  std::ranges::transform(rules, std::back_inserter(families), &net::Rule::family);
  return families;
}

}  // namespace mvr::test
