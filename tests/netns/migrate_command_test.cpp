// SPDX-License-Identifier: Apache-2.0
/// \file
/// `macvlan-rdma migrate` as people run it, and the pod that gets what came of a chain.
#include "support/catch.hpp"
#include "support/golden.hpp"
#include "support/link_wanted.hpp"
#include "support/namespaces.hpp"
#include "support/plugin.hpp"
#include "support/refusal.hpp"
#include "support/shell.hpp"

using namespace mvr::test;

namespace {

using Words = std::vector<std::string>;

Output run_migrate(const Words& words, const std::string& input = "") {
  Words argv{plugin_path(), "migrate"};
  argv.insert(argv.end(), words.begin(), words.end());
  return run({.argv = std::move(argv), .input = input});
}

}  // namespace

TEST_CASE("migrate prints the result, and apart from it what to know", "[migrate]") {
  isolate();
  const Output output = run_migrate({"-"}, read_golden("migrate/spider.yaml"));
  CHECK(output.status == 0);
  CHECK(output.out == read_golden("migrate/spider.yaml.out"));
  expect_words(output.err, {"standard input:2: rail1: changed: ", "not carried: ifacer.bond",
                            "10 changes, 5 not carried, 0 problems\n"});
  const Output judged =
      run({.argv = {plugin_path(), "validate", "--strict", "-"}, .input = output.out});
  INFO(judged.out);
  CHECK(judged.status == 0);
}

TEST_CASE("migrate puts files behind each other, and names those that it cannot read",
          "[migrate]") {
  isolate();
  const std::string file = std::string(kScratchDir) + "/net.yaml";
  put_file(file, read_golden("migrate/spider.yaml"));
  const Output output = run_migrate({file, "/nowhere/net.yaml", "/etc", "/bin/true", file, "-"});
  CHECK(output.status == 1);
  const std::string once = read_golden("migrate/spider.yaml.out");
  CHECK(output.out == once + "---\n" + once);
  expect_words(output.err,
               {"/nowhere/net.yaml: problem: No such file", "/etc: problem: read: Is a directory",
                "/bin/true:1: problem: control characters", "standard input: problem: is empty",
                "4 problems"});
  CHECK(run_migrate({}).status == 2);
}

TEST_CASE("migrate says when its output cannot be written", "[migrate]") {
  isolate();
  const Output output =
      run({.argv = {"/bin/sh", "-c", "exec \"$0\" migrate - > /dev/full", plugin_path()},
           .input = read_golden("migrate/spider.yaml")});
  CHECK(output.status == 1);
  expect_words(output.err, {"standard output", "ENOSPC"});
}

TEST_CASE("a chain of macvlan, tuning and sbr works as one network", "[migrate]") {
  OnePod world({.rails = 1});
  const json rail = rail_config(1);
  const json chain{
      {"cniVersion", "1.0.0"},
      {"name", "gpu1-macvlan"},
      {"plugins",
       {{{"type", "macvlan"}, {"master", rail_master(1)}, {"ipam", rail.at("ipam")}},
        {{"type", "tuning"}, {"mtu", 1400}, {"sysctl", {{"net.ipv4.conf.net1.forwarding", "1"}}}},
        {{"type", "sbr"}}}}};
  const Output output = run_migrate({"-"}, chain.dump());
  INFO(output.out << output.err);
  REQUIRE(output.status == 0);
  json config = json::parse(output.out).at("plugins").at(0);
  config["name"] = chain["name"];
  config["cniVersion"] = chain["cniVersion"];
  config["stateDir"] = kStateDir;
  for (const char* key : {"overlayPodCIDR", "serviceCIDR"}) {
    config[key] = rail.at(key);
  }
  const Answer answer = world.runtime.add("net1", config);
  INFO(answer);
  REQUIRE(answer.ok());
  check_routing(world.pod, wanted_nics({1}));
  CHECK(ip_json("pod", {"link", "show", "dev", "net1"}).at(0).at("mtu") == 1400);
  CHECK(read_sysctl("pod", "ipv4/conf/net1/forwarding") == "1");
}
