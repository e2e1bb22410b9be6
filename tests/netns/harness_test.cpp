// SPDX-License-Identifier: Apache-2.0
/// \file
/// The tests' own tools: what the scenario builds, and that the watchers see what happens.
#include <algorithm>
#include <csignal>

#include "support/capture.hpp"
#include "support/catch.hpp"
#include "support/ipam_scripts.hpp"
#include "support/namespaces.hpp"
#include "support/plugin.hpp"
#include "support/scenario.hpp"
#include "support/shell.hpp"
#include "support/traffic.hpp"
#include "support/world.hpp"

using namespace mvr::test;

namespace {

bool has_route(const std::string& netns, const json& wanted) {
  const json routes = ip_json(netns, {"route", "show", "table", "all"});
  return std::any_of(routes.begin(), routes.end(), [&](json route) {
    const json whole = route;
    route.merge_patch(wanted);
    return route == whole;
  });
}

/// Address and prefix length of a NIC's one IPv4 address.
std::string address_of(const std::string& netns, const std::string& nic) {
  const json links = ip_json(netns, {"-4", "address", "show", "dev", nic});
  const json info = links.at(0).at("addr_info").at(0);
  return info.at("local").get<std::string>() + "/" + info.at("prefixlen").dump();
}

}  // namespace

