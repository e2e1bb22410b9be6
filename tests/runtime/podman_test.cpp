// SPDX-License-Identifier: Apache-2.0
/// \file
/// Under podman, by its CNI backend: containers and pods on rails, as its users start them.
#include "runtime/podman.hpp"

#include "support/catch.hpp"
#include "support/link_state.hpp"
#include "support/routing_lines.hpp"

using namespace mvr::test;

namespace {

/// Rails as networks, and podman.
struct World {
  explicit World(int rails = 2) : host(rails), podman(host) {
    for (int n = 1; n <= rails; ++n) {
      CniHost::put_network(n);
    }
  }

  CniHost host;
  Podman podman;
};

/// The cluster's network of a container, by Debian's ptp: it owns main's default, as Calico does.
void put_cluster_network() {
  const json plugin{{"type", "ptp"},
                    {"ipam",
                     {{"type", "host-local"},
                      {"dataDir", kLeaseDir},
                      {"subnet", "10.88.0.0/16"},
                      {"routes", {{{"dst", "0.0.0.0/0"}}}}}}};
  put_file(CniHost::networks_dir() + "/cluster.conflist",
           json{{"cniVersion", "1.0.0"}, {"name", "cluster"}, {"plugins", json::array({plugin})}}
               .dump());
}

std::string mac_of(const std::string& netns, const std::string& nic) {
  return ip_json(netns, {"link", "show", "dev", nic}).at(0).at("address");
}

}  // namespace

TEST_CASE("podman: a container with the address, the MAC and the interface that were asked for",
          "[podman]") {
  World world;
  world.podman.start("trainer",
                     {"--network", "rail1:ip=172.16.11.77,mac=02:00:5e:10:00:77,interface_name=ib0",
                      "--network", "rail2"});
  const std::string netns = world.podman.netns("trainer");
  CHECK(addresses(netns, "ib0") == Lines{"172.16.11.77/24"});
  CHECK(mac_of(netns, "ib0") == "02:00:5e:10:00:77");
  CHECK(addresses(netns, "eth0") == Lines{"172.16.12.10/24"});
  // podman attaches the networks in no order; whichever was the second has a table of its own.
  check_reaches_gateway(netns, 1, "172.16.11.77");
  check_reaches_gateway(netns, 2, "172.16.12.10");

  const json networks = world.podman.networks("trainer");
  CHECK(networks.at("rail1").at("IPAddress") == "172.16.11.77");
  CHECK(networks.at("rail1").at("MacAddress") == "02:00:5e:10:00:77");
  CHECK(networks.at("rail1").at("Gateway") == "172.16.11.254");
  CHECK(networks.at("rail2").at("MacAddress") == mac_of(netns, "eth0"));

  world.podman.must({"rm", "--force", "--time", "0", "trainer"});
  CHECK(world.host.changes().empty());
}

TEST_CASE("podman: what it sends is what the plugin is prepared for", "[podman]") {
  World world(1);
  world.podman.start("trainer", {"--network", "rail1:ip=172.16.11.77,mac=02:00:5e:10:00:77"});
  CHECK(CniHost::count("VERSION") > 0);
  const auto calls = CniHost::calls();
  REQUIRE(outline(calls) == Lines{"ADD eth0"});
  CHECK(calls[0].env.at("CNI_ARGS") ==
        "IgnoreUnknown=1;K8S_POD_NAME=trainer;MAC=02:00:5e:10:00:77;IP=172.16.11.77");
  CHECK_FALSE(calls[0].input.contains("prevResult"));
  world.podman.must({"rm", "--force", "--time", "0", "trainer"});
  const auto after = CniHost::calls();
  REQUIRE(outline(after) == Lines{"DEL eth0"});
  CHECK(after[0].input.contains("prevResult"));
}

TEST_CASE("podman: rails are connected to a running container and disconnected", "[podman]") {
  World world;
  put_cluster_network();
  world.podman.start("trainer", {"--network", "cluster"});
  const std::string netns = world.podman.netns("trainer");
  const Lines main_before = routes(netns, kMainTable);
  const json links_before = ip_json(netns, {"link"});

  world.podman.must({"network", "connect", "rail1", "trainer"});
  world.podman.must({"network", "connect", "--ip", "172.16.12.99", "rail2", "trainer"});
  CHECK(addresses(netns, "eth1") == Lines{"172.16.11.10/24"});
  CHECK(addresses(netns, "eth2") == Lines{"172.16.12.99/24"});
  check_reaches_gateway(netns, 1, "172.16.11.10");
  check_reaches_gateway(netns, 2, "172.16.12.99");
  CHECK(routes_by("eth0", netns, kMainTable).front().starts_with("default via 10.88.0.1"));
  // The eth2 of podman is no netN: its table is the lowest free one.
  CHECK(routes(netns, 166) == Lines{"default via 172.16.12.254 dev eth2 ours",
                                    "172.16.12.0/24 dev eth2 scope link src 172.16.12.99 ours"});

  world.podman.must({"network", "disconnect", "rail1", "trainer"});
  check_reaches_gateway(netns, 2, "172.16.12.99");
  world.podman.must({"network", "disconnect", "rail2", "trainer"});
  CHECK(routes(netns, kMainTable) == main_before);
  CHECK(rules(netns).empty());
  CHECK(ip_json(netns, {"link"}) == links_before);
  world.podman.remove_all();
  CHECK(world.host.changes().empty());
}

