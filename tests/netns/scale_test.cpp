// SPDX-License-Identifier: Apache-2.0
/// \file
/// What ADD asks the kernel about the node does not depend on how much there is on the node.
#include <algorithm>

#include "support/catch.hpp"
#include "support/netlink_trace.hpp"
#include "support/routing_world.hpp"
#include "support/shell.hpp"

using namespace mvr::test;

namespace {

constexpr int kLinkPairs = 500;
constexpr int kRoutes = 10'000;

/// Gives the node a thousand links and ten thousand routes more.
void fill_node() {
  std::string lines;
  for (int i = 0; i < kLinkPairs; ++i) {
    const std::string number = std::to_string(i);
    lines += "link add left" + number + " type veth peer name right" + number + '\n';
  }
  for (int i = 0; i < kRoutes; ++i) {
    constexpr int kPerRow = 250;
    lines += "route add 198.18." + std::to_string(i / kPerRow) + '.' + std::to_string(i % kPerRow) +
             " via 10.1.0.1 dev eno1\n";
  }
  ip_batch("", lines);
}

/// What ADD, CHECK and DEL of net1 exchange with the node's network.
std::vector<NetlinkTraffic> measure(PodWorld& world, const json& patch) {
  json config = rail_config(1);
  config.merge_patch(patch);
  std::vector<NetlinkTraffic> measured;
  for (const char* verb : {"ADD", "CHECK", "DEL"}) {
    Traced traced = run_traced(world.make_call(verb, "net1", config));
    INFO(verb << traced.answer);
    REQUIRE(failure(traced.answer) == "");
    measured.push_back(std::move(traced.host));
    if (traced.answer.body.is_object()) {
      config["prevResult"] = traced.answer.body;
    }
  }
  return measured;
}

std::string describe(const NetlinkTraffic& traffic) {
  std::string text = std::to_string(traffic.messages) + " messages, " +
                     std::to_string(traffic.bytes) + " bytes; requests:";
  for (const std::string& request : traffic.requests) {
    text += ' ' + request;
  }
  return text;
}

/// Lists of addresses are of one interface each, and their answers are counted as well. Of RDMA
/// devices and their ports a node has as many as it has hardware.
/// \source linux/rtnetlink.h: RTM_GETLINK, RTM_GETADDR; rdma/rdma_netlink.h: RDMA_NLDEV_CMD_GET,
/// RDMA_NLDEV_CMD_PORT_GET of the client RDMA_NL_NLDEV
void expect_no_list_of_all(const NetlinkTraffic& traffic, bool may_list_own_table) {
  for (const std::string& request : traffic.requests) {
    CHECK(request != "18 dump");
    if (!may_list_own_table) {
      const bool is_list = request.find("dump") != std::string::npos;
      CHECK((!is_list || request == "22 dump" || request == "5121 dump" || request == "5125 dump"));
    }
  }
}

}  // namespace

TEST_CASE("ADD, CHECK and DEL exchange as much with a node of a thousand links as with any other",
          "[scale]") {
  const bool has_node_routes = GENERATE(false, true);
  const json patch = has_node_routes ? json{{"hostRuleTable", 500}} : json::object();
  PodWorld world;
  measure(world, patch);  // from then on the node knows the table
  const auto small = measure(world, patch);
  REQUIRE(small.size() == 3);
  CHECK(small[0].requests.size() >= 5);
  fill_node();
  const auto large = measure(world, patch);
  for (std::size_t i = 0; i < small.size(); ++i) {
    INFO(describe(small[i]));
    INFO(describe(large[i]));
    CHECK(large[i].requests == small[i].requests);
    CHECK(large[i].messages == small[i].messages);
    CHECK(large[i].bytes == small[i].bytes);
    expect_no_list_of_all(large[i], has_node_routes);
  }
}
