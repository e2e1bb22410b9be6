// SPDX-License-Identifier: Apache-2.0
/// \file
/// Sysctls of the NIC, and of nothing else.
#include <errno.h>
#include <sys/mount.h>

#include "mvr/base/text.hpp"
#include "mvr/net/sysctl.hpp"
#include "support/catch.hpp"
#include "support/link_wanted.hpp"
#include "support/namespaces.hpp"

using namespace mvr::test;

namespace {

std::string sysctl(const std::string& key, const std::string& nic = "net1") {
  return read_sysctl("pod", "ipv4/conf/" + nic + "/" + key);
}

/// What new interfaces inherit, unlike anything that we set.
void put_defaults() {
  put_sysctl("pod", "ipv4/conf/default/rp_filter", "1");
  put_sysctl("pod", "ipv4/conf/default/arp_ignore", "2");
  put_sysctl("pod", "ipv4/conf/default/arp_announce", "1");
}

/// Changes of sysctls that are not those of net1.
std::vector<std::string> other_changes(const json& before) {
  const std::string changes =
      difference(before.at("pod").at("sysctls"), snapshot("pod").at("sysctls"));
  std::vector<std::string> others;
  for (const std::string_view line : mvr::split(changes, '\n')) {
    if (line.find("conf/net1/") == std::string_view::npos) {
      others.emplace_back(line);
    }
  }
  return others;
}

}  // namespace

TEST_CASE("rp_filter and ARP sysctls are set on the NIC, and on no other", "[link][sysctl]") {
  OnePod world;
  put_defaults();
  const json before = snapshot_world({"pod"});
  add_or_fail(world.runtime, 1);
  CHECK(sysctl("rp_filter") == "2");
  CHECK(sysctl("arp_ignore") == "1");
  CHECK(sysctl("arp_announce") == "2");
  CHECK(other_changes(before).empty());
  check_ok(world.runtime.del(1));
  CHECK(difference(before, snapshot_world({"pod"})).empty());
}

TEST_CASE("podRPFilter has three values, and -1 leaves it", "[link][sysctl]") {
  const auto [asked, wanted] =
      GENERATE(table<int, const char*>({{-1, "1"}, {0, "0"}, {1, "1"}, {2, "2"}}));
  INFO(asked);
  OnePod world;
  put_defaults();
  add_or_fail(world.runtime, 1, {{"podRPFilter", asked}});
  CHECK(sysctl("rp_filter") == wanted);
  check_ok(world.runtime.check(1));
}

TEST_CASE("strictArp false leaves the ARP sysctls", "[link][sysctl]") {
  OnePod world;
  put_defaults();
  add_or_fail(world.runtime, 1, {{"strictArp", false}});
  CHECK(sysctl("arp_ignore") == "2");
  CHECK(sysctl("arp_announce") == "1");
  CHECK(sysctl("rp_filter") == "2");
  check_ok(world.runtime.check(1));
}

TEST_CASE("the key sysctls writes for the NIC and has the last word", "[link][sysctl]") {
  OnePod world;
  put_defaults();
  const json before = snapshot_world({"pod"});
  add_or_fail(world.runtime, 1,
              {{"sysctls",
                {{"net.ipv4.conf.IFNAME.forwarding", "1"},
                 {"net.ipv4.conf.IFNAME.arp_announce", "0"},
                 {"net.ipv4.neigh.IFNAME.base_reachable_time_ms", "12000"}}}});
  CHECK(sysctl("forwarding") == "1");
  CHECK(sysctl("arp_announce") == "0");
  CHECK(sysctl("arp_ignore") == "1");
  CHECK(read_sysctl("pod", "ipv4/neigh/net1/base_reachable_time_ms") == "12000");
  CHECK(other_changes(before).empty());
  check_ok(world.runtime.check(1));
}

TEST_CASE("a name with a dot has its sysctls too", "[link][sysctl]") {
  OnePod world;
  json config = rail_config(1);
  config["sysctls"] = {{"net.ipv4.conf.IFNAME.forwarding", "1"}};
  const Answer answer = world.runtime.add("rail.1", config);
  INFO(answer);
  REQUIRE(answer.ok());
  CHECK(sysctl("forwarding", "rail.1") == "1");
  CHECK(sysctl("arp_ignore", "rail.1") == "1");
  check_ok(world.runtime.check("rail.1"));
}

TEST_CASE("a sysctl that does not exist fails ADD and leaves nothing", "[link][sysctl]") {
  const std::string key =
      GENERATE("net.ipv4.conf.IFNAME.no_such_key", "net/ipv6/conf/IFNAME/no_such_key");
  OnePod world;
  const Answer answer = world.runtime.add(1, {{"sysctls", {{key, "1"}}}});
  INFO(answer);
  CHECK(answer.code() == 101);
  CHECK(answer.message().ends_with(": sysctls." + key + " \"1\": this kernel has no such sysctl"));
  CHECK(world.changes().empty());
}

TEST_CASE("a value that the kernel refuses is named with its key", "[link][sysctl]") {
  OnePod world;
  const Answer answer =
      world.runtime.add(1, {{"sysctls", {{"net.ipv4.conf.IFNAME.forwarding", "yes"}}}});
  INFO(answer);
  CHECK(answer.code() == 101);
  CHECK(answer.message().ends_with(
      ": sysctls.net.ipv4.conf.IFNAME.forwarding \"yes\": Invalid argument (EINVAL)"));
  CHECK(world.changes().empty());
}

TEST_CASE("disable_ipv6 is written only where it is something else", "[sysctl]") {
  isolate();
  const mvr::net::Sysctl off{"ipv6/conf/lo/disable_ipv6", "0"};
  const mvr::net::Sysctl on{"ipv6/conf/lo/disable_ipv6", "1"};
  REQUIRE(mvr::net::write_sysctl(on));
  REQUIRE(mvr::net::write_sysctl(off));
  // What cannot be written shows whether somebody tries.
  REQUIRE(mount("/proc/sys", "/proc/sys", nullptr, MS_BIND, nullptr) == 0);
  REQUIRE(mount(nullptr, "/proc/sys", nullptr, MS_BIND | MS_REMOUNT | MS_RDONLY, nullptr) == 0);
  CHECK(mvr::net::write_sysctl(off));
  CHECK(mvr::net::write_sysctl(on).error().sys_errno == EROFS);
  CHECK(mvr::net::write_sysctl({"ipv6/conf/none/disable_ipv6", "0"}).error().sys_errno == ENOENT);
}
