// SPDX-License-Identifier: Apache-2.0
/// \file
/// `macvlan-rdma generate` as it is typed: where it reads from, where it writes to.
#include <filesystem>

#include "support/catch.hpp"
#include "support/machine.hpp"
#include "support/plugin.hpp"
#include "support/refusal.hpp"

using namespace mvr::test;

namespace {

const std::string kRails = MVR_SOURCE_DIR "/conf/rails.yaml";

Output generate(std::vector<std::string> options) {
  options.insert(options.begin(), {plugin_path(), "generate"});
  return run({.argv = std::move(options)});
}

std::string inventory_of(const Machine& machine, const std::string& node) {
  const Output output = generate({"--sysfs", machine.sysfs(), "--inventory"});
  REQUIRE(output.status == 0);
  json inventory = json::parse(output.out);
  inventory["node"] = node;
  return inventory.dump();
}

}  // namespace

TEST_CASE("generate prints one stream, and says what is still open", "[generate]") {
  const Machine machine = Machine::read("four-switches");
  const Output open = generate({"--sysfs", machine.sysfs()});
  CHECK(open.status == 0);
  expect_words(open.out, {"# Node", "kind: NetworkAttachmentDefinition", "gpu8-macvlan",
                          "kind: ConfigMap", "kind: Pod", "CHANGE-ME-subnet-of-rail-1"});
  expect_words(open.err, {"without --rails", "CHANGE-ME"});
  const Output done = generate({"--sysfs", machine.sysfs(), "--rails", kRails, "-n", "training",
                                "--resource-prefix", "example.com"});
  CHECK(done.status == 0);
  CHECK(done.err.empty());
  expect_words(done.out,
               {"172.16.18.0/24", "training/gpu8-macvlan", "example.com/shared_cx6_gpu8"});
  CHECK(done.out.find("CHANGE-ME") == std::string::npos);
}

TEST_CASE("generate writes files, and none that somebody has changed", "[generate]") {
  const Machine machine = Machine::read("eight-switches");
  const ScratchDir scratch;
  const std::vector<std::string> options{"--sysfs", machine.sysfs(), "--rails",
                                         kRails,    "--output",      scratch.file("out")};
  const Output output = generate(options);
  INFO(output.err);
  REQUIRE(output.status == 0);
  const std::string network = scratch.file("out/networks/gpu1-macvlan.yaml");
  CHECK(output.out.starts_with(network + '\n'));
  CHECK(output.out.ends_with(scratch.file("out/pod.yaml") + '\n'));
  expect_words(output.err, {"8 GPUs, 8 rails", "left out: eno3"});
  CHECK(read_text(network).find("\"master\": \"enp24s0np0\"") != std::string::npos);
  CHECK(std::filesystem::exists(scratch.file("out/device-plugin/configmap.yaml")));
  CHECK(generate(options).status == 0);
  write_text(network, "changed\n");
  const Output refused = generate(options);
  CHECK(refused.status == 1);
  expect_words(refused.err, {network, "is there with other content"});
  CHECK(read_text(network) == "changed\n");
}

TEST_CASE("generate writes all files or none", "[generate]") {
  const Machine machine = Machine::read("eight-switches");
  const ScratchDir scratch;
  const std::string pod = scratch.file("out/pod.yaml");  // the last one
  std::filesystem::create_directory(scratch.file("out"));
  write_text(pod, "changed\n");
  const Output refused =
      generate({"--sysfs", machine.sysfs(), "--rails", kRails, "--output", scratch.file("out")});
  CHECK(refused.status == 1);
  CHECK(refused.out.empty());
  expect_words(refused.err, {pod, "is there with other content"});
  CHECK_FALSE(std::filesystem::exists(scratch.file("out/networks")));
}

TEST_CASE("generate carries inventories from node to node", "[generate]") {
  const ScratchDir scratch;
  write_text(scratch.file("a"), inventory_of(Machine::read("superchip"), "node-a"));
  write_text(scratch.file("b"), inventory_of(Machine::read("virtual-functions"), "node-b"));
  const Output output = generate({"--from-nodes", scratch.file("a"), scratch.file("b")});
  INFO(output.err);
  CHECK(output.status == 0);
  expect_words(output.out, {"# Node node-a: 1 GPU, 1 rail", "# Nodes differ: rails: 1 on node-a; 2",
                            R"("master": ["enp1s0np0", "ens1np0"])", "shared_rdma_gpu1"});
  write_text(scratch.file("c"), "{}");
  const Output refused = generate({"--from-nodes", scratch.file("a"), scratch.file("c")});
  CHECK(refused.status == 1);
  expect_words(refused.err, {scratch.file("c"), "no inventory"});
}

