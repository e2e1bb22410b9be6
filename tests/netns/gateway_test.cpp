// SPDX-License-Identifier: Apache-2.0
/// \file
/// ADD proves that each gateway answers, or fails and leaves nothing.
#include <cstdlib>

#include "support/capture.hpp"
#include "support/catch.hpp"
#include "support/routing_lines.hpp"
#include "support/routing_world.hpp"
#include "support/shell.hpp"

using namespace mvr::test;
using std::chrono::milliseconds;

namespace {

/// Requests for a gateway as the probe sends them.
auto is_probe(const std::string& gateway, const std::string& source = "172.16.11.10") {
  return [=](const Frame& frame) {
    return frame.is_arp_request() && frame.arp.target_ip == gateway &&
           frame.arp.sender_ip == source && frame.dst == "ff:ff:ff:ff:ff:ff" &&
           frame.arp.sender_mac == frame.src;
  };
}

/// Neither a probe for an address nor an announcement of one.
bool is_request(const Frame& frame) {
  return frame.is_arp_request() && frame.arp.sender_ip != "0.0.0.0" &&
         frame.arp.sender_ip != frame.arp.target_ip;
}

/// The times between the requests of a probe.
std::vector<milliseconds> gaps(Capture& capture) {
  std::vector<milliseconds> result;
  std::chrono::nanoseconds last{};
  for (const Frame& frame : capture.frames()) {
    if (is_probe(rail_gateway(1))(frame)) {
      result.push_back(std::chrono::duration_cast<milliseconds>(frame.time - last));
      last = frame.time;
    }
  }
  result.erase(result.begin());
  return result;
}

/// The number before " ms" in a message.
long milliseconds_in(const std::string& message) {
  const auto end = message.find(" ms");
  const auto start = message.rfind(' ', end - 1);
  return std::strtol(message.substr(start, end - start).c_str(), nullptr, 10);
}

}  // namespace

TEST_CASE("a silent gateway fails ADD and leaves nothing", "[gateway]") {
  PodWorld world(1);
  Scenario::silence_gateway(1);
  Capture rail(kGateways, rail_gateway_nic(1));
  const auto [patch, attempts, interval] = GENERATE(
      table<json, int, int>({{json::object(), 5, 100},
                             {{{"gatewayProbe", true}}, 5, 100},
                             {{{"gatewayProbe", {{"attempts", 3}, {"interval", "150ms"}}}}, 3, 150},
                             {{{"gatewayProbe", {{"attempts", 1}}}}, 1, 100}}));
  const Answer added = world.add(1, patch);
  CHECK(added.code() == 104);
  INFO(added);
  CHECK(names(added.message(), {"net1", rail_master(1), "172.16.11.10", rail_gateway(1),
                                std::to_string(attempts) + " "}));
  CHECK(milliseconds_in(added.message()) >= attempts * interval);
  CHECK(milliseconds_in(added.message()) < attempts * interval + 1000);
  CHECK(rail.count(is_request) == attempts);
  CHECK(rail.count(is_probe(rail_gateway(1))) == attempts);
  for (const milliseconds gap : gaps(rail)) {
    CHECK(gap > milliseconds(interval / 2));
  }
  CHECK(world.changes() == "");
}

TEST_CASE("the NICs that came before a silent gateway stay", "[gateway]") {
  PodWorld world(2);
  REQUIRE(failure(world.add(1)) == "");
  world.look();
  Scenario::silence_gateway(2);
  CHECK(world.add(2, {{"gatewayProbe", {{"interval", "10ms"}}}}).code() == 104);
  CHECK(world.changes() == "");
  CHECK(failure(world.check(1)) == "");
  // As a runtime does after a failed ADD.
  CHECK(failure(world.del(2)) == "");
  CHECK(world.changes() == "");
}

TEST_CASE("a gateway that answers is asked once", "[gateway]") {
  PodWorld world(1);
  Capture rail(kGateways, rail_gateway_nic(1));
  REQUIRE(failure(world.add(1, {{"gatewayProbe", {{"attempts", 3}, {"interval", "10s"}}}})) == "");
  CHECK(rail.count(is_request) == 1);
  CHECK(rail.count(is_probe(rail_gateway(1))) == 1);
}

TEST_CASE("a gateway that answers late is waited for", "[gateway]") {
  PodWorld world(1);
  Scenario::silence_gateway(1);
  Capture rail(kGateways, rail_gateway_nic(1));
  json config = rail_config(1);
  config["gatewayProbe"] = {{"attempts", 20}, {"interval", "200ms"}};
  Process add(make_command(world.make_call("ADD", "net1", config)));
  REQUIRE(eventually([&] { return rail.count(is_probe(rail_gateway(1))) == 2; }));
  Scenario::wake_gateway(1);
  const Answer added = make_answer(add.wait());
  REQUIRE(failure(added) == "");
  CHECK(rail.count(is_probe(rail_gateway(1))) >= 3);
  CHECK(rail.count(is_probe(rail_gateway(1))) < 20);
  world.note("net1", config, added);
  CHECK(failure(world.check(1)) == "");
  CHECK(failure(world.del(1)) == "");
  CHECK(world.changes() == "");
}

