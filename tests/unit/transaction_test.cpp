// SPDX-License-Identifier: Apache-2.0
#include "mvr/plan/transaction.hpp"

#include <errno.h>
#include <signal.h>

#include <algorithm>

#include "support/unit_attempt.hpp"
#include "support/unit_rdma.hpp"

using mvr::Budget;
using mvr::Code;
using mvr::Error;
using namespace mvr::plan;
using namespace mvr::test;
namespace net = mvr::net;

namespace {

constexpr std::uint8_t kOurs = net::kOurMark;

net::Route our_route(const std::string& dst, const std::string& gateway, std::uint32_t table) {
  net::Route route = foreign_route(dst, gateway, kEth0);
  route.table = table;
  route.protocol = kOurs;
  return route;
}

/// A pod in which an earlier NIC of ours has left routes and rules that are wrong by now.
World littered_world() {
  World world = calico_world();
  world.pod_routes.push_back(our_route("169.254.1.1/32", "", 100));
  net::Route old_default = our_route("0.0.0.0/0", "169.254.1.1", 100);
  old_default.metric = 7;
  world.pod_routes.push_back(old_default);
  net::Route old_cluster = our_route("10.233.0.0/18", "", net::kTableMain);
  world.pod_routes.push_back(old_cluster);
  world.pod_routes.push_back(our_route("10.99.0.0/16", "", 101));
  world.pod_rules.push_back(rule_of(kOurs, "172.16.11.77/32", "", 101, 32101));
  world.pod_rules.push_back(rule_of(kOurs, "10.233.119.1/32", "", 100, 32100));
  return world;
}

/// The same with an RDMA device for the NIC to move.
World littered_rdma_world() {
  World world = littered_world();
  world.rdma = rdma_world(mvr::rdma::NetnsMode::exclusive).rdma;
  return world;
}

/// All that an ADD changes.
std::vector<std::string> list_changes(const World& world) {
  FakeKernel kernel(world);
  unwrap(Attempt(kernel).make());
  return kernel.changes();
}

/// An RDMA device that is in the pod has been moved, whatever the kernel said.
bool is_content(const std::string& change, Failing when) {
  return when == Failing::afterwards && change.starts_with("move RDMA device ");
}

/// What a change is one of: those of routing are asked for together, whatever becomes of each. The
/// shared routing comes before the link, the NIC's own behind its addresses.
std::string group_of(const std::string& change) {
  const bool is_routing =
      change.find(" route ") != std::string::npos || change.find(" rule ") != std::string::npos;
  return is_routing ? "routing" : change;
}

/// How many changes are tried when the n-th one fails, counted from 1.
std::size_t end_of_group(const std::vector<std::string>& all, std::size_t n) {
  const std::string group = group_of(all[n - 1]);
  while (n < all.size() && group_of(all[n]) == group) {
    ++n;
  }
  return n;
}

/// Fails at every step in turn; whatever was done before must be taken back.
void check_every_failure(const World& start, Failing when) {
  const std::vector<std::string> all = list_changes(start);
  for (std::size_t n = 1; n <= all.size(); ++n) {
    FakeKernel kernel(start);
    kernel.fail_at(n, EPERM, when);
    Attempt attempt(kernel);
    const auto made = attempt.make();
    INFO("step " << n << ": " << kernel.changes().at(n - 1));
    if (is_content(kernel.changes().at(n - 1), when)) {
      CHECK(made);
    } else {
      CHECK(refused(made).sys_errno == EPERM);
      CHECK(kernel.changes().size() == end_of_group(all, n));
    }
    for (const Error& left : attempt.undo()) {
      FAIL_CHECK(left);
    }
    CHECK(kernel.world() == start);
  }
}

}  // namespace