TEST_CASE("podman: the containers of a pod share its rails", "[podman]") {
  World world;
  world.podman.must({"pod", "create", "--name", "job", "--infra-image", CniHost::kImage,
                     "--infra-command", "/bin/sleep 1000", "--network", "rail1:interface_name=net1",
                     "--network", "rail2:interface_name=net2"});
  world.podman.start("one", {"--pod", "job"});
  world.podman.start("two", {"--pod", "job"});
  CHECK(outline(CniHost::calls()).size() == 2);
  const std::string infra =
      world.podman.must({"pod", "inspect", "--format", "{{.InfraContainerID}}", "job"});
  const std::string netns = world.podman.netns(infra);
  CHECK(addresses(netns, "net1") == Lines{"172.16.11.10/24"});
  CHECK(addresses(netns, "net2") == Lines{"172.16.12.10/24"});
  const std::string inside = world.podman.must({"inspect", "--format", "{{.State.Pid}}", "two"});
  CHECK(std::filesystem::equivalent("/proc/" + inside + "/ns/net", netns_path(netns)));

  world.podman.must({"rm", "--force", "--time", "0", "one"});
  check_reaches_gateway(netns, 2, "172.16.12.10");
  world.podman.must({"pod", "rm", "--force", "--time", "0", "job"});
  CHECK(world.host.changes().empty());
}

TEST_CASE("podman: a container that is restarted keeps the address that was asked for",
          "[podman]") {
  World world(1);
  world.podman.start("trainer", {"--network", "rail1:ip=172.16.11.77"});
  const std::string first = world.podman.netns("trainer");
  world.podman.must({"restart", "--time", "0", "trainer"});
  const std::string second = world.podman.netns("trainer");
  CHECK(first != second);
  CHECK(outline(CniHost::calls()) == Lines{"ADD eth0", "DEL eth0", "ADD eth0"});
  CHECK(addresses(second, "eth0") == Lines{"172.16.11.77/24"});
  check_reaches_gateway(second, 1, "172.16.11.77");
  world.podman.remove_all();
  CHECK(world.host.changes().empty());
}

TEST_CASE("podman: a container that ends by itself gives all back", "[podman]") {
  World world(1);
  for (const char* option : {"--rm", "--init=false"}) {
    INFO(option);
    CniHost::calls();
    world.podman.must({"run", "--detach", "--name", "short", option, "--network", "rail1",
                       CniHost::kImage, "/bin/sleep", "0.2"});
    CHECK(eventually([] { return CniHost::count("DEL") == 1; }, std::chrono::seconds(10)));
    CHECK(eventually([&] { return world.host.changes().empty(); }));
    world.podman.remove_all();
    CHECK(world.host.changes().empty());
  }
}

TEST_CASE("podman: network reload gives a container its addresses and MACs again", "[podman]") {
  World world;
  world.podman.start("trainer", {"--network", "rail1:interface_name=net1", "--network",
                                 "rail2:ip=172.16.12.77,interface_name=net2"});
  const std::string netns = world.podman.netns("trainer");
  const Lines macs{mac_of(netns, "net1"), mac_of(netns, "net2")};
  CniHost::calls();

  world.podman.must({"network", "reload", "trainer"});
  CHECK(world.podman.netns("trainer") == netns);
  CHECK(Lines{mac_of(netns, "net1"), mac_of(netns, "net2")} == macs);
  CHECK(addresses(netns, "net1") == Lines{"172.16.11.10/24"});
  CHECK(addresses(netns, "net2") == Lines{"172.16.12.77/24"});
  check_reaches_gateway(netns, 1, "172.16.11.10");
  check_reaches_gateway(netns, 2, "172.16.12.77");
  const auto calls = CniHost::calls();
  REQUIRE(calls.size() == 4);
  CHECK(calls[0].verb() == "DEL");
  CHECK(calls[1].verb() == "DEL");

  world.podman.remove_all();
  CHECK(world.host.changes().empty());
}

TEST_CASE("podman: a container whose rail has no gateway does not start, and says why",
          "[podman]") {
  World world;
  Scenario::silence_gateway(2);
  const Output output =
      world.podman.run({"run", "--name", "trainer", "--network", "rail1", "--network",
                        "rail2:interface_name=ib2", CniHost::kImage, "/bin/true"});
  CHECK(output.status != 0);
  INFO(output.err);
  CHECK(names(output.err, {"ib2: gateway 172.16.12.254 does not answer"}));
  world.podman.remove_all();
  CHECK(world.host.changes().empty());

  Scenario::wake_gateway(2);
  world.podman.start("trainer", {"--network", "rail1", "--network", "rail2"});
  world.podman.remove_all();
  CHECK(world.host.changes().empty());
}

TEST_CASE("podman: a network whose configuration is wrong is named when it is used", "[podman]") {
  World world(1);
  CniHost::put_network(1, {{"mtu", "9000"}});
  const Output output =
      world.podman.run({"run", "--network", "rail1", CniHost::kImage, "/bin/true"});
  CHECK(output.status != 0);
  INFO(output.err);
  CHECK(names(output.err, {"mtu", "9000", "rail1"}));
  world.podman.remove_all();
  CHECK(world.host.changes().empty());
}
