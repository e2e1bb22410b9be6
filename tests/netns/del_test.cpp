// SPDX-License-Identifier: Apache-2.0
/// \file
/// DEL: whatever is missing is done, and what NICs share goes with the last one.
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "mvr/base/fd.hpp"
#include "support/catch.hpp"
#include "support/link_wanted.hpp"
#include "support/namespaces.hpp"
#include "support/shell.hpp"

using namespace mvr::test;

namespace {

namespace fs = std::filesystem;

/// Nothing is left where the pod's own namespace cannot be asked any more.
void check_no_traces() {
  CHECK(snapshot_leases().empty());
  CHECK(count_journals() == 0);
}

}  // namespace

TEST_CASE("DEL without an ADD succeeds and changes nothing", "[del]") {
  OnePod world;
  check_ok(run_plugin(world.runtime.call("DEL", "net1", rail_config(1))));
  CHECK(world.changes().empty());
  CHECK(count_journals() == 0);
}

TEST_CASE("DEL twice, and a third time without anything, succeeds", "[del]") {
  OnePod world;
  add_or_fail(world.runtime, 1);
  check_ok(world.runtime.del(1));
  CHECK(world.changes().empty());
  check_ok(world.runtime.del(1));
  Call call = world.runtime.call("DEL", "net1", rail_config(1));
  call.netns = "";
  check_ok(run_plugin(call));
  CHECK(world.changes().empty());
}

TEST_CASE("DEL works with prevResult and without, in each version", "[del]") {
  const std::string version = GENERATE("0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0");
  const bool has_prev_result = GENERATE(true, false);
  INFO(version << ", prevResult: " << has_prev_result);
  OnePod world;
  add_or_fail(world.runtime, 1, {{"cniVersion", version}});
  Call call = world.runtime.call("DEL", "net1");
  if (!has_prev_result) {
    call.config.erase("prevResult");
  }
  check_ok(run_plugin(call));
  CHECK(world.changes().empty());
}

TEST_CASE("DEL with an empty CNI_NETNS gives lease and journal back", "[del]") {
  OnePod world;
  add_or_fail(world.runtime, 1);
  remove_netns("pod");
  Call call = world.runtime.call("DEL", "net1", rail_config(1));
  call.netns = "";
  check_ok(run_plugin(call));
  check_no_traces();
}

TEST_CASE("DEL with an empty CNI_NETNS finds a living pod by the journal", "[del]") {
  OnePod world;
  add_or_fail(world.runtime, 1);
  Call call = world.runtime.call("DEL", "net1", rail_config(1));
  call.netns = "";
  check_ok(run_plugin(call));
  CHECK(world.changes().empty());
}

TEST_CASE("DEL with a vanished namespace makes no file in its place", "[del]") {
  OnePod world;
  add_or_fail(world.runtime, 1);
  remove_netns("pod");
  check_ok(world.runtime.del(1));
  check_no_traces();
  CHECK_FALSE(fs::exists(world.pod.netns));
}

TEST_CASE("DEL with a plain file at the namespace's path leaves the file", "[del]") {
  OnePod world;
  add_or_fail(world.runtime, 1);
  remove_netns("pod");
  put_file(world.pod.netns, "not a namespace");
  check_ok(world.runtime.del(1));
  check_no_traces();
  CHECK(snapshot_files("/run/netns").at(world.pod.netns) == "not a namespace");
}

TEST_CASE("DEL with a directory or a fifo at the namespace's path does not hang", "[del]") {
  OnePod world;
  add_or_fail(world.runtime, 1);
  remove_netns("pod");
  const bool is_fifo = GENERATE(true, false);
  if (is_fifo) {
    REQUIRE(mkfifo(world.pod.netns.c_str(), 0600) == 0);
  } else {
    fs::create_directory(world.pod.netns);
  }
  check_ok(world.runtime.del(1));
  check_no_traces();
}

