// SPDX-License-Identifier: Apache-2.0
#include "mvr/plan/desired.hpp"
#include "support/unit_pod.hpp"

using mvr::Code;
using mvr::Error;
using mvr::Result;
using namespace mvr::plan;
using namespace mvr::test;
namespace net = mvr::net;
namespace cni = mvr::cni;

namespace {

constexpr std::uint8_t kOurs = net::kOurMark;
constexpr std::uint8_t kTheirs = 3;

using Tables = std::vector<std::uint32_t>;

Result<Place> place(const World& world, const std::string& ifname = "net1",
                    const cni::NetConf& conf = rail_conf(), const Tables& claimed = {}) {
  return plan_place(conf, facts_of(world, ifname), ifname, claimed);
}

/// The table that an interface of this name gets in a fresh pod.
std::uint32_t table_of(const std::string& ifname, const Tables& claimed = {}) {
  return unwrap(place(calico_world(), ifname, rail_conf(), claimed)).table;
}

World with_rule(const net::Rule& rule) {
  World world = calico_world();
  world.pod_rules.push_back(rule);
  return world;
}

net::Route in_table(net::Route route, std::uint32_t table, std::uint8_t protocol) {
  route.table = table;
  route.protocol = protocol;
  return route;
}

Error refusal(const World& world, const std::string& ifname = "net1",
              const cni::NetConf& conf = rail_conf()) {
  const Error error = refused(place(world, ifname, conf));
  CHECK(error.code == Code::routing);
  return error;
}

}  // namespace

TEST_CASE("net1 to net8 get the tables 101 to 108 and priorities to match", "[place]") {
  for (std::uint32_t n = 1; n <= 8; ++n) {
    const auto name = "net" + std::to_string(n);
    CHECK(unwrap(place(calico_world(), name)) == Place{true, 100 + n, 32100 + n, 100});
  }
}

TEST_CASE("the bases move tables and priorities", "[place]") {
  cni::NetConf conf = rail_conf();
  conf.route_table_base = 2000;
  conf.rule_priority_base = 1000;
  CHECK(unwrap(place(calico_world(), "net3", conf)) == Place{true, 2003, 3003, 2000});
}

TEST_CASE("net1 to net64 have a table by name, other names do not", "[place]") {
  CHECK(table_of("net64", {165, 166}) == 164);
  for (const char* name : {"net0", "net65", "net", "net01", "net1a", "net-1", "net4294967297",
                           "xnet1", "rdma0", "net+1", "net 1"}) {
    INFO(name);
    CHECK(table_of(name) == 165);
  }
}

TEST_CASE("other names get the lowest table that is free", "[place]") {
  CHECK(table_of("rdma0", {165, 166, 168}) == 167);
  World world = calico_world();
  world.pod_rules.push_back(rule_of(kTheirs, "", "", 165, 40));
  world.pod_routes.push_back(in_table(foreign_route("10.9.0.0/16", "", kEth0), 166, kTheirs));
  world.pod_links.push_back(our_macvlan(77, "rdma9"));
  world.pod_rules.push_back(rule_of(kOurs, "", "rdma9", 167, 32167));
  CHECK(unwrap(place(world, "rdma0")).table == 168);
}

TEST_CASE("a free table is never one of the reserved ones", "[place]") {
  cni::NetConf conf = rail_conf();
  conf.route_table_base = 188;
  CHECK(unwrap(place(calico_world(), "rdma0", conf)).table == 256);
}

TEST_CASE("a table that was chosen before is kept", "[place]") {
  World world = calico_world();
  world.pod_links.push_back(our_macvlan(77, "rdma0"));
  world.pod_rules.push_back(rule_of(kOurs, "", "rdma0", 171, 32171));
  CHECK(unwrap(place(world, "rdma0")).table == 171);
}

TEST_CASE("routeTable names the table, whatever the interface's name", "[place]") {
  cni::NetConf conf = rail_conf();
  conf.route_table = 500;
  CHECK(unwrap(place(calico_world(), "net1", conf)) == Place{true, 500, 32500, 100});
  CHECK(unwrap(place(calico_world(), "rdma0", conf)).table == 500);
}

TEST_CASE("a table that another NIC of the pod claims is refused", "[place]") {
  cni::NetConf conf = rail_conf();
  conf.route_table = 500;
  const Error error = refused(place(calico_world(), "net1", conf, {500}));
  CHECK(error.code == Code::routing);
  CHECK(has_all(error.msg, {"500", "routeTable"}));
}

TEST_CASE("reserved tables are refused, by number and key", "[place]") {
  for (const std::uint32_t table : {253U, 254U, 255U}) {
    cni::NetConf conf = rail_conf();
    conf.route_table = table;
    CHECK(
        has_all(refusal(calico_world(), "net1", conf).msg, {std::to_string(table), "routeTable"}));
    conf.route_table = 0;
    conf.route_table_base = table - 1;
    CHECK(has_all(refusal(calico_world(), "net1", conf).msg,
                  {std::to_string(table), "routeTableBase"}));
    conf.route_table_base = table;
    conf.route_table = 500;
    CHECK(has_all(refusal(calico_world(), "net1", conf).msg,
                  {std::to_string(table), "routeTableBase", "eth0"}));
  }
}

