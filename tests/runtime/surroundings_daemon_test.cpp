// SPDX-License-Identifier: Apache-2.0
/// \file
/// Multus as a daemon in a container, which executes the plugin below the node's root.
#include "support/catch.hpp"
#include "support/link_wanted.hpp"
#include "support/surroundings.hpp"

using namespace mvr::test;

namespace {

/// A node with such a daemon, and a pod that came later.
struct Node {
  Scenario scenario = Scenario({.rails = 2});
  ContainedDaemon daemon = ContainedDaemon();
  Pod pod = scenario.add_pod("pod");
  Runtime runtime = Runtime(pod);
  json before = snapshot_world({"pod"});

  Answer run(const std::string& verb, const json& config) const {
    return daemon.run_plugin(runtime.call(verb, "net1", config));
  }
};

}  // namespace

TEST_CASE("a daemon in a container attaches a pod of the node", "[surroundings][multus]") {
  const std::string version = GENERATE("0.3.1", "1.0.0", "1.1.0");
  const Node node;
  json config = rail_config(1);
  config["cniVersion"] = version;
  const Answer added = node.run("ADD", config);
  INFO(added);
  REQUIRE(added.ok());
  CHECK(added.body.at("interfaces").at(0).at("sandbox") == node.pod.netns);
  check_routing(node.pod, wanted_nics({1}));
  config["prevResult"] = added.body;
  if (version != "0.3.1") {
    check_ok(node.run("CHECK", config));
  }
  check_ok(node.run("DEL", config));
  CHECK(difference(node.before, snapshot_world({"pod"})) == "");
}

TEST_CASE("what a daemon has attached is the node's to check and delete, and the other way round",
          "[surroundings][multus]") {
  Node node;
  json first = rail_config(1);
  const Answer added = node.run("ADD", first);
  INFO(added);
  REQUIRE(added.ok());
  first["prevResult"] = added.body;
  check_ok(run_plugin(node.runtime.call("CHECK", "net1", first)));
  json second = rail_config(2);
  Call call = node.runtime.call("ADD", "net2", second);
  second["prevResult"] = run_plugin(call).body;
  check_routing(node.pod, wanted_nics({1, 2}));
  call.verb = "CHECK";
  call.config = second;
  check_ok(node.daemon.run_plugin(call));
  // The node's collector sees a pod that lives.
  const Output collected = run_gc();
  INFO(collected.out << collected.err);
  CHECK(collected.status == 0);
  check_routing(node.pod, wanted_nics({1, 2}));
  call.verb = "DEL";
  check_ok(node.daemon.run_plugin(call));
  check_ok(run_plugin(node.runtime.call("DEL", "net1", first)));
  CHECK(difference(node.before, snapshot_world({"pod"})) == "");
}

TEST_CASE("a daemon gives back what a pod left whose namespace is gone", "[surroundings][multus]") {
  Node node;
  json config = rail_config(1);
  REQUIRE(node.run("ADD", config).ok());
  remove_netns("pod");
  check_ok(node.run("DEL", config));
  CHECK(snapshot_leases().empty());
  CHECK(count_journals() == 0);
}