TEST_CASE("DEL does not need the master", "[del]") {
  OnePod world({.rails = 2});
  add_or_fail(world.runtime, 1);
  add_or_fail(world.runtime, 2);
  ip({"link", "del", rail_master(1)});
  CHECK(read_links("pod") == Lines{"eth0", "lo", "net2"});
  check_ok(world.runtime.del(1));
  check_routing(world.pod, wanted_nics({2}));
  check_ok(world.runtime.del(2));
  CHECK(difference(world.before.at("pod"), snapshot("pod")).empty());
  check_no_traces();
}

TEST_CASE("DEL works with a configuration that ADD would refuse", "[del]") {
  const auto [key, value] = GENERATE(table<const char*, json>({{"master", 7},
                                                               {"master", "gone0"},
                                                               {"mtu", "x"},
                                                               {"mtu", 70000},
                                                               {"mode", "nope"},
                                                               {"mac", "01:00:5e:00:00:01"},
                                                               {"routeTable", 254},
                                                               {"overlayPodCIDR", "all"},
                                                               {"gatewayProbe", {{"attempts", 0}}},
                                                               {"vlan", 4095},
                                                               {"rdma", "exclusive"},
                                                               {"prevResult", "broken"}}));
  INFO(key << " = " << value);
  OnePod world;
  add_or_fail(world.runtime, 1);
  Call call = world.runtime.call("DEL", "net1");
  call.config[key] = value;
  check_ok(run_plugin(call));
  CHECK(world.changes().empty());
}

TEST_CASE("DEL works with unknown keys in strict mode", "[del]") {
  OnePod world;
  add_or_fail(world.runtime, 1);
  Call call = world.runtime.call("DEL", "net1");
  call.config.merge_patch({{"strict", true}, {"mtus", 1500}});
  CHECK(run_plugin([&] {
          Call add = call;
          add.verb = "ADD";
          add.ifname = "net9";
          return add;
        }())
            .code() == 2);
  check_ok(run_plugin(call));
  CHECK(world.changes().empty());
}

TEST_CASE("DEL cleans rules and tables of a link that was deleted by hand", "[del]") {
  const bool has_journal = GENERATE(true, false);
  INFO("journal: " << has_journal);
  OnePod world({.rails = 2});
  add_or_fail(world.runtime, 1);
  add_or_fail(world.runtime, 2);
  ip({"-n", "pod", "link", "del", "net1"});
  if (!has_journal) {
    fs::remove_all(kStateDir);
  }
  check_ok(world.runtime.del(1));
  check_routing(world.pod, wanted_nics({2}));
  check_ok(world.runtime.del(2));
  CHECK(world.changes().empty());
}

TEST_CASE("DEL removes what does not vanish with the link: unreachable defaults", "[del]") {
  OnePod world({.rails = 2});
  add_or_fail(world.runtime, 2);
  json config = rail_config(1);
  config["ipam"] = {{"type", "static"}, {"addresses", {{{"address", "172.16.11.10/24"}}}}};
  const bool is_deleted_by_hand = GENERATE(true, false);
  INFO("deleted by hand: " << is_deleted_by_hand);
  REQUIRE(world.runtime.add("net1", config).ok());
  const std::string wall = "unreachable default proto 216 metric 4294967295";
  CHECK(read_table("pod", 101) ==
        Lines{"172.16.11.0/24 dev net1 proto 216 scope link src 172.16.11.10", wall});
  if (is_deleted_by_hand) {
    ip({"-n", "pod", "link", "del", "net1"});
    CHECK(read_table("pod", 101) == Lines{wall});
  }
  check_ok(world.runtime.del("net1"));
  check_routing(world.pod, wanted_nics({2}));
}

