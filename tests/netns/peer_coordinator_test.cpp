// SPDX-License-Identifier: Apache-2.0
// What the end-to-end cases of Spiderpool's coordinator ask for, as far as their keys are there.
#include <algorithm>

#include "support/capture.hpp"
#include "support/catch.hpp"
#include "support/namespaces.hpp"
#include "support/peer_rig.hpp"
#include "support/refusal.hpp"
#include "support/routing_lines.hpp"
#include "support/traffic.hpp"

using namespace mvr::test;

namespace {

/// A pod with Calico's eth0 and NICs on the first rails.
struct Rig {
  explicit Rig(int rails, const json& more = json::object()) : scenario({.rails = rails}) {
    for (int n = 1; n <= rails; ++n) {
      const Answer added = runtime.add(n, more);
      INFO(added);
      REQUIRE(added.ok());
    }
  }

  Scenario scenario;
  Pod pod = scenario.add_pod("pod");
  Runtime runtime = Runtime(pod);
};

/// The interface and the source address that the kernel chooses for a destination.
std::string way_to(const std::string& destination) {
  const json route = ip_json("pod", {"route", "get", destination}).at(0);
  return route.at("dev").get<std::string>() + " " + route.at("prefsrc").get<std::string>();
}

/// A request to the address, from a client in `netns`, is answered.
bool answers(const std::string& netns, const std::string& address) {
  const UdpSocket server("pod", {.address = address});
  return exchange(UdpSocket(netns), server, address);
}

/// Sends to the address from the pod and tells by which interface it left.
bool leaves_by(const std::string& nic, const std::string& address) {
  Capture capture("pod", nic);
  static_cast<void>(UdpSocket("pod").send(address, 9, "?"));
  return capture.wait_for(
      [&](const Frame& frame) { return frame.outgoing && frame.ip.dst == address; });
}

}  // namespace

TEST_CASE("coordinator's case: a pod with two macvlan NICs is reached by all of its addresses",
          "[peer]") {
  const Rig rig(2);
  CHECK(answers(kOutside, rig.pod.address));
  CHECK(answers(kFar, rail_address(1)));
  CHECK(answers(kFar, rail_address(2)));
  CHECK(answers("", rig.pod.address));
}

TEST_CASE("coordinator's case: the default route stays on eth0 when nobody asks otherwise",
          "[peer]") {
  const Rig rig(1);
  const std::string eth0 = "eth0 " + rig.pod.address;
  CHECK(way_to("8.8.8.8") == eth0);
  CHECK(way_to("172.16.11.77") == "net1 " + rail_address(1));
  CHECK(way_to("10.233.0.10") == eth0);
  CHECK(way_to("10.233.100.1") == eth0);
  CHECK(leaves_by("eth0", "10.233.0.10"));
  CHECK(leaves_by("net1", "172.16.11.254"));
}

TEST_CASE("coordinator's case: with several NICs Service and host traffic has eth0's address",
          "[peer]") {
  const Rig rig(3);
  for (const char* destination :
       {"10.233.0.1", "10.233.63.254", "10.233.64.9", kNodeAddress, "169.254.25.10", "8.8.8.8"}) {
    INFO(destination);
    CHECK(way_to(destination) == "eth0 " + rig.pod.address);
  }
  for (int n = 1; n <= 3; ++n) {
    CHECK(way_to(rail_address(n, 99)) == "net" + std::to_string(n) + " " + rail_address(n));
  }
  CHECK(answers("", rig.pod.address));
}

TEST_CASE("coordinator's case: a silent gateway keeps the pod from starting", "[peer]") {
  Refusals refusals;
  Scenario::silence_gateway(1);
  const Answer answer =
      refusals.expect({{"gatewayProbe", {{"attempts", 3}, {"interval", "20ms"}}}}, 104,
                      {"net1: gateway 172.16.11.254 does not answer", "master enp11s0f0np0",
                       "address 172.16.11.10", "3 ARP requests in"});
  CHECK(answer.message().ends_with(" ms)"));
}

TEST_CASE("coordinator's case: a default NIC that does not exist keeps no pod from starting",
          "[peer]") {
  Scenario scenario({.rails = 1});
  Runtime runtime(scenario.add_pod("pod"));
  const Lines before = routes("pod", 254);
  REQUIRE(runtime.add(1, {{"podDefaultRouteNic", "no-such-nic"}}).ok());
  const Lines after = routes("pod", 254);
  CHECK(std::ranges::includes(after, before));
  CHECK(std::ranges::count_if(
            after, [](const std::string& line) { return line.starts_with("default"); }) == 1);
}

