// SPDX-License-Identifier: Apache-2.0
// What CNI_NETNS may lead to, and what happens when it leads elsewhere.
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>

#include "support/catch.hpp"
#include "support/ipam_scripts.hpp"
#include "support/link_state.hpp"
#include "support/namespaces.hpp"
#include "support/peer_rig.hpp"
#include "support/refusal.hpp"
#include "support/routing_lines.hpp"
#include "support/world.hpp"

using namespace mvr::test;

namespace {

const std::string kPlace = std::string(kScratchDir) + "/netns";

/// A socket file without anybody behind it.
void make_socket(const std::string& path) {
  const mvr::Fd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  REQUIRE(bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
}

/// Puts something that is no network namespace at a path; returns the path.
std::string put_impostor(const std::string& kind) {
  if (kind == "file") {
    put_file(kPlace, "text");
  } else if (kind == "directory") {
    REQUIRE(mkdir(kPlace.c_str(), 0755) == 0);
  } else if (kind == "fifo") {
    REQUIRE(mkfifo(kPlace.c_str(), 0600) == 0);
  } else if (kind == "socket") {
    make_socket(kPlace);
  } else if (kind == "dangling link") {
    REQUIRE(symlink("nowhere", kPlace.c_str()) == 0);
  } else if (kind == "link to itself") {
    REQUIRE(symlink("netns", kPlace.c_str()) == 0);
  } else if (kind == "mount namespace") {
    return "/proc/self/ns/mnt";
  } else if (kind == "below a file") {
    put_file(kPlace, "text");
    return kPlace + "/net";
  } else if (kind == "too long") {
    return kPlace + "/" + std::string(5000, 'x');
  }
  return kPlace;
}

const std::initializer_list<const char*> kImpostors{
    "nothing",       "file",           "directory",       "fifo",         "socket",
    "dangling link", "link to itself", "mount namespace", "below a file", "too long"};

/// A call for the node's own namespace, with an IPAM plugin that would note being asked.
struct OwnNamespace {
  Refusals refusals = {};
  FakeIpam ipam = FakeIpam();

  OwnNamespace() {
    ipam.answer_address(rail_address(1) + "/24", rail_gateway(1));
    refusals.look_again();
  }

  [[nodiscard]] Call call(const std::string& verb, const std::string& ifname) const {
    Call call = refusals.call();
    call.verb = verb;
    call.netns = "/proc/self/ns/net";
    call.ifname = ifname;
    call.config["ipam"] = ipam.section();
    call.cni_path = ipam.dir();
    return call;
  }
};

}  // namespace

TEST_CASE("ADD needs a network namespace, and says which path is none", "[protocol][netns-path]") {
  Refusals refusals;
  const auto kind = GENERATE(from_range(kImpostors));
  Call call = refusals.call();
  call.netns = put_impostor(kind);
  refusals.look_again();
  refusals.expect_call(call, 8, {"netns " + call.netns.substr(0, 200)});
}

TEST_CASE("DEL takes a path that is no network namespace for gone", "[protocol][netns-path]") {
  Scenario scenario({.rails = 1});
  const auto kind = GENERATE(from_range(kImpostors));
  const Pod pod = scenario.add_pod("pod");
  const json before = snapshot_world({});
  Runtime runtime(pod);
  REQUIRE(runtime.add(1).ok());
  remove_netns("pod");
  Call call = runtime.call("DEL", "net1");
  call.netns = put_impostor(kind);
  const Answer answer = run_plugin(call);
  INFO(kind << "\n" << answer);
  CHECK(answer.ok());
  CHECK(answer.out.empty());
  CHECK(snapshot_leases() == before.at("leases"));
  CHECK(snapshot_files(std::string(kStateDir)) == before.at("state"));
}

TEST_CASE("a path of more than one file leads to the same refusal", "[protocol][netns-path]") {
  Refusals refusals;
  Call call = refusals.call();
  call.netns = "relative/path";
  refusals.expect_call(call, 8, {"netns relative/path"});
}

TEST_CASE("the plugin's own namespace is refused before anything is touched", "[protocol]") {
  OwnNamespace own;
  const std::string verb = GENERATE(as<std::string>{}, "ADD", "DEL", "CHECK");
  // A DEL of this name, taken at its word, would cut the node off.
  Call call = own.call(verb, kNodeNic);
  if (verb == "CHECK") {
    call.config["prevResult"] = {{"cniVersion", "1.0.0"},
                                 {"interfaces", {{{"name", kNodeNic}, {"sandbox", call.netns}}}}};
  }
  own.refusals.expect_call(call, 8, {"netns from CNI_NETNS", call.netns, "should not be the same"});
  CHECK(own.ipam.calls().empty());
}

TEST_CASE("the plugin's own namespace is known under any path", "[protocol]") {
  OwnNamespace own;
  Call call = own.call("ADD", "net1");
  SECTION("a link to it") {
    call.netns = kPlace;
    REQUIRE(symlink("/proc/self/ns/net", kPlace.c_str()) == 0);
  }
  SECTION("the process that runs the test") {
    call.netns = "/proc/" + std::to_string(getpid()) + "/ns/net";
  }
  SECTION("a named namespace") {
    put_file("/run/netns/node", "");
    ip({"netns", "attach", "own", std::to_string(getpid())});
    call.netns = "/run/netns/own";
  }
  own.refusals.expect_call(call, 8, {call.netns});
  CHECK(own.ipam.calls().empty());
}

TEST_CASE("CNI_NETNS_OVERRIDE allows the own namespace", "[protocol]") {
  OwnNamespace own;
  const auto value = GENERATE("1", "true", "TRUE");
  Call call = own.call("ADD", "net1");
  call.env = {{"CNI_NETNS_OVERRIDE", value}};
  const Answer added = run_plugin(call);
  INFO(added);
  REQUIRE(added.ok());
  CHECK(lies_on(read_link("", "net1"), rail_master(1)) == false);  // "link" in its own namespace
  CHECK(read_link("", "net1").value("link", "") == rail_master(1));
  CHECK(addresses("", "net1") == Lines{rail_address(1) + "/24"});
  call.verb = "DEL";
  CHECK(run_plugin(call).ok());
  own.refusals.expect_unchanged();
}

TEST_CASE("other values of CNI_NETNS_OVERRIDE allow nothing", "[protocol]") {
  OwnNamespace own;
  const auto value = GENERATE("", "0", "yes", "false");
  Call call = own.call("ADD", "net1");
  call.env = {{"CNI_NETNS_OVERRIDE", value}};
  own.refusals.expect_call(call, 8, {"should not be the same"});
}