TEST_CASE("DEL of the namespace that the plugin runs in is refused with code 8", "[del]") {
  OnePod world;
  add_or_fail(world.runtime, 1);
  ip_batch("", "link add link " + rail_master(1) + " name net1 group 216 type macvlan\n");
  ip({"link", "set", "net1", "alias",
      std::string("macvlan-rdma:gpu1-macvlan/") + kContainerId + "/net1"});
  const json before = snapshot_world({"pod"});
  Call call = world.runtime.call("DEL", "net1");
  call.netns = "/proc/" + std::to_string(getpid()) + "/ns/net";
  const Answer answer = run_plugin(call);
  INFO(answer);
  CHECK(answer.code() == 8);
  CHECK(difference(before, snapshot_world({"pod"})).empty());
}

TEST_CASE("what NICs share stays until the last of them goes", "[del]") {
  OnePod world({.rails = 3});
  for (const int n : {1, 2, 3}) {
    add_or_fail(world.runtime, n);
  }
  check_ok(world.runtime.del(2));
  check_routing(world.pod, wanted_nics({1, 3}));
  check_ok(world.runtime.check(1));
  check_ok(world.runtime.del(1));
  check_routing(world.pod, wanted_nics({3}));
  check_ok(world.runtime.check(3));
  check_ok(world.runtime.del(3));
  CHECK(world.changes().empty());
}

TEST_CASE("routes that one NIC alone has asked for stay until the last NIC goes", "[del]") {
  OnePod world({.rails = 2});
  add_or_fail(world.runtime, 1, {{"serviceCIDR", {"10.96.0.0/12"}}});
  add_or_fail(world.runtime, 2);
  check_ok(world.runtime.del(1));
  check_ok(world.runtime.check(2));
  check_ok(world.runtime.del(2));
  CHECK(world.changes().empty());
}

TEST_CASE("ADD after DEL makes the same again", "[del]") {
  OnePod world({.rails = 2});
  add_or_fail(world.runtime, 1);
  add_or_fail(world.runtime, 2);
  check_ok(world.runtime.del(1));
  add_or_fail(world.runtime, 1,
              {{"ipam",
                {{"ranges",
                  {{{{"subnet", rail_subnet(1)},
                     {"rangeStart", rail_address(1)},
                     {"rangeEnd", rail_address(1)},
                     {"gateway", rail_gateway(1)}}}}}}}});
  check_routing(world.pod, wanted_nics({1, 2}));
}

TEST_CASE("a lease goes back to the IPAM plugin that gave it, whatever is configured since",
          "[del]") {
  const json ipam = GENERATE(json(nullptr), json{{"type", "static"}, {"ranges", nullptr}});
  INFO(ipam);
  OnePod world;
  add_or_fail(world.runtime, 1);
  REQUIRE(snapshot_leases().size() == 1);
  Call call = world.runtime.call("DEL", "net1");
  call.config.merge_patch({{"ipam", ipam}});
  const Answer gone = run_plugin(call);
  check_ok(gone);
  CHECK(gone.err.find("ipam.type has changed since ADD") != std::string::npos);
  CHECK(world.changes().empty());
}

TEST_CASE("IPAM gets an address back when the NIC does not answer for it any more", "[del]") {
  OnePod world;
  const FakeIpam ipam;
  put_file(ipam.dir() + "/fake",
           "#!/bin/sh\n"
           "if [ $CNI_COMMAND = ADD ]; then\n"
           "  echo '{\"cniVersion\":\"1.0.0\",\"ips\":[{\"address\":\"172.16.11.10/24\"}]}'\n"
           "else\n"
           "  ip -n pod -oneline address show > \"$0.addresses\"\n"
           "fi\n",
           0755);
  const Call add = add_call(world.runtime, ipam);
  REQUIRE(run_plugin(add).ok());
  Call del = add;
  del.verb = "DEL";
  check_ok(run_plugin(del));
  const std::string addresses =
      mvr::read_file(ipam.dir() + "/fake.addresses", 65536).value_or("none");
  CHECK(addresses.find("eth0") != std::string::npos);
  CHECK(addresses.find("172.16.11.10") == std::string::npos);
}
