// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <functional>

#include "mvr/plan/verify.hpp"
#include "support/unit_attempt.hpp"

using namespace mvr::plan;
using namespace mvr::test;
namespace net = mvr::net;

namespace {

using Texts = std::vector<std::string>;

Texts texts_of(const std::vector<Mismatch>& mismatches) {
  Texts all;
  std::ranges::transform(mismatches, std::back_inserter(all), &Mismatch::to_string);
  return all;
}

LinkExpectation expected_link() {
  LinkExpectation wanted;
  wanted.info = {net::MacvlanMode::bridge, 1000};
  wanted.mac = mac("02:00:00:00:00:4d");
  wanted.mtu = 1500;
  wanted.tx_queue_len = 500;
  wanted.master = net::IfIndex{11};
  wanted.alias = "macvlan-rdma:gpu1-macvlan/0123abcd/net1";
  return wanted;
}

net::Link good_link() {
  net::Link link = our_macvlan(77, "net1");
  link.macvlan->bc_queue_len = 1000;
  link.tx_queue_len = 500;
  link.lower = net::IfIndex{11};
  link.has_lower_elsewhere = true;
  link.alias = expected_link().alias;
  return link;
}

Texts link_with(const std::function<void(net::Link&)>& change) {
  net::Link link = good_link();
  change(link);
  return texts_of(verify_link(expected_link(), &link));
}

/// A pod after ADD, with what ADD wanted.
struct Made {
  FakeKernel kernel{calico_world()};
  Attempt attempt{kernel};

  Made() { unwrap(attempt.make()); }

  [[nodiscard]] PodState pod() { return pod_of(kernel.world()); }
  [[nodiscard]] Texts routing() {
    return texts_of(verify_routing(attempt.nic.routing, pod(), "net1"));
  }
  [[nodiscard]] Texts shared() {
    return texts_of(verify_routing(attempt.shared.routing, pod(), "net1"));
  }
  [[nodiscard]] Texts addresses() {
    return texts_of(verify_addresses(attempt.nic.addresses, pod()));
  }
};

net::Route& default_of(World& world, std::uint32_t table) {
  const auto found = std::ranges::find_if(world.pod_routes, [&](const net::Route& route) {
    return route.dst.is_default() && route.table == table;
  });
  REQUIRE(found != world.pod_routes.end());
  return *found;
}

}  // namespace

TEST_CASE("after ADD there is no difference, also when all is planned anew", "[verify]") {
  Made made;
  CHECK(made.addresses().empty());
  CHECK(made.routing().empty());
  CHECK(made.shared().empty());
  const Facts facts = unwrap(observe(made.kernel, rail_conf(), "net1"));
  const Place place = recall_place(rail_conf(), facts, 101);
  CHECK(place == made.attempt.place);
  const net::IfIndex index = facts.pod.find_link("net1")->index;
  CHECK(unwrap(plan_nic(rail_conf(), facts, place, index, "net1", rail_lease())) ==
        made.attempt.nic);
  CHECK(plan_shared(rail_conf(), facts, place).routing == made.attempt.shared.routing);
  const auto sysctls = sysctls_of(made.attempt.link, "net1");
  Texts paths;
  std::ranges::transform(sysctls, std::back_inserter(paths), &net::Sysctl::path);
  CHECK(verify_sysctls(sysctls, unwrap(made.kernel.read_pod_sysctls(paths))).empty());
}

TEST_CASE("a link that is as wanted has no difference", "[verify]") {
  CHECK(link_with([](net::Link&) {}).empty());
}

