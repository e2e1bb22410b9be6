// SPDX-License-Identifier: Apache-2.0
/// \file
/// `macvlan-rdma plan`: the steps that it prints are those that ADD logs, and nothing is made.
#include <filesystem>

#include "support/catch.hpp"
#include "support/link_wanted.hpp"
#include "support/log_lines.hpp"
#include "support/namespaces.hpp"
#include "support/refusal.hpp"
#include "support/routing_world.hpp"
#include "support/scenario_v6.hpp"
#include "support/shell.hpp"

using namespace mvr::test;

namespace {

using Words = std::vector<std::string>;

Output run_plan(const json& config, const Words& options) {
  Words argv{plugin_path(), "plan", "--config", "-"};
  argv.insert(argv.end(), options.begin(), options.end());
  return run({.argv = std::move(argv),
              .input = config.dump(),
              .env = {{"PATH", "/usr/bin:/bin"}},
              .clean_env = true});
}

/// For the call that ADD of this interface would be.
Output run_plan(const PodWorld& world, const std::string& ifname, const json& config,
                const Words& more) {
  const Call call = world.make_call("ADD", ifname, config);
  Words options{"--netns", call.netns, "--ifname",    call.ifname,
                "--args",  call.args,  "--container", call.container_id};
  options.insert(options.end(), more.begin(), more.end());
  return run_plan(config, options);
}

/// What it says of one partner.
Words deeds(const json& plan, const std::string& with) {
  Words found;
  for (const json& step : plan.at("steps")) {
    if (step.at("with") == with) {
      found.push_back(step.at("what"));
    }
  }
  return found;
}

/// ADD's steps as its log has them, up to the first that failed.
Words logged_steps(const std::string& text) {
  Words steps;
  for (const LogLine& line : read_log(text)) {
    if (line.at("msg") == "step") {
      steps.push_back(line.at("step"));
      if (line.at("outcome") != "ok") {
        break;
      }
    }
  }
  return steps;
}

json with(json config, const json& patch) {
  config.merge_patch(patch);
  return config;
}

Words rail_options(int n, int host = 10) {
  return {"--ip", rail_address(n, host) + "/24"};
}

/// Plans, asserts that nothing has changed, adds, and compares. \return what was planned
json expect_same(PodWorld& world, const std::string& ifname, const json& config,
                 const Words& options) {
  const json before = snapshot_world({"pod"});
  Words asked = options;
  asked.emplace_back("--json");
  const Output output = run_plan(world, ifname, config, asked);
  INFO(output.out << output.err);
  REQUIRE(output.status == 0);
  CHECK(difference(before, snapshot_world({"pod"})) == "");
  const json plan = json::parse(output.out);
  const Words planned = deeds(plan, "kernel");
  const Answer answer = world.add(ifname, with(config, {{"logLevel", "debug"}}));
  INFO(answer);
  REQUIRE(failure(answer) == "");
  CHECK(planned == logged_steps(answer.err));
  CHECK(planned.size() >= 3);
  return plan;
}

}  // namespace

TEST_CASE("plan has the steps of ADD, of a pod's first NIC and of its second", "[plan]") {
  PodWorld world(2);
  const json first = expect_same(world, "net1", rail_config(1), rail_options(1));
  CHECK(first.at("warnings").empty());
  CHECK(deeds(first, "journal").size() == 2);
  CHECK(deeds(first, "ipam") ==
        Words{"ask host-local for addresses; taken for granted: 172.16.11.10/24 via "
              "172.16.11.254"});
  CHECK(deeds(first, "rail") ==
        Words{"ask whether somebody has 172.16.11.10: 3 requests, 10 ms each",
              "ask gateway 172.16.11.254: 5 requests, 100 ms each", "announce 172.16.11.10, 2 ×"});
  const json second = expect_same(world, "net2", rail_config(2), rail_options(2));
  CHECK(deeds(second, "kernel").size() < deeds(first, "kernel").size());
}

TEST_CASE("plan has the steps of ADD with two families", "[plan]") {
  PodWorld world(1, Overlay::calico, Families::dual);
  const Words options{"--ip", "172.16.11.10/24", "--ip", rail_address6(1) + "/64"};
  expect_same(world, "net1", rail_config_of(Families::dual, 1), options);
}