TEST_CASE("the table of the overlay NIC is not for another one", "[place]") {
  cni::NetConf conf = rail_conf();
  conf.route_table = 100;
  CHECK(has_all(refusal(calico_world(), "net1", conf).msg, {"100", "routeTableBase", "eth0"}));
}

TEST_CASE("a priority of 32766 or more is refused and both keys are named", "[place]") {
  cni::NetConf conf = rail_conf();
  conf.rule_priority_base = 32665;
  CHECK(has_all(refusal(calico_world(), "net1", conf).msg,
                {"32766", "rulePriorityBase 32665", "routeTableBase"}));
  conf.rule_priority_base = 32664;
  CHECK(unwrap(place(calico_world(), "net1", conf)).priority == 32765);
  conf.rule_priority_base = 0xffffffff;
  CHECK(has_all(refusal(calico_world(), "net1", conf).msg, {"4294967396", "rulePriorityBase"}));
}

TEST_CASE("a table that a foreign rule leads to is refused and the rule named", "[place]") {
  const Error error = refusal(with_rule(rule_of(kTheirs, "10.9.0.0/16", "", 101, 40)));
  CHECK(has_all(error.msg, {"101", "from 10.9.0.0/16 lookup 101 priority 40"}));
}

TEST_CASE("a table that holds a foreign route is refused and the route named", "[place]") {
  World world = calico_world();
  world.pod_routes.push_back(in_table(foreign_route("10.9.0.0/16", "", kEth0), 101, kTheirs));
  CHECK(has_all(refusal(world).msg, {"101", "10.9.0.0/16 dev eth0"}));
}

TEST_CASE("a table of another NIC of ours is refused and the NIC named", "[place]") {
  World world = with_rule(rule_of(kOurs, "", "rdma9", 101, 32101));
  world.pod_links.push_back(our_macvlan(77, "rdma9"));
  CHECK(has_all(refusal(world).msg, {"101", "rdma9"}));
}

TEST_CASE("the overlay NIC's table is refused when somebody else uses it", "[place]") {
  World world = with_rule(rule_of(kTheirs, "10.9.0.0/16", "", 100, 40));
  CHECK(has_all(refusal(world).msg, {"100", "routeTableBase", "from 10.9.0.0/16"}));
  world = calico_world();
  world.pod_routes.push_back(in_table(foreign_route("10.9.0.0/16", "", kEth0), 100, kTheirs));
  CHECK(has_all(refusal(world).msg, {"100", "10.9.0.0/16 dev eth0"}));
}

TEST_CASE("a priority of a foreign rule is refused and the rule named", "[place]") {
  for (const std::uint32_t priority : {32100U, 32101U}) {
    const Error error = refusal(with_rule(rule_of(kTheirs, "10.9.0.0/16", "", 77, priority)));
    CHECK(has_all(error.msg, {std::to_string(priority), "rulePriorityBase", "from 10.9.0.0/16"}));
  }
}

TEST_CASE("leftovers of ours take nobody's table or priority", "[place]") {
  World world = with_rule(rule_of(kOurs, "172.16.11.9/32", "", 101, 32101));
  world.pod_rules.push_back(rule_of(kOurs, "", "rdma9", 101, 32101));
  world.pod_rules.push_back(rule_of(kOurs, "", "eth0", 100, 32100));
  world.pod_routes.push_back(in_table(foreign_route("10.9.0.0/16", "", kEth0), 101, kOurs));
  CHECK(unwrap(place(world)) == rail_place());
}

TEST_CASE("without IPAM a NIC has no table", "[place]") {
  cni::NetConf conf = rail_conf();
  conf.ipam_type.clear();
  CHECK(unwrap(place(calico_world(), "net1", conf)) == Place{});
}

TEST_CASE("the only NIC of a pod without an overlay NIC has no table", "[place]") {
  CHECK(unwrap(place(plain_world())) == Place{});
}

TEST_CASE("a second NIC of such a pod has a table, and there is none for an overlay", "[place]") {
  World world = plain_world();
  world.pod_links.push_back(our_macvlan(77, "net1"));
  CHECK(unwrap(place(world, "net2")) == Place{true, 102, 32102, 0});
}

TEST_CASE("CHECK believes what ADD recorded, whatever others have put there since", "[place]") {
  World world = with_rule(rule_of(kTheirs, "10.9.0.0/16", "", 170, 32170));
  CHECK(recall_place(rail_conf(), facts_of(world), 170) == Place{true, 170, 32170, 100});
  CHECK(recall_place(rail_conf(), facts_of(world), 0) == Place{});
  CHECK(recall_place(rail_conf(), facts_of(plain_world()), 102) == Place{true, 102, 32102, 0});
}

TEST_CASE("a table whose journal is lost is that of the NIC's rule", "[place]") {
  const World world = with_rule(rule_of(kOurs, "", "net1", 170, 32170));
  CHECK(guess_table(rail_conf(), facts_of(world), "net1") == 170);
  CHECK(guess_table(rail_conf(), facts_of(world), "net2") == 102);
  CHECK(guess_table(rail_conf(), facts_of(plain_world()), "net1") == 0);
  cni::NetConf conf = rail_conf();
  conf.ipam_type.clear();
  CHECK(guess_table(conf, facts_of(world), "net1") == 0);
}