TEST_CASE("each field of the link is one difference", "[verify]") {
  CHECK(texts_of(verify_link(expected_link(), nullptr)) ==
        Texts{"link: wanted a macvlan, found nothing"});
  CHECK(link_with([](net::Link& link) {
          link.macvlan.reset();
          link.kind = "veth";
        }) == Texts{"link kind: wanted macvlan, found veth"});
  CHECK(link_with([](net::Link& link) {
          link.macvlan.reset();
          link.kind.clear();
        }) == Texts{"link kind: wanted macvlan, found none"});
  CHECK(link_with([](net::Link& link) { link.macvlan->mode = net::MacvlanMode::vepa; }) ==
        Texts{"link mode: wanted bridge, found vepa"});
  CHECK(link_with([](net::Link& link) { link.macvlan->mode = net::MacvlanMode{16}; }) ==
        Texts{"link mode: wanted bridge, found 16"});
  CHECK(link_with([](net::Link& link) { link.lower = net::IfIndex{12}; }) ==
        Texts{"link master: wanted interface 11, found interface 12"});
  CHECK(link_with([](net::Link& link) { link.has_lower_elsewhere = false; }) ==
        Texts{"link master's netns: wanted another, found the pod's"});
  CHECK(link_with([](net::Link& link) { link.alias.clear(); }).size() == 1);
  CHECK(link_with([](net::Link& link) { link.group = 0; }) ==
        Texts{"link group: wanted 216, found 0"});
  CHECK(link_with([](net::Link& link) { link.mac = mac("02:00:00:00:00:01"); }) ==
        Texts{"link MAC: wanted 02:00:00:00:00:4d, found 02:00:00:00:00:01"});
  CHECK(link_with([](net::Link& link) { link.is_up = false; }) ==
        Texts{"link state: wanted up, found down"});
  CHECK(link_with([](net::Link& link) { link.mtu = 9000; }) ==
        Texts{"link mtu: wanted 1500, found 9000"});
  CHECK(link_with([](net::Link& link) { link.tx_queue_len = 0; }) ==
        Texts{"link txQueueLen: wanted 500, found 0"});
  CHECK(link_with([](net::Link& link) { link.macvlan->bc_queue_len = 1; }) ==
        Texts{"link bcqueuelen: wanted 1000, found 1"});
}

TEST_CASE("every difference of a link is reported", "[verify]") {
  CHECK(link_with([](net::Link& link) {
          link.mtu = 9000;
          link.is_up = false;
          link.lower = net::IfIndex{12};
        }).size() == 3);
}

TEST_CASE("what was left to the kernel is no difference", "[verify]") {
  LinkExpectation wanted = expected_link();
  wanted.mtu = 0;
  wanted.tx_queue_len = 0;
  wanted.info.bc_queue_len = 0;
  const net::Link link = good_link();
  CHECK(verify_link(wanted, &link).empty());
}

TEST_CASE("an address that is gone, elsewhere or of another metric is a difference", "[verify]") {
  Made made;
  net::IfAddress& address = made.kernel.world().pod_addresses.back();
  address.metric = 0;
  CHECK(made.addresses() == Texts{"address 172.16.11.10/24 metric: wanted 101, found 0"});
  address.metric = 101;
  address.prefix.length = 25;
  CHECK(made.addresses().size() == 1);
  address.prefix.length = 24;
  address.index = kEth0;
  CHECK(made.addresses() == Texts{"address 172.16.11.10/24: wanted it, found nothing"});
  made.kernel.world().pod_addresses.clear();
  CHECK(made.addresses().size() == 1);
}

TEST_CASE("addresses besides ours are no difference", "[verify]") {
  Made made;
  made.kernel.world().pod_addresses.push_back(
      address_of(made.attempt.nic.addresses[0].index, "192.0.2.9/24"));
  CHECK(made.addresses().empty());
}

TEST_CASE("a route that is gone or different is one difference", "[verify]") {
  const std::string wanted = "route: wanted default via 172.16.11.254 dev net1 table 101, found ";
  Made made;
  const net::Route original = default_of(made.kernel.world(), 101);
  const auto with = [&](const std::function<void(net::Route&)>& change) {
    net::Route& route = default_of(made.kernel.world(), 101);
    route = original;
    change(route);
    return made.routing();
  };
  CHECK(with([](net::Route& route) { route.gateway = addr("172.16.11.1"); }) ==
        Texts{wanted + "default via 172.16.11.1 dev net1 table 101"});
  CHECK(with([](net::Route& route) { route.nic = kEth0; }) ==
        Texts{wanted + "default via 172.16.11.254 dev eth0 table 101"});
  CHECK(with([](net::Route& route) { route.metric = 9; }) ==
        Texts{wanted + "default via 172.16.11.254 dev net1 metric 9 table 101"});
  CHECK(with([](net::Route& route) { route.is_onlink = true; }).size() == 1);
  CHECK(with([](net::Route& route) { route.src = addr("172.16.11.10"); }).size() == 1);
  CHECK(with([](net::Route& route) { route.mtu = 1400; }).size() == 1);
  CHECK(with([](net::Route& route) { route.advmss = 1400; }).size() == 1);
  CHECK(with([](net::Route& route) { route.type = net::RouteType::unreachable; }).size() == 1);
  CHECK(with([](net::Route& route) { route.protocol = 3; }).empty());
  CHECK(with([](net::Route& route) { route.dst = prefix("10.0.0.0/8"); }) ==
        Texts{wanted + "nothing"});
}