TEST_CASE("plan has the steps of ADD on the node, and of a NIC with the default route", "[plan]") {
  PodWorld world(1);
  const json config =
      with(rail_config(1), {{"hostRuleTable", 500}, {"podDefaultRouteNic", "net1"}});
  const json plan = expect_same(world, "net1", config, rail_options(1));
  const std::string text = plan.dump();
  CHECK(text.find("table 500 on the node") != std::string::npos);
  CHECK(text.find("remove route default via 169.254.1.1") != std::string::npos);
  CHECK(deeds(plan, "journal").size() == 4);
}

TEST_CASE("plan has the steps of ADD in other pods and of other NICs", "[plan]") {
  const auto [overlay, patch, options] = GENERATE(table<Overlay, json, Words>(
      {{Overlay::none, json::object(), rail_options(1)},
       {Overlay::flannel, {{"tunePodRoutes", false}}, rail_options(1)},
       {Overlay::cilium, {{"podMACPrefix", "0a:58"}, {"promisc", true}}, rail_options(1)},
       {Overlay::calico, {{"ipam", nullptr}}, {}},
       {Overlay::calico, {{"routeTable", 77}, {"conflictProbe", false}}, rail_options(1)}}));
  PodWorld world(1, overlay);
  expect_same(world, "net1", with(rail_config(1), patch), options);
}

TEST_CASE("plan takes the addresses of a static section", "[plan]") {
  PodWorld world(1);
  const json ipam{{"type", "static"},
                  {"addresses", {{{"address", "172.16.11.77/24"}, {"gateway", rail_gateway(1)}}}},
                  {"routes", {{{"dst", "10.9.0.0/16"}}}}};
  expect_same(world, "net1", rail_config_with(1, ipam), {});
}

TEST_CASE("plan foresees a VLAN, also where the kernel will refuse it", "[plan]") {
  PodWorld world(1);
  const json config = with(rail_config(1), {{"vlan", 100}, {"gatewayProbe", false}});
  Words options = rail_options(1);
  options.emplace_back("--json");
  const Output output = run_plan(world, "net1", config, options);
  REQUIRE(output.status == 0);
  Words planned = deeds(json::parse(output.out), "kernel");
  CHECK(world.changes() == "");
  const Answer answer = world.add("net1", with(config, {{"logLevel", "debug"}}));
  const Words done = logged_steps(answer.err);
  REQUIRE(planned.size() >= done.size());
  if (!answer.ok()) {  // a kernel without 8021q
    CHECK(done.back().starts_with("create VLAN 100 as "));
    planned.resize(done.size());
  }
  CHECK(planned == done);
}

TEST_CASE("plan refuses as ADD does, with the same code and words", "[plan]") {
  PodWorld world(2);
  REQUIRE(failure(world.add(2)) == "");
  world.look();
  const auto [patch, code] = GENERATE(table<json, int>({{{{"master", "nowhere"}}, 100},
                                                        {{{"mtu", 9000}}, 7},
                                                        {{{"mode", "ipvlan"}}, 7},
                                                        {{{"routeTable", 102}}, 108},
                                                        {{{"rdma", "exclusive"}}, 105},
                                                        {{{"cniVersion", "9.0.0"}}, 1}}));
  const json config = with(rail_config(1), patch);
  const Output output = run_plan(world, "net1", config, rail_options(1));
  INFO(output.out << output.err);
  CHECK(output.status == 1);
  CHECK(output.out.empty());
  const Answer answer = world.add("net1", config);
  CHECK(answer.code() == code);
  CHECK(output.err == "macvlan-rdma plan: ADD would fail with code " + std::to_string(code) + ": " +
                          answer.message() + "\n");
  CHECK(world.changes() == "");
}

TEST_CASE("plan refuses in JSON where that is asked for", "[plan]") {
  PodWorld world(1);
  const json config = with(rail_config(1), {{"master", "nowhere"}});
  Words options = rail_options(1);
  options.emplace_back("--json");
  const Output output = run_plan(world, "net1", config, options);
  CHECK(output.status == 1);
  CHECK(output.err.empty());
  const json error = json::parse(output.out).at("error");
  CHECK(error.at("code") == 100);
  expect_words(error.at("msg"), {"net1: master \"nowhere\""});
}