TEST_CASE("an ADD makes what was planned, and its undo leaves nothing", "[transaction]") {
  const World start = calico_world();
  FakeKernel kernel(start);
  Attempt attempt(kernel);
  unwrap(attempt.make());
  CHECK(kernel.changes() ==
        std::vector<std::string>{
            "add route 169.254.1.1 dev eth0 table 100",
            "add route default via 169.254.1.1 dev eth0 table 100",
            "add route 10.233.0.0/18 via 169.254.1.1 dev eth0 src 10.233.119.164 table main",
            "add route 10.233.64.0/18 via 169.254.1.1 dev eth0 src 10.233.119.164 table main",
            "add route 169.254.0.0/16 via 169.254.1.1 dev eth0 src 10.233.119.164 table main",
            "add route 10.1.20.4 via 169.254.1.1 dev eth0 src 10.233.119.164 table main",
            "add rule from 10.233.119.164 lookup 100 priority 32100",
            "add rule from all oif eth0 lookup 100 priority 32100",
            "create macvlan " + attempt.link.spec.name,
            "write ipv4/conf/" + attempt.link.spec.name + "/rp_filter=2 ipv4/conf/" +
                attempt.link.spec.name + "/arp_ignore=1 ipv4/conf/" + attempt.link.spec.name +
                "/arp_announce=2",
            "name " + attempt.link.spec.name + " net1 and raise it",
            "add address 172.16.11.10/24 dev net1",
            "add route 172.16.11.0/24 dev net1 src 172.16.11.10 table 101",
            "add route default via 172.16.11.254 dev net1 table 101",
            "add rule from 172.16.11.10 lookup 101 priority 32101",
            "add rule from all oif net1 lookup 101 priority 32101"});
  CHECK(kernel.world() != start);
  CHECK(attempt.undo().empty());
  CHECK(kernel.world() == start);
}

TEST_CASE("a failure at any step leaves the pod as it was", "[transaction]") {
  check_every_failure(calico_world(), Failing::instead);
  check_every_failure(littered_world(), Failing::instead);
  check_every_failure(littered_rdma_world(), Failing::instead);
}

TEST_CASE("a step that fails after it has worked is taken back too", "[transaction]") {
  check_every_failure(calico_world(), Failing::afterwards);
  check_every_failure(littered_world(), Failing::afterwards);
  check_every_failure(littered_rdma_world(), Failing::afterwards);
}

TEST_CASE("leftovers are replaced, and undo brings them back", "[transaction]") {
  const World start = littered_world();
  FakeKernel kernel(start);
  Attempt attempt(kernel);
  unwrap(attempt.make());
  for (const char* removed : {"remove rule from 172.16.11.77 lookup 101 priority 32101",
                              "remove rule from 10.233.119.1 lookup 100 priority 32100",
                              "remove route default via 169.254.1.1 dev eth0 metric 7 table 100",
                              "remove route 10.233.0.0/18 dev eth0 table main",
                              "remove route 10.99.0.0/16 dev eth0 table 101"}) {
    INFO(removed);
    CHECK(std::ranges::count(kernel.changes(), removed) == 1);
  }
  CHECK(attempt.undo().empty());
  CHECK(kernel.world() == start);
}

TEST_CASE("the RDMA device moves before the NIC has an address", "[transaction]") {
  const World start = rdma_world(mvr::rdma::NetnsMode::exclusive);
  FakeKernel kernel(start);
  Attempt attempt(kernel);
  unwrap(attempt.make());
  const auto moved = std::ranges::find(kernel.changes(), "move RDMA device rocep11s0 into the pod");
  REQUIRE(moved != kernel.changes().end());
  CHECK(moved[-1] == "name " + attempt.link.spec.name + " net1 and raise it");
  CHECK(moved[1] == "add address 172.16.11.10/24 dev net1");
  CHECK(device_of(kernel.world(), kRail1).where == Where::pod);
  CHECK(device_of(kernel.world(), kRail2).where == Where::host);
  CHECK(attempt.undo().empty());
  CHECK(kernel.changes().back() != "move RDMA device rocep11s0 to the node");
  CHECK(kernel.world() == start);
}

TEST_CASE("a second NIC shares what is there and takes only its own away", "[transaction]") {
  FakeKernel kernel(calico_world());
  unwrap(Attempt(kernel).make());
  const World with_net1 = kernel.world();
  mvr::cni::NetConf conf = rail_conf();
  conf.master = {"enp12s0f0np0"};
  mvr::cni::AddResult lease = rail_lease();
  lease.ips[0] = {prefix("172.16.12.10/24"), addr("172.16.12.254"), std::nullopt};
  Attempt second(kernel);
  unwrap(second.make(conf, rail_attachment("net2"), lease));
  CHECK(second.place == Place{true, 102, 32102, 100});
  CHECK(second.undo().empty());
  CHECK(kernel.world() == with_net1);
}

