// SPDX-License-Identifier: Apache-2.0
/// \file
/// As little as possible is reachable from outside: capabilities, the IPAM plugin's environment.
#include "support/catch.hpp"
#include "support/ipam_scripts.hpp"
#include "support/refusal.hpp"
#include "support/routing_world.hpp"
#include "support/shell.hpp"

using namespace mvr::test;

namespace {

/// A line of /proc/PID/status as a number.
std::uint64_t read_set(const std::string& status, const std::string& name) {
  const auto at = status.find(name + ":\t");
  REQUIRE(at != std::string::npos);
  return std::stoull(status.substr(at + name.size() + 2), nullptr, 16);
}

constexpr std::uint64_t bit(unsigned capability) {
  return std::uint64_t{1} << capability;
}

/// CAP_DAC_OVERRIDE, CAP_KILL, CAP_NET_ADMIN, CAP_NET_RAW, CAP_SYS_PTRACE, CAP_SYS_ADMIN.
/// \source linux/capability.h
constexpr std::uint64_t kNeeded = bit(1) | bit(5) | bit(12) | bit(13) | bit(19) | bit(21);

}  // namespace

TEST_CASE("a plugin without the rights to make a NIC says so and begins nothing", "[exposure]") {
  PodWorld world(1);
  for (const auto& [set, name] :
       {std::pair("-net_admin", "CAP_NET_ADMIN"), std::pair("-sys_admin", "CAP_SYS_ADMIN")}) {
    for (const std::string verb : {"ADD", "DEL", "STATUS"}) {
      Command command = make_command(world.make_call(verb, "net1", rail_config(1)));
      command.argv.insert(command.argv.begin(),
                          {"setpriv", "--bounding-set", set, "--inh-caps", set});
      const Answer answer = make_answer(run(command));
      INFO(verb << ": " << answer);
      CHECK(answer.code() == 50);
      CHECK(answer.message().find(name) != std::string::npos);
      CHECK(answer.body.at("cniVersion") == "1.0.0");  // as the configuration has it
    }
  }
  CHECK(world.changes() == "");
}

TEST_CASE("the plugin drops the capabilities that it does not need, and IPAM has them all",
          "[exposure]") {
  PodWorld world(1);
  const FakeIpam ipam;
  ipam.script("ADD",
              "cat /proc/$PPID/status > \"$0.plugin\"\n"
              "cat /proc/self/status > \"$0.ipam\"\n"
              "echo '{\"cniVersion\":\"1.0.0\",\"ips\":[{\"address\":\"172.16.11.10/24\"}]}'\n");
  world.use(ipam);
  REQUIRE(failure(world.add(1, {{"ipam", {{"type", "fake"}, {"ranges", nullptr}}}})) == "");
  const auto read = [&](const std::string& whose) {
    return mvr::read_file(ipam.dir() + "/fake." + whose, 65536).value_or("");
  };
  const std::string own = mvr::read_file("/proc/self/status", 65536).value_or("");
  const std::string plugin = read("plugin");
  CHECK(read_set(plugin, "CapEff") == (read_set(own, "CapEff") & kNeeded));
  CHECK(read_set(plugin, "CapPrm") == read_set(own, "CapPrm"));
  CHECK(read_set(read("ipam"), "CapEff") == read_set(own, "CapEff"));
  CHECK(failure(world.del(1)) == "");
  CHECK(world.changes() == "");
}