TEST_CASE("a program is run without a shell", "[harness]") {
  isolate();
  const Output output = run({.argv = {"sh", "-c", "cat; echo $WHO $1 >&2; exit 3", "sh", "a  b"},
                             .input = std::string(200'000, 'x'),
                             .env = {{"WHO", "me"}}});
  CHECK(output.status == 3);
  CHECK(output.out == std::string(200'000, 'x'));
  CHECK(output.err == "me a b\n");
  CHECK(run({.argv = {"no-such-program"}}).status == 127);
  CHECK(run({.argv = {"env"}, .env = {{"A", "1"}}, .clean_env = true}).out == "A=1\n");
}

TEST_CASE("a program that does not end, or not read, is no trap", "[harness]") {
  isolate();
  CHECK(run({.argv = {"sleep", "100"}, .timeout = std::chrono::milliseconds(50)}).status == -9);
  CHECK(run({.argv = {"true"}, .input = std::string(1'000'000, 'x')}).status == 0);
  const Output output = run({.argv = {"sh", "-c", "sleep 2 & echo done"}});
  CHECK(output.out == "done\n");
  Process process({.argv = {"sleep", "100"}});
  process.signal(SIGTERM);
  CHECK(process.wait().status == -SIGTERM);
}

TEST_CASE("an isolated process has namespaces of its own", "[harness]") {
  isolate();
  CHECK(ip_json("", {"link", "show"}).size() == 1);
  CHECK(run({.argv = {"ls", "/sys/class/net"}}).out == "lo\n");
  CHECK(run({.argv = {"ls", "-A", "/run/netns"}}).out.empty());
  const std::string path = add_netns("pod");
  CHECK(path == "/run/netns/pod");
  ip_batch("", "link add near type veth peer name distant netns pod\n");
  CHECK(ip_json("pod", {"link", "show"}).size() == 2);
  CHECK(run({.argv = {"ip", "-br", "link", "show", "near"}}).status == 0);
  CHECK(run({.argv = {"ip", "-br", "link", "show", "distant"}, .netns = path}).status == 0);
  CHECK(run({.argv = {"ls", "/sys/class/net"}}).out == "lo\nnear\n");
  put_sysctl("pod", "ipv4/conf/distant/rp_filter", "2");
  CHECK(read_sysctl("pod", "ipv4/conf/distant/rp_filter") == "2");
  CHECK(read_sysctl("", "ipv4/conf/distant/rp_filter").empty());
  remove_netns("pod");
  CHECK(eventually([] { return ip_json("", {"link", "show"}).size() == 1; }));
}

TEST_CASE("the scenario has a node with rails and gateways behind them", "[harness]") {
  Scenario scenario({.mtu = {{2, 9000}}});
  CHECK(address_of("", kNodeNic) == "10.1.20.4/16");
  CHECK(has_route("", {{"dst", "default"}, {"gateway", "10.1.0.1"}, {"dev", kNodeNic}}));
  for (int n = 1; n <= 8; ++n) {
    INFO(rail_master(n));
    const json master = ip_json("", {"link", "show", rail_master(n)}).at(0);
    CHECK(master.at("mtu") == (n == 2 ? 9000 : 1500));
    CHECK(address_of(kGateways, rail_gateway_nic(n)) == rail_gateway(n) + "/24");
  }
  CHECK(rail_master(8) == "enp18s0f0np0");
  CHECK(rail_gateway(8) == "172.16.18.254");
}

TEST_CASE("a pod's eth0 is as its CNI plugin makes it, and works", "[harness]") {
  Scenario scenario({.rails = 1});
  const auto [overlay, address, length] =
      GENERATE(table<Overlay, const char*, const char*>({{Overlay::calico, "10.233.119.164", "/32"},
                                                         {Overlay::flannel, "10.244.1.5", "/24"},
                                                         {Overlay::cilium, "10.0.1.23", "/32"}}));
  const Pod pod = scenario.add_pod("pod", overlay);
  CHECK(pod.address == address);
  CHECK(address_of("pod", "eth0") == address + std::string(length));
  CHECK(has_route("pod", {{"dst", "default"}, {"gateway", pod.next_hop}, {"dev", "eth0"}}));
  const UdpSocket client(kOutside);
  const UdpSocket server("pod", {.address = pod.address});
  CHECK(exchange(client, server, pod.address));
  const UdpSocket node_server("", {.address = kNodeAddress});
  CHECK(exchange(UdpSocket("pod"), node_server, kNodeAddress));
}

TEST_CASE("each overlay has the routes that set it apart", "[harness]") {
  Scenario scenario({.rails = 0});
  scenario.add_pod("calico", Overlay::calico);
  CHECK(has_route("calico", {{"dst", "169.254.1.1"}, {"dev", "eth0"}, {"scope", "link"}}));
  scenario.add_pod("flannel", Overlay::flannel);
  CHECK(has_route("flannel", {{"dst", "10.244.0.0/16"}, {"gateway", "10.244.1.1"}}));
  scenario.add_pod("cilium", Overlay::cilium);
  CHECK(has_route("cilium", {{"dst", "default"}, {"metrics", {{{"mtu", 1450}}}}}));
  const Pod bare = scenario.add_pod("bare", Overlay::none);
  CHECK(ip_json("bare", {"link", "show"}).size() == 1);
  CHECK(bare.address.empty());
}

TEST_CASE("a rail reaches its own gateway and what lies behind it", "[harness]") {
  Scenario scenario({.rails = 2});
  scenario.add_pod("pod", Overlay::none);
  ip_batch("", "link add link " + rail_master(1) + " name m1 netns pod type macvlan mode bridge\n");
  ip_batch("pod",
           "addr add 172.16.11.10/24 dev m1\nlink set m1 up\n"
           "route add default via 172.16.11.254\n");
  Capture capture("pod", "m1");
  const UdpSocket server(kFar, {.address = kFarAddress});
  CHECK(exchange(UdpSocket("pod"), server, kFarAddress));
  CHECK(capture.count([](const Frame& frame) {
    return frame.is_arp_request() && frame.outgoing && frame.dst == "ff:ff:ff:ff:ff:ff" &&
           frame.arp.sender_ip == "172.16.11.10" && frame.arp.target_ip == "172.16.11.254";
  }) == 1);
  CHECK(capture.wait_for([](const Frame& frame) {
    return frame.is_arp_reply() && !frame.outgoing && frame.arp.sender_ip == "172.16.11.254" &&
           frame.arp.sender_mac == frame.src;
  }));
  CHECK(capture.count([&](const Frame& frame) {
    return frame.ip.src == kFarAddress && frame.ip.protocol == 17 &&
           frame.ip.src_port == server.port() && !frame.outgoing;
  }) == 1);
}

TEST_CASE("a gateway is silent when told so, and never answers for another rail", "[harness]") {
  Scenario scenario({.rails = 2});
  ip({"addr", "add", "172.16.11.10/24", "dev", rail_master(1)});
  Capture capture(kGateways, rail_gateway_nic(1));
  const auto asks = [&capture](const std::string& target) {
    const UdpSocket socket("", {.address = "172.16.11.10", .device = rail_master(1)});
    CHECK(socket.send(target, 9, "?") == 0);
    CHECK(capture.wait_for([&](const Frame& frame) {
      return frame.is_arp_request() && frame.arp.target_ip == target;
    }));
    return capture.wait_for([](const Frame& frame) { return frame.is_arp_reply(); },
                            std::chrono::milliseconds(100));
  };
  CHECK_FALSE(asks("172.16.12.254"));
  Scenario::silence_gateway(1);
  CHECK_FALSE(asks("172.16.11.254"));
  CHECK(ip_json("", {"link", "show", rail_master(1)}).at(0).at("operstate") == "UP");
  Scenario::wake_gateway(1);
  ip({"neigh", "flush", "dev", rail_master(1)});
  CHECK(asks("172.16.11.254"));
}

TEST_CASE("a watch records each change of a namespace's routes", "[harness]") {
  Scenario scenario({.rails = 0});
  scenario.add_pod("pod");
  RouteWatch watch("pod");
  ip_batch("pod",
           "route add default via 169.254.1.1 dev eth0 metric 7 table 100 protocol 216\n"
           "route del default via 169.254.1.1 dev eth0 metric 7 table 100\n");
  const auto& events = watch.events();
  REQUIRE(events.size() == 2);
  CHECK(events[0].added);
  CHECK(events[0].table == 100);
  CHECK(events[0].dst == "0.0.0.0/0");
  CHECK(events[0].gateway == "169.254.1.1");
  CHECK(events[0].protocol == 216);
  CHECK(events[0].nic == ip_json("pod", {"link", "show", "eth0"}).at(0).at("ifindex"));
  CHECK_FALSE(events[1].added);
}

TEST_CASE("two looks at the same world are equal", "[harness]") {
  Scenario scenario({.rails = 2});
  scenario.add_pod("pod");
  const json before = snapshot_world({"pod", kGateways});
  const UdpSocket server("pod", {.address = "10.233.119.164"});
  CHECK(exchange(UdpSocket(kOutside), server, "10.233.119.164"));
  CHECK(difference(before, snapshot_world({"pod", kGateways})).empty());
}

TEST_CASE("a change of any kind makes the world another", "[harness]") {
  Scenario scenario({.rails = 1});
  scenario.add_pod("pod");
  const json before = snapshot_world({"pod"});
  const auto differs = [&before] { return difference(before, snapshot_world({"pod"})); };
  SECTION("route") {
    ip({"-n", "pod", "route", "add", "10.9.0.0/16", "dev", "eth0", "table", "7"});
    CHECK(differs().starts_with("appeared: /pod/routes/"));
  }
  SECTION("rule") {
    ip({"-n", "pod", "rule", "add", "from", "10.9.0.1", "lookup", "7"});
    CHECK(differs().starts_with("appeared: /pod/rules/"));
  }
  SECTION("address") {
    ip({"-n", "pod", "addr", "add", "10.9.0.1/32", "dev", "eth0"});
    CHECK(differs().find("appeared: /pod/addresses/eth0 10.9.0.1/32") != std::string::npos);
  }
  SECTION("link") {
    ip_batch("", "link add link " + rail_master(1) + " name m netns pod type macvlan\n");
    CHECK(differs().find("appeared: /pod/links/m") != std::string::npos);
  }
  SECTION("MTU") {
    ip({"link", "set", rail_master(1), "mtu", "1400"});
    CHECK(differs() == "changed: /node/links/enp11s0f0np0/mtu from 1500 to 1400");
  }
  SECTION("sysctl") {
    put_sysctl("pod", "ipv4/conf/eth0/arp_ignore", "1");
    CHECK(differs() == "changed: /pod/sysctls/ipv4/conf/eth0/arp_ignore from \"0\" to \"1\"");
  }
  SECTION("journal") {
    put_file(std::string(kStateDir) + "/journal", "x");
    CHECK(differs() == "appeared: /state//run/test/state/journal = \"x\"");
  }
  SECTION("lease") {
    put_file(std::string(kLeaseDir) + "/gpu1/172.16.11.10", "pod");
    put_file(std::string(kLeaseDir) + "/gpu1/lock", "");
    CHECK(differs() == "appeared: /leases/gpu1/172.16.11.10 = \"pod\"");
  }
}

TEST_CASE("fake IPAM plugins note their calls", "[harness]") {
  isolate();
  const FakeIpam ipam;
  const auto call = [&ipam](const char* verb) {
    return run({.argv = {ipam.dir() + "/fake"}, .input = "{}\n", .env = {{"CNI_COMMAND", verb}}});
  };
  ipam.answer_address("172.16.11.10/24", "it's");
  const Output added = call("ADD");
  CHECK(json::parse(added.out).at("ips").at(0).at("gateway") == "it's");
  CHECK(ipam.last_input() == "{}\n");
  ipam.fail("DEL", 11, "later");
  CHECK(call("DEL").status == 1);
  ipam.print_huge();
  CHECK(call("ADD").out.size() == 100'000'000);
  ipam.die_by_signal();
  CHECK(call("ADD").status == -9);
  CHECK(ipam.calls() == std::vector<std::string>{"ADD", "DEL", "ADD", "ADD"});
}

TEST_CASE("the plugin is called as a runtime calls it", "[harness]") {
  isolate();
  const Call call{.verb = "ADD", .netns = "/run/netns/pod", .config = rail_config(3)};
  const Command command = make_command(call);
  CHECK(command.argv.at(0) == plugin_path());
  CHECK(command.clean_env);
  for (const char* name : {"CNI_COMMAND", "CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME", "CNI_ARGS",
                           "CNI_PATH", "PATH"}) {
    CHECK(command.env.count(name) == 1);
  }
  const json config = json::parse(command.input);
  CHECK(config.at("master") == "enp13s0f0np0");
  CHECK(config.at("ipam").at("ranges").at(0).at(0).at("rangeStart") == "172.16.13.10");
  CHECK(make_command({.verb = "ADD", .input = "{"}).input == "{");
}

TEST_CASE("answers are read, whatever the plugin printed", "[harness]") {
  isolate();
  CHECK(make_answer({.status = 1, .out = R"({"code":104,"msg":"net1: m"})"}).code() == 104);
  CHECK(make_answer({.status = 1, .out = R"({"code":104,"msg":"net1: m"})"}).message() ==
        "net1: m");
  CHECK(make_answer({.out = ""}).body.is_null());
  CHECK(make_answer({.out = "rubbish"}).body.is_discarded());
  CHECK(make_answer({.out = "rubbish"}).code() == 0);
}
