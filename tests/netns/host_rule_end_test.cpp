// SPDX-License-Identifier: Apache-2.0
/// \file
/// `hostRuleTable`: what is on the node goes with the NICs that needed it.
#include <filesystem>
#include <functional>

#include "netns/host_rule_fixture.hpp"
#include "support/catch.hpp"
#include "support/namespaces.hpp"
#include "support/routing_lines.hpp"
#include "support/routing_world.hpp"
#include "support/shell.hpp"
#include "support/world.hpp"

using namespace mvr::test;

namespace {

/// Every journal, after a change by hand.
void edit_journals(const std::function<void(json&)>& change) {
  const json files = snapshot_files(std::string(kStateDir));
  for (const auto& [path, text] : files.items()) {
    json record = json::parse(text.get<std::string>());
    change(record);
    put_file(path, record.dump(), 0600);
  }
}

void remove_journals() {
  std::filesystem::remove_all(kStateDir);
}

/// GC of rail 1's network, of which no attachment is valid.
Answer collect() {
  json config = with_table(rail_config(1));
  config["cniVersion"] = "1.1.0";
  config["cni.dev/valid-attachments"] = json::array();
  return run_plugin(
      {.verb = "GC", .container_id = "", .netns = "", .ifname = "", .config = config});
}

}  // namespace

TEST_CASE("nothing is left on the node, however the pod has ended", "[host-rule]") {
  // On a bridge the routes do not go with the pod's end of the veth.
  PodWorld world(1, GENERATE(Overlay::calico, Overlay::flannel));
  const json before = snapshot("");
  REQUIRE(failure(world.add(1, kPatch)) == "");
  SECTION("the namespace has gone before DEL") {
    remove_netns("pod");
    CHECK(failure(world.del(1)) == "");
  }
  SECTION("the namespace has gone before GC") {
    remove_netns("pod");
    CHECK(failure(collect()) == "");
  }
  SECTION("the journal has gone before DEL") {
    remove_journals();
    CHECK(failure(world.del(1)) == "");
    remove_netns("pod");
  }
  SECTION("somebody has removed the rule and the route") {
    ip_batch("", "rule del pref 1000\nroute flush table 500\n");
    CHECK(failure(world.del(1)) == "");
    remove_netns("pod");
  }
  SECTION("somebody has removed the node's end of the overlay NIC") {
    ip({"link", "del", world.pod().host_nic});
    CHECK(failure(world.del(1)) == "");
    remove_netns("pod");
  }
  CHECK(rules(kNode).empty());
  CHECK(routes(kNode, kTable).empty());
  CHECK(snapshot_files(std::string(kStateDir)).empty());
  // The bridge stays, of what the pod had the node knows nothing more.
  CHECK(snapshot("").at("rules") == before.at("rules"));
}

TEST_CASE("without journals the rule stays as long as a route needs it", "[host-rule]") {
  PodWorld world(2);
  REQUIRE(failure(world.add(1, kPatch)) == "");
  REQUIRE(failure(world.add(2, kPatch)) == "");
  remove_journals();
  REQUIRE(failure(world.del(1)) == "");
  CHECK(rules(kNode) == kOurRule);
  CHECK(routes(kNode, kTable) == Lines{node_route(world.pod(), 2)});
  REQUIRE(failure(world.del(2)) == "");
  CHECK(world.changes() == "");
}

TEST_CASE("an ADD that fails leaves the node as it was", "[host-rule]") {
  PodWorld world(2);
  if (GENERATE(false, true)) {
    REQUIRE(failure(world.add(2, kPatch)) == "");
    world.look();
  }
  SECTION("before its routes are made") {
    Scenario::silence_gateway(1);
    json patch = kPatch;
    patch["gatewayProbe"] = {{"interval", "10ms"}};
    CHECK(world.add(1, patch).code() == 104);
  }
  SECTION("when all is done, as nobody takes the answer") {
    Command command = make_command(world.make_call("ADD", "net1", with_table(rail_config(1))));
    command.argv = {"sh", "-c", "exec \"$0\" > /dev/full", command.argv.at(0)};
    CHECK(run(command).status == 1);
  }
  SECTION("as somebody else has the route") {
    ip_batch("", "route add 172.16.11.10 via 10.1.0.1 table 500\n");
    world.look();
    const Answer added = world.add(1, kPatch);
    CHECK(added.code() == 108);
    CHECK(names(added.message(), {"172.16.11.10", "table 500", "on the node"}));
  }
  CHECK(world.changes() == "");
}

TEST_CASE("an ADD that was killed leaves nothing for long", "[host-rule]") {
  PodWorld world(1);
  REQUIRE(failure(world.add(1, kPatch)) == "");
  edit_journals([](json& record) { record["complete"] = false; });
  if (GENERATE(false, true)) {  // when it had written the journal, and no more
    ip_batch("", "rule del pref 1000\nroute flush table 500\n");
  }
  if (GENERATE(false, true)) {
    REQUIRE(failure(world.add(1, kPatch)) == "");
    CHECK(failure(world.check(1)) == "");
    CHECK(routes(kNode, kTable) == Lines{node_route(world.pod(), 1, 11)});  // the next address
  }
  REQUIRE(failure(world.del(1)) == "");
  CHECK(world.changes() == "");
}
