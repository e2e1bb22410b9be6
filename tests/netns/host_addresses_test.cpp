// SPDX-License-Identifier: Apache-2.0
/// \file
/// `hostAddresses`: which of the node's addresses are kept on the overlay NIC.
#include <algorithm>
#include <array>

#include "support/catch.hpp"
#include "support/namespaces.hpp"
#include "support/routing_lines.hpp"
#include "support/routing_world.hpp"
#include "support/scenario_v6.hpp"
#include "support/shell.hpp"

using namespace mvr::test;

namespace {

/// The node's, besides those of the scenario.
constexpr std::array kAdded{"fd00:10:2::4", "fd00:172:11::5", "fd00:9::9"};

/// The single addresses that the plugin has put on the overlay NIC.
Lines kept(const std::string& family = "-4") {
  Lines lines = routes_by("eth0", "pod", kMainTable, family);
  std::erase_if(lines, [](const std::string& line) {
    return !line.ends_with(" ours") || line.substr(0, line.find(' ')).find('/') != line.npos;
  });
  for (std::string& line : lines) {
    line.erase(line.find(' '));
  }
  std::sort(lines.begin(), lines.end());
  return lines;
}

/// Those that the node could use.
std::ptrdiff_t count_temporary() {
  const json links = ip_json("", {"-6", "address", "show", "dev", kNodeNic, "temporary"});
  const json all = links.at(0).value("addr_info", json::array());
  return std::count_if(all.begin(), all.end(), [](const json& address) {
    return address.contains("local") && !address.value("tentative", false);
  });
}

/// The kernel makes the local routes of new addresses some time later.
void settle() {
  REQUIRE(eventually([] {
    const auto local = ip_json("", {"-6", "route", "show", "table", "local", "type", "local"});
    return std::all_of(kAdded.begin(), kAdded.end(), [&](const char* address) {
      return std::any_of(local.begin(), local.end(),
                         [&](const json& route) { return route.at("dst") == address; });
    });
  }));
}

}  // namespace

TEST_CASE("the master may be the node's default-route interface", "[host-addresses]") {
  PodWorld world(1);
  ip({"addr", "add", "10.1.20.5/16", "dev", kNodeNic});
  world.look();
  json config = rail_config(1);
  if (GENERATE(true, false)) {
    config["master"] = kNodeNic;
  } else {
    config.erase("master");
  }
  config["gatewayProbe"] = false;
  REQUIRE(failure(world.add("net1", config)) == "");
  CHECK(ip_json("pod", {"link", "show", "net1"}).at(0).at("link_index") ==
        ip_json("", {"link", "show", kNodeNic}).at(0).at("ifindex"));
  CHECK(kept() == Lines{"10.1.20.4", "10.1.20.5"});
  CHECK(failure(world.check(1)) == "");
  // One that comes later is a difference.
  ip({"addr", "add", "10.1.20.6/16", "dev", kNodeNic});
  const Answer checked = world.check(1);
  CHECK(checked.code() == 109);
  CHECK(names(checked.message(), {"10.1.20.6 via 169.254.1.1 dev eth0"}));
  ip({"addr", "del", "10.1.20.6/16", "dev", kNodeNic});
  REQUIRE(failure(world.del(1)) == "");
  CHECK(world.changes() == "");
}

TEST_CASE("the node's temporary addresses are neither kept nor asked from",
          "[host-addresses][host-rule][v6]") {
  PodWorld world(1, Overlay::calico, Families::dual);
  put_sysctl("", std::string("ipv6/conf/") + kNodeNic + "/use_tempaddr", "2");
  ip({"addr", "add", "fd00:10:1::5/64", "dev", kNodeNic, "nodad", "mngtmpaddr"});
  REQUIRE(eventually([] { return count_temporary() == 1; }));
  world.look();
  json config = rail_config_of(Families::dual, 1);
  config["hostRuleTable"] = 500;
  REQUIRE(failure(world.add("net1", config)) == "");
  CHECK(kept("-6") == Lines{"fd00:10:1::4", "fd00:10:1::5"});
  const Lines asked = routes("", 500, "-6");
  REQUIRE(asked.size() == 1);
  CHECK(names(asked.front(), {" src fd00:10:1::5 "}));
  CHECK(failure(world.check(1)) == "");
  REQUIRE(failure(world.del(1)) == "");
  CHECK(world.changes() == "");
}

TEST_CASE("each family's default route has an interface of its own", "[host-addresses][v6]") {
  PodWorld world(1, Overlay::calico, Families::dual);
  ip_batch("",
           "link add eno2 type veth peer name node2 netns outside\n"
           "link set eno2 up\n"
           "addr add fd00:10:2::4/64 dev eno2 nodad\n"
           "addr add 10.2.20.4/16 dev eno2\n"
           "addr add fd00:172:11::5/64 dev enp11s0f0np0 nodad\n"
           "addr add 172.16.11.5/24 dev enp11s0f0np0\n"
           "addr add fd00:9::9/128 dev lo nodad\n"
           "route del default via fd00:10:1::1\n"
           "route add default via fd00:10:2::1 dev eno2\n");
  settle();
  world.look();
  json config = rail_config_of(Families::dual, 1);
  Lines v4{"10.1.20.4", "172.16.11.5"};
  Lines v6{"fd00:10:2::4", "fd00:172:11::5"};
  SECTION("auto") {
  }
  SECTION("a list") {
    config["hostAddresses"] = {"192.0.2.1", "2001:db8::1", "192.0.2.1"};
    v4 = {"192.0.2.1"};
    v6 = {"2001:db8::1"};
  }
  SECTION("none") {
    config["hostAddresses"] = json::array();
    v4 = v6 = {};
  }
  SECTION("a node without default routes") {
    ip_batch("", "route del default via fd00:10:2::1\nroute del default via 10.1.0.1\n");
    world.look();
    v4 = {"172.16.11.5"};
    v6 = {"fd00:172:11::5"};
  }
  REQUIRE(failure(world.add("net1", config)) == "");
  CHECK(kept("-4") == v4);
  CHECK(kept("-6") == v6);
  CHECK(failure(world.check(1)) == "");
  REQUIRE(failure(world.del(1)) == "");
  CHECK(world.changes() == "");
}