TEST_CASE("the pod of a failed undo is as clean as the kernel allows", "[transaction]") {
  const World start = calico_world();
  FakeKernel kernel(start);
  Attempt attempt(kernel);
  unwrap(attempt.make());
  const std::size_t done = kernel.changes().size();
  kernel.fail_at(done + 2, EPERM);
  kernel.fail_at(done + 4, ENOMEM);
  const std::vector<Error> errors = attempt.undo();
  REQUIRE(errors.size() == 2);
  CHECK(errors[0].sys_errno == EPERM);
  CHECK(errors[0].code == Code::routing);
  CHECK(errors[1].sys_errno == ENOMEM);
  World expected = start;
  expected.pod_rules.push_back(rule_of(kOurs, "172.16.11.10/32", "", 101, 32101));
  CHECK(kernel.world() == expected);
}

TEST_CASE("what has gone already is no failure of undo", "[transaction]") {
  World start = calico_world();
  FakeKernel kernel(start);
  Attempt attempt(kernel);
  unwrap(attempt.make());
  World& world = kernel.world();
  std::erase_if(world.pod_rules, [](const net::Rule& rule) { return rule.protocol == kOurs; });
  std::erase_if(world.pod_routes, [](const net::Route& route) { return route.protocol == kOurs; });
  std::erase_if(world.pod_addresses, [](const auto& address) { return address.index != kEth0; });
  CHECK(attempt.undo().empty());

  FakeKernel other(start);
  Attempt without_link(other);
  unwrap(without_link.make());
  delete_link(other.world(), net::IfIndex{1000});
  CHECK(without_link.undo().empty());
  CHECK(other.world() == start);
}

TEST_CASE("an object of somebody else that is in the way is not removed", "[transaction]") {
  const auto budget = Budget::grace(std::chrono::seconds(10));
  World start = calico_world();
  net::Route theirs = foreign_route("10.233.0.0/18", "", kEth0);
  start.pod_routes.push_back(theirs);
  start.pod_rules.push_back(rule_of(kOurs, "10.233.119.164/32", "", 100, 32100));
  net::Route ours = theirs;
  ours.protocol = kOurs;
  const std::vector<Step> steps = {
      ChangeAddress{Op::add, address_of(kEth0, "10.233.119.164/32"), "eth0"},
      ChangeRoute{Op::add, ours, "eth0"}, ChangeRule{Op::add, start.pod_rules.back()}};
  for (const Step& step : steps) {
    FakeKernel kernel(start);
    Transaction transaction(kernel, Attempt::ignore_step());
    CHECK(refused(transaction.run({step}, budget)).sys_errno == EEXIST);
    CHECK(transaction.undo().empty());
    CHECK(kernel.world() == start);
  }
}

TEST_CASE("a link of somebody else with the temporary name is not removed", "[transaction]") {
  World start = calico_world();
  net::Link theirs = ethernet(77, temporary_name(rail_attachment()));
  start.pod_links.push_back(theirs);
  FakeKernel kernel(start);
  Attempt attempt(kernel);
  const Error error = refused(attempt.make());
  CHECK(error.code == Code::link_failed);
  CHECK(error.sys_errno == EEXIST);
  CHECK(attempt.undo().empty());
  CHECK(kernel.world() == start);
}

TEST_CASE("a link of somebody else with the final name is not removed", "[transaction]") {
  World start = calico_world();
  start.pod_links.push_back(our_macvlan(77, "net1"));
  start.pod_links.back().alias = "macvlan-rdma:gpu1-macvlan/ffff/net1";
  FakeKernel kernel(start);
  Attempt attempt(kernel);
  CHECK(refused(attempt.make()).sys_errno == EEXIST);
  CHECK(attempt.undo().empty());
  CHECK(kernel.world() == start);
}

TEST_CASE("a MAC that another macvlan has is said so, and the link goes", "[transaction]") {
  World start = calico_world();
  start.pod_links.push_back(our_macvlan(77, "net9"));
  start.pod_links.back().lower = net::IfIndex{11};
  FakeKernel kernel(start);
  mvr::cni::NetConf conf = rail_conf();
  conf.mac = start.pod_links.back().mac;
  Attempt attempt(kernel);
  const Error error = refused(attempt.make(conf, rail_attachment(), rail_lease()));
  CHECK(error.sys_errno == EADDRINUSE);
  CHECK(error.code == Code::link_failed);
  CHECK(has_all(error.msg, {"set name up", "MAC"}));
  CHECK(attempt.undo().empty());
  CHECK(kernel.world() == start);
}