TEST_CASE("a shared route that is gone is a difference", "[verify]") {
  Made made;
  std::erase_if(made.kernel.world().pod_routes,
                [](const net::Route& route) { return route.dst == prefix("10.233.0.0/18"); });
  CHECK(made.shared() ==
        Texts{"route: wanted 10.233.0.0/18 via 169.254.1.1 dev eth0 src 10.233.119.164 table "
              "main, found nothing"});
}

TEST_CASE("a rule that is gone or different is one difference", "[verify]") {
  Made made;
  net::Rule& rule = made.kernel.world().pod_rules.back();
  const net::Rule original = rule;
  const auto with = [&](const std::function<void(net::Rule&)>& change) {
    rule = original;
    change(rule);
    return made.routing();
  };
  const std::string wanted = "rule: wanted from all oif net1 lookup 101 priority 32101, found ";
  CHECK(with([](net::Rule& r) { r.priority = 5; }) ==
        Texts{wanted + "from all oif net1 lookup 101 priority 5"});
  CHECK(with([](net::Rule& r) { r.table = 55; }) ==
        Texts{wanted + "from all oif net1 lookup 55 priority 32101"});
  CHECK(with([](net::Rule& r) { r.oif = "net2"; }) == Texts{wanted + "nothing"});
  CHECK(with([](net::Rule& r) { r.has_other_selectors = true; }) == Texts{wanted + "nothing"});
  CHECK(with([](net::Rule& r) { r.protocol = 3; }).empty());
}

TEST_CASE("routes and rules of others are no difference", "[verify]") {
  Made made;
  World& world = made.kernel.world();
  const net::IfIndex net1 = made.attempt.nic.addresses[0].index;
  world.pod_rules.push_back(rule_of(3, "192.0.2.0/24", "", 77, 10));
  world.pod_routes.push_back(foreign_route("192.0.2.0/24", "", net1));
  net::Route multus = foreign_route("0.0.0.0/0", "172.16.11.254", net1);
  multus.metric = 5;
  world.pod_routes.push_back(multus);
  CHECK(made.routing().empty());
  CHECK(made.shared().empty());
}

TEST_CASE("a default of ours by the NIC that nobody wanted in main is a difference", "[verify]") {
  Made made;
  net::Route stray =
      foreign_route("0.0.0.0/0", "172.16.11.254", made.attempt.nic.addresses[0].index);
  stray.metric = 101;
  stray.protocol = net::kOurMark;
  made.kernel.world().pod_routes.push_back(stray);
  CHECK(made.routing() == Texts{"route: wanted nothing, found default via 172.16.11.254 dev net1 "
                                "metric 101 table main"});
}

TEST_CASE("each setting that differs is one difference", "[verify]") {
  const std::vector<net::Sysctl> wanted = {{"ipv4/conf/net1/rp_filter", "2"},
                                           {"ipv4/conf/net1/arp_ignore", "1"},
                                           {"ipv4/conf/net1/arp_announce", "2"}};
  CHECK(verify_sysctls(wanted, {"2", "1", "2"}).empty());
  CHECK(texts_of(verify_sysctls(wanted, {"1", "1", std::nullopt})) ==
        Texts{"sysctl ipv4/conf/net1/rp_filter: wanted 2, found 1",
              "sysctl ipv4/conf/net1/arp_announce: wanted 2, found nothing"});
}