TEST_CASE("a silent gateway may be a warning", "[gateway]") {
  PodWorld world(1);
  Scenario::silence_gateway(1);
  Capture rail(kGateways, rail_gateway_nic(1));
  const json probe{{"policy", "warn"}, {"attempts", 2}, {"interval", "20ms"}};
  const Answer added = world.add(1, {{"gatewayProbe", probe}});
  REQUIRE(failure(added) == "");
  CHECK(names(added.err, {"level=warn", rail_gateway(1), rail_master(1)}));
  CHECK(rail.count(is_probe(rail_gateway(1))) == 2);
  CHECK(routes("pod", 101) == Lines{"default via 172.16.11.254 dev net1 ours",
                                    "172.16.11.0/24 dev net1 scope link src 172.16.11.10 ours"});
  CHECK(failure(world.check(1)) == "");
}

TEST_CASE("no gateway is asked where none is to be", "[gateway]") {
  PodWorld world(1);
  Scenario::silence_gateway(1);
  Capture rail(kGateways, rail_gateway_nic(1));
  const FakeIpam ipam;
  ipam.answer_address("172.16.11.10/24", "");
  world.use(ipam);
  const bool has_gateway = GENERATE(true, false);
  const json patch = has_gateway ? GENERATE(json({{"gatewayProbe", false}}),
                                            json({{"gatewayProbe", {{"policy", "off"}}}}))
                                 : json({{"ipam", {{"type", "fake"}}}});
  const Answer added = world.add(1, patch);
  REQUIRE(failure(added) == "");
  CHECK((added.err.find("level=warn") == std::string::npos) == has_gateway);
  CHECK(rail.count(is_request) == 0);
}

TEST_CASE("every gateway of the NIC is asked, by the address that it belongs to", "[gateway]") {
  PodWorld world(1);
  const FakeIpam ipam;
  world.use(ipam);
  ip({"-n", kGateways, "addr", "add", "172.16.21.254/24", "dev", rail_gateway_nic(1)});
  const json first{{"address", "172.16.11.10/24"}, {"gateway", rail_gateway(1)}};
  const json patch{{"ipam", {{"type", "fake"}}}, {"gatewayProbe", {{"interval", "20ms"}}}};
  Capture rail(kGateways, rail_gateway_nic(1));
  SECTION("both answer") {
    const json second{{"address", "172.16.21.10/24"}, {"gateway", "172.16.21.254"}};
    ipam.answer({{"cniVersion", "1.0.0"}, {"ips", {first, second}}});
    CHECK(failure(world.add(1, patch)) == "");
    CHECK(rail.count(is_probe(rail_gateway(1))) == 1);
    CHECK(rail.count(is_probe("172.16.21.254", "172.16.21.10")) == 1);
  }
  SECTION("one is silent") {
    const json second{{"address", "172.16.21.10/24"}, {"gateway", "172.16.21.253"}};
    ipam.answer({{"cniVersion", "1.0.0"}, {"ips", {first, second}}});
    const Answer added = world.add(1, patch);
    CHECK(added.code() == 104);
    CHECK(names(added.message(), {"172.16.21.253", "172.16.21.10"}));
    CHECK(rail.count(is_probe(rail_gateway(1))) == 1);
    CHECK(rail.count(is_probe("172.16.21.253", "172.16.21.10")) == 5);
    CHECK(world.changes() == "");
  }
}

TEST_CASE("a gateway outside the subnet is asked like any other", "[gateway]") {
  PodWorld world(1);
  const FakeIpam ipam;
  world.use(ipam);
  ipam.answer_address("172.16.11.10/32", "10.99.0.1");
  const json patch{{"ipam", {{"type", "fake"}}}, {"gatewayProbe", {{"interval", "20ms"}}}};
  Capture rail(kGateways, rail_gateway_nic(1));
  SECTION("it is there") {
    ip({"-n", kGateways, "addr", "add", "10.99.0.1/32", "dev", rail_gateway_nic(1)});
    CHECK(failure(world.add(1, patch)) == "");
    CHECK(rail.count(is_probe("10.99.0.1")) == 1);
  }
  SECTION("it is not there") {
    CHECK(world.add(1, patch).code() == 104);
    CHECK(world.changes() == "");
  }
}

TEST_CASE("a cable that is not plugged in is told from a silent gateway", "[gateway]") {
  PodWorld world(1);
  SECTION("the other end is down") {
    ip({"-n", kGateways, "link", "set", rail_gateway_nic(1), "down"});
  }
  SECTION("the master is down") {
    ip({"link", "set", rail_master(1), "down"});
  }
  world.look();
  const auto start = std::chrono::steady_clock::now();
  const Answer added = world.add(1, {{"gatewayProbe", {{"attempts", 4}, {"interval", "50ms"}}}});
  CHECK(added.code() == 104);
  INFO(added);
  CHECK(names(added.message(), {"net1", rail_master(1), rail_gateway(1), "no carrier"}));
  CHECK(std::chrono::steady_clock::now() - start >= milliseconds(200));
  CHECK(world.changes() == "");
}

TEST_CASE("a cable that is plugged in late is waited for", "[gateway]") {
  PodWorld world(1);
  ip({"-n", kGateways, "link", "set", rail_gateway_nic(1), "down"});
  json config = rail_config(1);
  config["gatewayProbe"] = {{"attempts", 20}, {"interval", "200ms"}};
  Process add(make_command(world.make_call("ADD", "net1", config)));
  REQUIRE(eventually([] { return !rules("pod").empty() && !addresses("pod", "net1").empty(); }));
  ip({"-n", kGateways, "link", "set", rail_gateway_nic(1), "up"});
  CHECK(failure(make_answer(add.wait())) == "");
}
