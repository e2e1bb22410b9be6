// SPDX-License-Identifier: Apache-2.0
/// \file
/// ADD takes no address that somebody on the rail has, and in IPv6 says who looks for that.
#include <signal.h>

#include <algorithm>

#include "support/capture.hpp"
#include "support/catch.hpp"
#include "support/link_state.hpp"
#include "support/log_lines.hpp"
#include "support/probe_rail.hpp"
#include "support/refusal.hpp"
#include "support/routing_world.hpp"
#include "support/shell.hpp"

using namespace mvr::test;
using std::chrono::milliseconds;

namespace {

constexpr const char* kNic = "172.16.11.10";
constexpr const char* kNic6 = "fd00:11::10";

bool is_arp_probe(const Frame& frame) {
  return frame.is_arp_request() && frame.arp.sender_ip == "0.0.0.0" && frame.arp.target_ip == kNic;
}

bool is_from_nic(const Frame& frame) {
  return !frame.outgoing && (frame.arp.sender_ip == kNic || frame.nd.src == kNic6);
}

bool is_solicitation(const Frame& frame) {
  return frame.is_solicitation() && frame.nd.src == "::" && frame.nd.target == kNic6;
}

/// A rail with a NIC of both families, and somebody who may own its addresses.
struct DualRail {
  PodWorld world{1};
  FakeIpam ipam;
  Capture rail{kGateways, rail_gateway_nic(1)};
  std::string owner = read_link(kGateways, rail_gateway_nic(1)).at("address");

  DualRail() {
    world.use(ipam);
    ipam.answer({{"cniVersion", "1.0.0"},
                 {"ips",
                  {{{"address", "172.16.11.10/24"}, {"gateway", rail_gateway(1)}},
                   {{"address", "fd00:11::10/64"}}}}});
  }

  /// From now on the gateway has this address. It answers nobody who uses it as his own.
  static void give_away(const std::string& address) {
    if (address == kNic) {
      ip({"-n", kGateways, "addr", "add", "172.16.11.10/24", "dev", rail_gateway_nic(1)});
    } else {
      add_v6_addresses(kGateways, rail_gateway_nic(1), {"fd00:11::10/64"});
    }
  }

  Answer add(json patch = json::object()) {
    patch["ipam"] = ipam.section();
    return world.add(1, patch);
  }
};

/// The NIC's IPv6 address as `ip -json` shows it.
json read_address6() {
  for (const json& link : ip_json("pod", {"-6", "addr", "show", "dev", "net1"})) {
    for (const json& address : link.at("addr_info")) {
      if (address.at("local") == kNic6) {
        return address;
      }
    }
  }
  return {};
}

bool has_flag(const json& address, const char* flag) {
  return address.value(flag, false);
}

}  // namespace

TEST_CASE("an address that somebody has fails ADD and leaves nothing", "[conflict]") {
  DualRail rail;
  const std::string address = GENERATE(kNic, kNic6);
  const json patch = GENERATE(json::object(), json({{"conflictProbe", {{"policy", "fail"}}}}));
  DualRail::give_away(address);
  rail.world.look();
  const Answer added = rail.add(patch);
  INFO(added);
  CHECK(added.code() == 103);
  expect_words(added.message(), {"net1", address, rail_master(1), rail.owner});
  CHECK(rail.rail.count(is_from_nic) == 0);
  CHECK(rail.world.changes() == "");
  CHECK(rail.ipam.calls() == std::vector<std::string>{"ADD", "DEL"});
}

TEST_CASE("the lease of an address that somebody has is given back", "[conflict]") {
  PodWorld world(1);
  DualRail::give_away(kNic);
  world.look();
  CHECK(world.add(1).code() == 103);
  CHECK(world.changes() == "");
  // The next one gets another address, which nobody has.
  const json result = world.add(1).body;
  CHECK(result.at("ips").at(0).at("address") == "172.16.11.11/24");
}

TEST_CASE("a conflict may be a warning", "[conflict]") {
  DualRail rail;
  const std::string address = GENERATE(kNic, kNic6);
  DualRail::give_away(address);
  const Answer added = rail.add({{"conflictProbe", {{"policy", "warn"}}}, {"gatewayProbe", false}});
  REQUIRE(failure(added) == "");
  const auto lines = read_log(added.err);
  CHECK(std::ranges::count_if(lines, [&](const LogLine& line) {
          const std::string& text = line.at("msg");
          return line.at("level") == "warn" && text.find(address) != std::string::npos &&
                 text.find(rail.owner) != std::string::npos;
        }) == 1);
  CHECK(read_addresses("pod", "net1").size() == 1);
  CHECK(has_flag(read_address6(), "nodad"));
}

TEST_CASE("conflicts are not looked for where that is off", "[conflict]") {
  DualRail rail;
  const json off = GENERATE(json(false), json({{"policy", "off"}}));
  DualRail::give_away(kNic);
  DualRail::give_away(kNic6);
  const Answer added = rail.add({{"conflictProbe", off}, {"gatewayProbe", false}});
  REQUIRE(failure(added) == "");
  INFO(added);
  CHECK(added.err.find(rail.owner) == std::string::npos);
  CHECK(rail.rail.count(is_arp_probe) == 0);
  CHECK(rail.rail.count(is_solicitation) == 0);
}