TEST_CASE("a passthru master that is taken is said so", "[transaction]") {
  for (const auto& [theirs, ours, error] :
       {std::tuple{net::MacvlanMode::passthru, mvr::cni::MacvlanMode::bridge, EBUSY},
        std::tuple{net::MacvlanMode::bridge, mvr::cni::MacvlanMode::passthru, EINVAL}}) {
    World start = calico_world();
    start.pod_links.push_back(our_macvlan(77, "net9"));
    start.pod_links.back().lower = net::IfIndex{11};
    start.pod_links.back().macvlan->mode = theirs;
    FakeKernel kernel(start);
    mvr::cni::NetConf conf = rail_conf();
    conf.mode = ours;
    Attempt attempt(kernel);
    const Error refusal = refused(attempt.make(conf, rail_attachment(), rail_lease()));
    CHECK(refusal.sys_errno == error);
    CHECK(has_all(refusal.msg, {"create the NIC", "passthru"}));
    CHECK(attempt.undo().empty());
    CHECK(kernel.world() == start);
  }
}

TEST_CASE("no step is begun when the time is used up", "[transaction]") {
  const World start = calico_world();
  FakeKernel kernel(start);
  Attempt attempt(kernel);
  const auto budget = Budget::grace(std::chrono::milliseconds(0));
  const auto made = attempt.make(rail_conf(), rail_attachment(), rail_lease(), budget);
  CHECK(refused(made).code == Code::interrupted);
  CHECK(refused(made).msg.starts_with("before \"add route 169.254.1.1 dev eth0 table 100\": "));
  CHECK(kernel.changes().empty());
}

TEST_CASE("a signal ends an ADD before its next step", "[transaction]") {
  const World start = calico_world();
  const Budget budget = unwrap(Budget::start(std::chrono::seconds(10)));
  FakeKernel kernel(start);
  Attempt attempt(kernel, [&](const Step&, std::chrono::microseconds, const auto&) {
    if (kernel.changes().size() == 10) {
      ::raise(SIGTERM);
    }
  });
  const auto made = attempt.make(rail_conf(), rail_attachment(), rail_lease(), budget);
  CHECK(refused(made).code == Code::interrupted);
  CHECK(kernel.changes().size() == 10);
  CHECK(attempt.undo().empty());
  CHECK(kernel.world() == start);
}

TEST_CASE("each step is told with its outcome", "[transaction]") {
  FakeKernel kernel(calico_world());
  kernel.fail_at(2, EPERM);
  std::vector<std::string> told;
  Attempt attempt(kernel, [&](const Step& step, std::chrono::microseconds took, const auto& done) {
    CHECK(took.count() >= 0);
    told.push_back(describe(step) + (done ? ": ok" : ": failed"));
  });
  CHECK_FALSE(attempt.make());
  CHECK(attempt.undo().empty());
  const std::string cluster = " via 169.254.1.1 dev eth0 src 10.233.119.164 table main: ok";
  CHECK(told == std::vector<std::string>{
                    "add route 169.254.1.1 dev eth0 table 100: ok",
                    "add route default via 169.254.1.1 dev eth0 table 100: failed",
                    "add route 10.233.0.0/18" + cluster, "add route 10.233.64.0/18" + cluster,
                    "add route 169.254.0.0/16" + cluster, "add route 10.1.20.4" + cluster,
                    "add rule from 10.233.119.164 lookup 100 priority 32100: ok",
                    "add rule from all oif eth0 lookup 100 priority 32100: ok",
                    "remove rule from all oif eth0 lookup 100 priority 32100: ok",
                    "remove rule from 10.233.119.164 lookup 100 priority 32100: ok",
                    "remove route 10.1.20.4" + cluster, "remove route 169.254.0.0/16" + cluster,
                    "remove route 10.233.64.0/18" + cluster, "remove route 10.233.0.0/18" + cluster,
                    "remove route default via 169.254.1.1 dev eth0 table 100: failed",
                    "remove route 169.254.1.1 dev eth0 table 100: ok"});
}