TEST_CASE("coordinator's case: NICs of any names work", "[peer]") {
  Scenario scenario({.rails = 2});
  Runtime runtime(scenario.add_pod("pod"));
  REQUIRE(runtime.add("rail-a", rail_config(1)).ok());
  REQUIRE(runtime.add("rdma0", rail_config(2)).ok());
  CHECK(rules("pod") == Lines{"32100: from 10.233.119.164 lookup 100 ours",
                              "32100: from all oif eth0 lookup 100 ours",
                              "32165: from 172.16.11.10 lookup 165 ours",
                              "32165: from all oif rail-a lookup 165 ours",
                              "32166: from 172.16.12.10 lookup 166 ours",
                              "32166: from all oif rdma0 lookup 166 ours"});
  CHECK(has_line(routes("pod", 165), "default via 172.16.11.254 dev rail-a ours"));
  CHECK(has_line(routes("pod", 166), "default via 172.16.12.254 dev rdma0 ours"));
  CHECK(runtime.check("rail-a").ok());
  CHECK(answers(kFar, rail_address(1)));
  CHECK(answers(kFar, rail_address(2)));
}

TEST_CASE("coordinator's case: an overlay NIC of another name is the one that is named", "[peer]") {
  Scenario scenario({.rails = 1});
  Runtime runtime(scenario.add_pod("pod"));
  ip_batch("pod",
           "link add cluster0 type veth peer name other\n"
           "addr add 10.250.0.2/32 dev cluster0\n"
           "link set cluster0 up\nlink set other up\n"
           "route add 169.254.1.9 dev cluster0 scope link\n"
           "route add default via 169.254.1.9 dev cluster0 metric 50\n");
  const Answer added = runtime.add(1, {{"podDefaultCniNic", "cluster0"}});
  INFO(added);
  REQUIRE(added.ok());
  CHECK(has_line(routes("pod", kMainTable),
                 "10.233.0.0/18 via 169.254.1.9 dev cluster0 src 10.250.0.2 ours"));
  CHECK(has_line(rules("pod"), "32100: from 10.250.0.2 lookup 100 ours"));
  CHECK(has_line(rules("pod"), "32100: from all oif cluster0 lookup 100 ours"));
}

TEST_CASE("coordinator's case: three NICs are reached with reverse path filtering in the pod",
          "[peer]") {
  const auto [own, everywhere] = GENERATE(table<int, const char*>({{2, "1"}, {1, "0"}, {1, "1"}}));
  INFO("podRPFilter " << own << ", all " << everywhere);
  Scenario scenario({.rails = 3});
  const Pod pod = scenario.add_pod("pod");
  put_sysctl("pod", "ipv4/conf/all/rp_filter", everywhere);
  put_sysctl("pod", "ipv4/conf/default/rp_filter", everywhere);
  put_sysctl("pod", "ipv4/conf/eth0/rp_filter", everywhere);
  Runtime runtime(pod);
  for (int n = 1; n <= 3; ++n) {
    REQUIRE(runtime.add(n, {{"podRPFilter", own}}).ok());
  }
  CHECK(read_sysctl("pod", "ipv4/conf/all/rp_filter") == everywhere);
  CHECK(read_sysctl("pod", "ipv4/conf/net3/rp_filter") == std::to_string(own));
  for (int n = 1; n <= 3; ++n) {
    CHECK(answers(kFar, rail_address(n)));
  }
  CHECK(answers(kOutside, pod.address));
}

TEST_CASE("coordinator's case: a pod of the same address leaves nothing of the last one",
          "[peer]") {
  Scenario scenario({.rails = 1});
  const Pod pod = scenario.add_pod("pod");
  Runtime first(pod, "first");
  REQUIRE(first.add(1).ok());
  remove_netns("pod");
  REQUIRE(first.del(1).ok());
  const Pod next = scenario.add_pod("next");
  Runtime second(next, "second");
  const Answer added = second.add(1);
  REQUIRE(added.ok());
  CHECK(added.body.at("ips").at(0).at("address") != "");
  CHECK(ip_json("", {"rule", "show"}).size() == 3);
  CHECK(ip_json("", {"neigh", "show", "nud", "permanent"}).empty());
}
