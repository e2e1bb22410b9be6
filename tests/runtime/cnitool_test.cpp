// SPDX-License-Identifier: Apache-2.0
/// \file
/// Under libcni by the program that people try networks with, cnitool.
#include <filesystem>

#include "mvr/base/fd.hpp"
#include "runtime/cni_host.hpp"
#include "support/catch.hpp"
#include "support/link_state.hpp"
#include "support/routing_lines.hpp"

using namespace mvr::test;

namespace {

namespace fs = std::filesystem;

void require_cnitool() {
  if (!fs::exists(MVR_CNITOOL)) {
    skip("cnitool needs golang-go and golang-github-appc-cni-dev to be built");
  }
}

/// A rail, a pod, and cnitool.
struct World {
  World() {
    require_cnitool();
    pod = host.scenario.add_pod("pod");
    before = snapshot_world({"pod"});
  }

  /// As net1, unless the environment has another name.
  [[nodiscard]] Output cnitool(const std::string& verb,
                               const std::map<std::string, std::string>& env = {}) const {
    Command command{.argv = {MVR_CNITOOL, verb, "rail1", pod.netns}, .env = env};
    command.env.emplace("CNI_PATH", CniHost::plugin_dir());
    command.env.emplace("CNI_IFNAME", "net1");
    return run(command);
  }

  [[nodiscard]] std::string changes() const { return difference(before, snapshot_world({"pod"})); }

  CniHost host{1};
  Pod pod = {};
  json before = {};
};

void check_ran(const Output& output) {
  INFO(output.out << output.err);
  CHECK(output.status == 0);
}

/// "ADDRESS via GATEWAY" of each address in a result.
Lines addresses_in(const Output& added) {
  INFO(added.out << added.err);
  REQUIRE(added.status == 0);
  const json parsed = json::parse(added.out);
  Lines result;
  for (const json& ip : parsed.at("ips")) {
    result.push_back(ip.at("address").get<std::string>() + " via " +
                     ip.at("gateway").get<std::string>());
  }
  return result;
}

/// The shell blocks of a section of the README, one after the other, with a line between them.
std::string commands_of(const std::string& section) {
  const auto readme = mvr::read_file(MVR_SOURCE_DIR "/README.md", std::size_t{1} << 20).value();
  const auto begin = readme.find("\n## " + section + '\n');
  REQUIRE(begin != std::string::npos);
  const std::string text = readme.substr(begin, readme.find("\n## ", begin + 1) - begin);
  const std::string open = "```sh\n";
  std::string result;
  for (auto at = text.find(open); at != std::string::npos; at = text.find(open, at)) {
    at += open.size();
    result += text.substr(at, text.find("```", at) - at) + "echo ----\n";
  }
  return result;
}

/// What the section's output is between two of those lines.
Lines outputs_of(std::string text) {
  const std::string line = "----\n";
  Lines result;
  for (auto end = text.find(line); end != std::string::npos; end = text.find(line)) {
    result.push_back(text.substr(0, end));
    text.erase(0, end + line.size());
  }
  return result;
}

/// The README's commands in a folder like the source tree, with a release and cnitool at hand.
Output follow_readme(const std::string& section) {
  const fs::path dir = fs::path(kScratchDir) / "readme";
  fs::create_directories(dir / "build/release");
  fs::create_symlink(plugin_path(), dir / "build/release/macvlan-rdma");
  fs::create_directory_symlink(MVR_SOURCE_DIR "/conf", dir / "conf");
  const std::string tools = fs::path(MVR_CNITOOL).parent_path();
  return run({.argv = {"env", "--chdir", dir, "sh"},
              .input = commands_of(section),
              .env = {{"PATH", tools + ":/usr/sbin:/usr/bin:/sbin:/bin"}}});
}

}  // namespace