TEST_CASE("the addresses are asked for before the NIC has them", "[conflict]") {
  DualRail rail;
  const auto [patch, attempts, interval] = GENERATE(table<json, int, int>(
      {{json::object(), 3, 10},
       {{{"conflictProbe", true}}, 3, 10},
       {{{"conflictProbe", {{"attempts", 5}, {"interval", "100ms"}}}}, 5, 100}}));
  const auto start = std::chrono::steady_clock::now();
  REQUIRE(failure(rail.add(patch)) == "");
  CHECK(std::chrono::steady_clock::now() - start >= attempts * milliseconds(interval));
  CHECK(rail.rail.count(is_arp_probe) == attempts);
  CHECK(rail.rail.count(is_solicitation) == attempts);
  const auto& frames = rail.rail.frames();
  const auto first_use = std::ranges::find_if(frames, is_from_nic);
  REQUIRE(first_use != frames.end());
  const auto is_probe = [](const Frame& frame) {
    return is_arp_probe(frame) || is_solicitation(frame);
  };
  CHECK(std::count_if(frames.begin(), first_use, is_probe) == 2 * attempts);
}

TEST_CASE("ipv6.dad says who looks for duplicates of IPv6 addresses", "[conflict]") {
  DualRail rail;
  SECTION("we do") {
    REQUIRE(failure(rail.add({{"ipv6", {{"dad", "probe"}}}})) == "");
    CHECK(rail.rail.count(is_solicitation) == 3);
    CHECK(has_flag(read_address6(), "nodad"));
  }
  SECTION("nobody does") {
    DualRail::give_away(kNic6);
    REQUIRE(failure(rail.add({{"ipv6", {{"dad", "off"}}}})) == "");
    CHECK(rail.rail.count(is_solicitation) == 0);
    CHECK(rail.rail.count(is_arp_probe) == 3);
    CHECK(has_flag(read_address6(), "nodad"));
  }
  SECTION("the kernel does, and ADD waits for it") {
    REQUIRE(failure(rail.add({{"ipv6", {{"dad", "kernel"}}}})) == "");
    CHECK(rail.rail.count(is_solicitation) == 1);
    CHECK(rail.rail.count(is_arp_probe) == 3);
    CHECK_FALSE(has_flag(read_address6(), "nodad"));
  }
  SECTION("we do not even if asked to look for duplicates, where probes are off") {
    const json patch{{"ipv6", {{"dad", "probe"}}}, {"conflictProbe", false}};
    REQUIRE(failure(rail.add(patch)) == "");
    CHECK(rail.rail.count(is_solicitation) == 0);
  }
  REQUIRE(read_address6().is_object());
  CHECK_FALSE(has_flag(read_address6(), "tentative"));
  CHECK(failure(rail.world.check(1)) == "");
}

TEST_CASE("a duplicate that the kernel finds fails ADD and leaves nothing", "[conflict]") {
  DualRail rail;
  DualRail::give_away(kNic6);
  rail.world.look();
  const Answer added = rail.add({{"ipv6", {{"dad", "kernel"}}}});
  INFO(added);
  CHECK(added.code() == 103);
  expect_words(added.message(), {"net1", kNic6});
  CHECK(rail.world.changes() == "");
  CHECK(rail.ipam.calls() == std::vector<std::string>{"ADD", "DEL"});
}

TEST_CASE("two that take the same address at the same time do not both get it", "[conflict]") {
  DualRail rail;
  const json other = {{"ips", {{{"address", "fd00:11::10/64"}}}}, {"cniVersion", "1.0.0"}};
  const json addresses = GENERATE_COPY(
      json({{"ips", {{{"address", "172.16.11.10/24"}}}}, {"cniVersion", "1.0.0"}}), other);
  rail.ipam.answer(addresses);
  json config = rail_config_with(1, rail.ipam.section());
  config["conflictProbe"] = {{"attempts", 10}, {"interval", "50ms"}};
  rail.world.scenario().add_pod("pod2");
  Call second = rail.world.make_call("ADD", "net1", config);
  second.netns = netns_path("pod2");
  second.container_id = "another";
  Process one(make_command(rail.world.make_call("ADD", "net1", config)));
  Process two(make_command(second));
  const Answer first_answer = make_answer(one.wait());
  const Answer second_answer = make_answer(two.wait());
  CHECK(std::max(first_answer.code(), second_answer.code()) == 103);
  CHECK((first_answer.ok() || first_answer.code() == 103));
  CHECK((second_answer.ok() || second_answer.code() == 103));
}

TEST_CASE("without a carrier nobody is asked, and a signal ends the wait", "[conflict]") {
  DualRail rail;
  SECTION("no carrier") {
    ip({"-n", kGateways, "link", "set", rail_gateway_nic(1), "down"});
    const auto start = std::chrono::steady_clock::now();
    REQUIRE(failure(rail.add({{"gatewayProbe", false},
                              {"conflictProbe", {{"attempts", 3}, {"interval", "100ms"}}}})) == "");
    CHECK(std::chrono::steady_clock::now() - start >= milliseconds(300));
    CHECK(rail.rail.count(is_arp_probe) == 0);
  }
  SECTION("a signal") {
    rail.world.look();
    json config = rail_config_with(1, rail.ipam.section());
    config["conflictProbe"] = {{"attempts", 100}, {"interval", "300ms"}};
    Process add(make_command(rail.world.make_call("ADD", "net1", config)));
    REQUIRE(eventually([&] { return rail.rail.count(is_arp_probe) >= 2; }));
    add.signal(SIGTERM);
    CHECK(make_answer(add.wait()).code() == 110);
    CHECK(rail.rail.count(is_from_nic) == 0);
    CHECK(rail.world.changes() == "");
  }
}