TEST_CASE("plan waits for no kernel, and has its words", "[plan]") {
  PodWorld world(1, Overlay::calico, Families::dual);
  const json config = with(rail_config_of(Families::dual, 1), {{"ipv6", {{"dad", "kernel"}}}});
  const Words options{"--ip", rail_address6(1) + "/64"};
  const Output output = run_plan(world, "net1", config, options);
  INFO(output.err);
  CHECK(output.status == 0);
  expect_words(output.out, {"wait for the kernel's search for duplicates (ipv6.dad \"kernel\")\n"});
}

TEST_CASE("plan of an attachment that is there says so", "[plan]") {
  PodWorld world(1);
  REQUIRE(failure(world.add(1)) == "");
  const Output same = run_plan(world, "net1", rail_config(1), rail_options(1));
  CHECK(same.status == 1);
  expect_words(same.err, {"code 101", "exists already"});
  const Output other =
      run_plan(rail_config(1), {"--netns", world.pod().netns, "--ip", "172.16.11.11/24"});
  CHECK(other.status == 1);
  expect_words(other.err, {"code 101", "an interface of this name is in the pod already"});
}

TEST_CASE("plan takes a network from the file that it is applied by", "[plan]") {
  PodWorld world(1);
  const std::string config = rail_config(1).dump();
  const std::string definition =
      "apiVersion: k8s.cni.cncf.io/v1\nkind: NetworkAttachmentDefinition\n"
      "metadata:\n  name: gpu1\nspec:\n  config: '" +
      config + "'\n";
  json list{{"cniVersion", "1.0.0"}, {"name", "gpu1-macvlan"}};
  list["plugins"] = {rail_config(1), {{"type", "portmap"}}};
  const auto plan_of = [&](const std::string& text) {
    Words argv{plugin_path(), "plan", "-c", "-", "-n", world.pod().netns};
    for (const std::string& word : rail_options(1)) {
      argv.push_back(word);
    }
    return run({.argv = argv, .input = text});
  };
  const Output plain = plan_of(config);
  CHECK(plain.status == 0);
  CHECK(plan_of(definition).out == plain.out);
  CHECK(plan_of(list.dump()).out == plain.out);
  const Output two = plan_of(definition + "---\n" + definition);
  CHECK(two.status == 2);
  expect_words(two.err, {"--config -: holds 2 networks"});
}

TEST_CASE("plan needs to know the addresses", "[plan]") {
  PodWorld world(1);
  const Output output = run_plan(world, "net1", rail_config(1), {});
  CHECK(output.status == 2);
  expect_words(output.err, {"--ip is missing", "host-local", "--ip 172.16.11.10/24", "--help"});
  const json layer2 = with(rail_config(1), {{"ipam", nullptr}});
  const Output needless = run_plan(world, "net1", layer2, rail_options(1));
  CHECK(needless.status == 2);
  expect_words(needless.err, {"--ip: ", "layer 2 only"});
  const Output refused = run_plan(world, "net1", with(rail_config(1), {{"mtu", "x"}}), {});
  CHECK(refused.status == 1);
  expect_words(refused.err, {"code 7", "mtu \"x\""});
}

TEST_CASE("plan says that a file holds no network of ours", "[plan]") {
  const PodWorld world(1);
  const auto plan_of = [&](const std::string& text) {
    return run({.argv = {plugin_path(), "plan", "-c", "-", "-n", world.pod().netns, "--ip",
                         rail_address(1) + "/24"},
                .input = text});
  };
  const auto [text, words] = GENERATE(table<std::string, Words>(
      {{R"({"cniVersion": "1.0.0", "name": "a", "plugins": [{"type": "macvlan"}]})",
        {"no network of this plugin", "type \"macvlan\""}},
       {"apiVersion: v1\nkind: Pod\n", {"no network of this plugin", "line 2", "kind \"Pod\""}},
       {"", {"no network of this plugin", "is empty"}}}));
  const Output output = plan_of(text);
  CHECK(output.status == 2);
  CHECK(output.out.empty());
  expect_words(output.err, words);
}

TEST_CASE("plan refuses a configuration as ADD does that is no JSON", "[plan]") {
  const PodWorld world(1);
  const std::string config = rail_config(1).dump();
  const std::string text =
      GENERATE_COPY(std::string("\xef\xbb\xbf") + config,
                    "cniVersion: 1.0.0\nname: a\ntype: macvlan-rdma\n" + std::string());
  const Output output = run({.argv = {plugin_path(), "plan", "-c", "-", "-n", world.pod().netns,
                                      "--ip", rail_address(1) + "/24"},
                             .input = text});
  CHECK(output.status == 1);
  expect_words(output.err, {"code 6", "not JSON"});
}