TEST_CASE("cnitool: add, check and del of the example network", "[cnitool]") {
  World world;
  const std::map<std::string, std::string> env{{"NETCONFPATH", MVR_SOURCE_DIR "/conf/cnitool"},
                                               {"CNI_IFNAME", "net1"}};
  CHECK(addresses_in(world.cnitool("add", env)) == Lines{"172.16.11.1/24 via 172.16.11.254"});
  CHECK(addresses("pod", "net1") == Lines{"172.16.11.1/24"});
  check_reaches_gateway("pod", 1, "172.16.11.1");
  check_ran(world.cnitool("check", env));
  check_ran(world.cnitool("del", env));
  check_ran(world.cnitool("del", env));
  CHECK(world.changes().empty());
  CHECK(outline(CniHost::calls()) == Lines{"ADD net1", "CHECK net1", "DEL net1", "DEL net1"});
}

TEST_CASE("cnitool: every version of the protocol that its library knows", "[cnitool]") {
  World world;
  for (const std::string version : {"0.3.0", "0.3.1", "0.4.0", "1.0.0"}) {
    INFO(version);
    CniHost::put_network(1, {{"cniVersion", version}});
    CHECK(addresses_in(world.cnitool("add")).size() == 1);
    const Output checked = world.cnitool("check");
    INFO(checked.err);
    CHECK((checked.status == 0) == (version >= "0.4.0"));
    check_ran(world.cnitool("del"));
    CHECK(world.changes().empty());
  }
}

TEST_CASE("cnitool: capabilities and arguments", "[cnitool]") {
  World world;
  CniHost::put_network(1, {{"capabilities", {{"mac", true}, {"ips", true}}}});
  const std::map<std::string, std::string> env{
      {"CAP_ARGS", R"({"mac": "02:00:5e:10:00:77", "ips": ["172.16.11.77/24"]})"},
      {"CNI_ARGS", "IgnoreUnknown=1;TEAM=vision;MAC=02:00:5e:10:00:01"},
      {"CNI_IFNAME", "ib0"}};
  CHECK(addresses_in(world.cnitool("add", env)) == Lines{"172.16.11.77/24 via 172.16.11.254"});
  CHECK(ip_json("pod", {"link", "show", "dev", "ib0"}).at(0).at("address") == "02:00:5e:10:00:77");
  check_ran(world.cnitool("check", env));
  check_ran(world.cnitool("del", env));
  CHECK(world.changes().empty());
}

TEST_CASE("cnitool: what is wrong is said where people see it", "[cnitool]") {
  World world;
  CniHost::put_network(1);
  check_ran(world.cnitool("add"));

  SECTION("a second ADD") {
    const Output again = world.cnitool("add");
    CHECK(again.status != 0);
    CHECK(names(again.err, {"net1", "exists"}));
    check_reaches_gateway("pod", 1, "172.16.11.10");
  }
  SECTION("a route is missing") {
    ip({"-n", "pod", "route", "del", "default", "table", "101"});
    const Output checked = world.cnitool("check");
    CHECK(checked.status != 0);
    CHECK(names(checked.err, {"net1", "default", "table 101"}));
  }
  check_ran(world.cnitool("del"));
  CHECK(world.changes().empty());
}

TEST_CASE("the README's session by hand does what the README says", "[cnitool]") {
  require_cnitool();
  const CniHost host(1);
  const Output session = follow_readme("By hand");
  INFO(session.out << session.err);
  const Lines outputs = outputs_of(session.out);
  REQUIRE(outputs.size() == 3);
  CHECK(names(outputs[0], {R"("cniVersion": "1.0.0")", "inet 172.16.11.1/24"}));
  const json refusal = json::parse(outputs[1]);
  CHECK(refusal.at("code") == 104);
  CHECK(names(refusal.at("msg"), {"net1: gateway 172.16.11.254 does not answer"}));
  CHECK(names(outputs[2], {"\"address\": \"172.16.11.", "\"gateway\": \"172.16.11.254\""}));

  ip({"netns", "del", "pod"});
  ip({"link", "del", "rail1"});
  CHECK(host.changes().empty());
}
