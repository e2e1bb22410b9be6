// SPDX-License-Identifier: Apache-2.0
/// \file
/// Pods without an overlay NIC: the first NIC is as with the plain macvlan plugin.
#include "support/catch.hpp"
#include "support/link_wanted.hpp"
#include "support/shell.hpp"

using namespace mvr::test;

namespace {

const Lines kKernelRules{"0 from all lookup local proto kernel",
                         "32766 from all lookup main proto kernel",
                         "32767 from all lookup default proto kernel"};

/// main of a pod that has nothing but a plain NIC on rail 1.
Lines plain_main(const std::string& nic) {
  return {"172.16.11.0/24 dev " + nic + " proto kernel scope link src 172.16.11.10",
          "default via 172.16.11.254 dev " + nic + " proto 216"};
}

const Lines kSecondRules{kKernelRules[0], "32102 from 172.16.12.10 lookup 102 proto 216",
                         "32102 from all oif net2 lookup 102 proto 216", kKernelRules[1],
                         kKernelRules[2]};

const std::string kSecondConnected =
    "172.16.12.0/24 dev net2 proto kernel scope link src 172.16.12.10 metric 102";

}  // namespace

TEST_CASE("the first NIC of a pod without overlay is plain", "[plain]") {
  const std::string name = GENERATE("net1", "eth0", "ib0");
  INFO(name);
  OnePod world({.rails = 1}, Overlay::none);
  const Answer answer = world.runtime.add(name, rail_config(1));
  INFO(answer);
  REQUIRE(answer.ok());
  CHECK(read_rules("pod") == kKernelRules);
  CHECK(read_tables("pod") == Lines{"main"});
  CHECK(read_table("pod", "main") == plain_main(name));
  CHECK(read_addresses("pod", name) == Lines{"172.16.11.10/24 scope global"});
  CHECK(answer.body.at("routes") == json{{{"dst", "0.0.0.0/0"}}});
  check_ok(world.runtime.check(name));
  check_ok(world.runtime.del(name));
  CHECK(world.changes().empty());
}

TEST_CASE("a plain NIC's routes go to main as IPAM has them", "[plain]") {
  OnePod world({.rails = 1}, Overlay::none);
  const json routes{{{"dst", "192.168.100.0/24"}},
                    {{"dst", "192.168.101.0/24"}, {"gw", "172.16.11.253"}}};
  const json result = add_or_fail(world.runtime, 1, {{"ipam", {{"routes", routes}}}});
  CHECK(read_table("pod", "main") ==
        Lines{"172.16.11.0/24 dev net1 proto kernel scope link src 172.16.11.10",
              "192.168.100.0/24 via 172.16.11.254 dev net1 proto 216",
              "192.168.101.0/24 via 172.16.11.253 dev net1 proto 216"});
  CHECK(result.at("routes") == routes);
  check_ok(world.runtime.check(1));
  check_ok(world.runtime.del(1));
  CHECK(world.changes().empty());
}

TEST_CASE("a second NIC of such a pod gets a table and rules and no default in main", "[plain]") {
  const std::string first = GENERATE("net1", "eth0");
  const bool is_first_deleted_first = GENERATE(true, false);
  INFO(first << ", deleted first: " << is_first_deleted_first);
  OnePod world({.rails = 2}, Overlay::none);
  REQUIRE(world.runtime.add(first, rail_config(1)).ok());
  const json result = add_or_fail(world.runtime, 2);
  CHECK_FALSE(result.contains("routes"));
  CHECK(read_rules("pod") == kSecondRules);
  CHECK(read_table("pod", "main") == sorted(plain_main(first) + Lines{kSecondConnected}));
  CHECK(read_table("pod", 102) == wanted_table({2, "net2", 102}));
  CHECK(read_tables("pod") == Lines{"102", "main"});
  check_ok(world.runtime.check(first));
  check_ok(world.runtime.check(2));

  check_ok(world.runtime.del(is_first_deleted_first ? first : "net2"));
  if (is_first_deleted_first) {
    CHECK(read_rules("pod") == kSecondRules);
    CHECK(read_table("pod", "main") == Lines{kSecondConnected});
    CHECK(read_table("pod", 102) == wanted_table({2, "net2", 102}));
    check_ok(world.runtime.check(2));
  } else {
    CHECK(read_rules("pod") == kKernelRules);
    CHECK(read_table("pod", "main") == plain_main(first));
    CHECK(read_tables("pod") == Lines{"main"});
    check_ok(world.runtime.check(first));
  }
  check_ok(world.runtime.del(is_first_deleted_first ? "net2" : first));
  CHECK(world.changes().empty());
}

TEST_CASE("the NIC may be called eth0 beside another owner of main's default", "[plain]") {
  OnePod world({.rails = 1});
  ip_batch("pod",
           "link set eth0 down\nlink set eth0 name cluster0\nlink set cluster0 up\n"
           "route add 169.254.1.1 dev cluster0 scope link\n"
           "route add default via 169.254.1.1 dev cluster0\n");
  const json before = snapshot_world({"pod"});
  REQUIRE(world.runtime.add("eth0", rail_config(1)).ok());
  CHECK(table_of("pod", "eth0") == 165);
  CHECK(table_of("pod", "cluster0") == 100);
  CHECK(read_table("pod", 165) == wanted_table({1, "eth0", 165}));
  CHECK(read_table("pod", 100) == Lines{"169.254.1.1 dev cluster0 proto 216 scope link",
                                        "default via 169.254.1.1 dev cluster0 proto 216"});
  check_ok(world.runtime.check("eth0"));
  check_ok(world.runtime.del("eth0"));
  CHECK(difference(before, snapshot_world({"pod"})).empty());
}