TEST_CASE("generate refuses two inventories of one node", "[generate]") {
  const ScratchDir scratch;
  write_text(scratch.file("a"), inventory_of(Machine::read("superchip"), "gpu-01"));
  write_text(scratch.file("b"), inventory_of(Machine::read("virtual-functions"), "gpu-02"));
  write_text(scratch.file("c"), inventory_of(Machine::read("superchip"), "gpu-01"));
  const Output output =
      generate({"--from-nodes", scratch.file("a"), scratch.file("b"), scratch.file("c")});
  CHECK(output.status == 1);
  CHECK(output.out.empty());
  expect_words(output.err, {scratch.file("c") + " is of node \"gpu-01\"", scratch.file("a")});
}

TEST_CASE("generate reads an inventory from standard input", "[generate]") {
  const std::string inventory = inventory_of(Machine::read("superchip"), "gpu-01");
  const Output output =
      run({.argv = {plugin_path(), "generate", "--from-nodes", "-"}, .input = inventory});
  CHECK(output.status == 0);
  expect_words(output.out, {"# Node gpu-01: 1 GPU, 1 rail"});
  const Output broken =
      run({.argv = {plugin_path(), "generate", "--from-nodes", "-"}, .input = "x"});
  CHECK(broken.status == 1);
  expect_words(broken.err, {"macvlan-rdma generate: standard input: "});
}

TEST_CASE("generate calls a copy's node by its directory, or as it is told", "[generate]") {
  const Machine machine = Machine::read("superchip");
  const ScratchDir scratch;
  const auto name_of = [](const std::vector<std::string>& options) {
    std::vector<std::string> all{"--inventory", "--sysfs"};
    all.insert(all.end(), options.begin(), options.end());
    const Output output = generate(all);
    INFO(output.err);
    REQUIRE(output.status == 0);
    return json::parse(output.out)["node"].get<std::string>();
  };
  const std::string copy = scratch.file("gpu-07/sys");
  std::filesystem::create_directories(scratch.file("gpu-07"));
  std::filesystem::copy(
      machine.sysfs(), copy,
      std::filesystem::copy_options::recursive | std::filesystem::copy_options::copy_symlinks);
  CHECK(name_of({copy}) == "gpu-07");
  CHECK(name_of({copy + "/"}) == "gpu-07");
  CHECK(name_of({copy + "/../../gpu-07/sys/."}) == "gpu-07");
  CHECK(name_of({copy, "--node", "gpu-08"}) == "gpu-08");
  std::filesystem::rename(copy, scratch.file("sysA"));
  CHECK(name_of({scratch.file("sysA")}) == "sysA");
}

TEST_CASE("generate refuses what it does not understand", "[generate]") {
  const Machine machine = Machine::read("superchip");
  const auto [options, status, words] = GENERATE(table<std::vector<std::string>, int, std::string>(
      {{{"file"}, 2, "files are for --from-nodes"},
       {{"--from-nodes"}, 2, "needs files"},
       {{"--from-nodes", "-i", "x"}, 2, "no --inventory"},
       {{"--from-nodes", "--node", "a", "x"}, 2, "no --node"},
       {{"--inventory", "--output", "x"}, 2, "no --output"},
       {{"--inventory", "--rails", "x"}, 2, "no --rails"},
       {{"--node", ""}, 2, "--node \"\": must not be empty"},
       {{"--output", ""}, 2, "--output \"\": must not be empty"},
       {{"--rails", "/nowhere"}, 1, "--rails: open /nowhere: No such file"},
       {{"--rails", "/etc/hostname"}, 1, "--rails /etc/hostname: line 1: must have keys"},
       {{"--exclude", "eth9"}, 1, "--exclude eth9: there is no such NIC"},
       {{"--exclude", "enp1s0np0", "--exclude", "enP2p1s0f0np0"}, 1, "there is no NIC for a rail"},
       {{"--namespace", "A"}, 1, "--namespace \"A\""},
       {{"--resource-prefix", "a..b"}, 1, "--resource-prefix \"a..b\""},
       {{"--output", "/nowhere/out"}, 1, "make /nowhere/out: No such file"},
       {{"--sysfs", "/nowhere"}, 1, "--sysfs /nowhere"}}));
  std::vector<std::string> all = options;
  if (status == 1 && options[0] != "--sysfs") {
    all.insert(all.end(), {"--sysfs", machine.sysfs()});
  }
  const Output output = generate(all);
  INFO(output.err);
  CHECK(output.status == status);
  CHECK(output.out.empty());
  expect_words(output.err, {"macvlan-rdma generate: ", words});
}