TEST_CASE("plan says that it needs root", "[plan]") {
  const PodWorld world(1);
  const std::string file = std::string(kScratchDir) + "/rail1.json";
  put_file(file, rail_config(1).dump());
  const Output output = run({.argv = {"setpriv", "--reuid=65534", "--clear-groups", plugin_path(),
                                      "plan", "-c", file, "-n", world.pod().netns}});
  CHECK(output.status == 1);
  CHECK(output.err ==
        "macvlan-rdma plan: must be run as root: it looks into the pod's network namespace\n");
}

TEST_CASE("plan refuses command lines that are none", "[plan]") {
  isolate();
  const auto [options, words] = GENERATE(table<Words, std::string>(
      {{Words(), "--netns is missing"},
       {{"--netns", "/run/netns/pod", "--ip", "172.16.11.10"}, "--ip \"172.16.11.10\""},
       {{"--netns", "/run/netns/pod", "--ip", "a/24"}, "must be an address with its length"},
       {{"--netns", "/run/netns/pod", "--gateway", "172.16.11.254"}, "goes with --ip"},
       {{"--netns", "/run/netns/pod", "--gateway", "x"}, "--gateway \"x\""},
       {{"--netns", ""}, "--netns \"\": must not be empty"},
       {{"--netns", "/x", "--ip", "10.0.0.1/24", "--gateway", "fd00::1"}, "no --ip of its family"},
       {{"--netns", "/x", "--ip", "10.0.0.1/24", "--ifname", "net/1"}, "--ifname \"net/1\""},
       {{"--netns", "/x", "--ip", "10.0.0.1/24", "--container", "-"}, "--container \"-\""},
       {{"--netns", "/x", "--ip", "10.0.0.1/24", "--args", "X"}, "--args \"X\""},
       {{"--netns", "/x", "--ip", "10.0.0.1/24", "--gateway", "10.0.0.2", "--gateway", "10.0.0.3"},
        "of the same family"}}));
  const Output output = run_plan(rail_config(1), options);
  CHECK(output.status == 2);
  CHECK(output.out.empty());
  expect_words(output.err, {"macvlan-rdma plan: ", words});
}

TEST_CASE("plan names a file that it cannot read, and output that it cannot write", "[plan]") {
  PodWorld world(1);
  const Output missing =
      run({.argv = {plugin_path(), "plan", "-c", "/nowhere/rail1.json", "-n", world.pod().netns}});
  CHECK(missing.status == 1);
  expect_words(missing.err, {"macvlan-rdma plan: /nowhere/rail1.json: No such file"});
  const Output full = run(
      {.argv = {"/bin/sh", "-c", "exec \"$0\" plan -c - -n \"$1\" --ip 172.16.11.10/24 > /dev/full",
                plugin_path(), world.pod().netns},
       .input = rail_config(1).dump()});
  CHECK(full.status == 1);
  expect_words(full.err, {"standard output", "ENOSPC"});
}

TEST_CASE("plan prints a list for people, and warnings apart", "[plan]") {
  PodWorld world(1);
  const json config = with(rail_config(1), {{"mtus", 1}, {"logFile", "/run/test/must-not-be"}});
  Words options = rail_options(1);
  options.insert(options.end(), {"--gateway", "172.16.11.253"});
  const Output output = run_plan(world, "net1", config, options);
  INFO(output.out << output.err);
  CHECK(output.status == 0);
  CHECK(output.out.starts_with(" 1  journal  write " + std::string(kStateDir) + "/"));
  CHECK(output.out.find("  kernel   add address 172.16.11.10/24 dev net1\n") != std::string::npos);
  CHECK(output.out.find("  rail     ask gateway 172.16.11.253: ") != std::string::npos);
  CHECK(output.out.ends_with("  runtime  print the result\n"));
  CHECK(output.err == "warning: mtus 1: unknown key; did you mean mtu?\n");
  CHECK_FALSE(std::filesystem::exists("/run/test/must-not-be"));
  CHECK(world.changes() == "");
}
