// SPDX-License-Identifier: Apache-2.0
/// \file
/// Under containerd: as `ctr run --cni` uses the plugin, and as kubelet does by CRI.
#include "runtime/containerd.hpp"

#include <signal.h>
#include <sys/mount.h>

#include <filesystem>

#include "support/catch.hpp"
#include "support/link_state.hpp"
#include "support/routing_lines.hpp"

using namespace mvr::test;

namespace {

/// Rail 1 as the cluster's only network, and containerd.
struct World {
  explicit World(const json& patch = json::object()) : containerd(make(patch)) {}

  CniHost host{1};
  Containerd containerd;

 private:
  const CniHost& make(const json& patch) {
    CniHost::put_network(1, patch);
    return host;
  }
};

/// The arguments of a call without the runtime's, which come in no order.
Lines arguments_of(const SeenCall& call) {
  Lines result;
  std::string text = call.env.at("CNI_ARGS") + ';';
  for (std::size_t end = 0; (end = text.find(';')) != std::string::npos; text.erase(0, end + 1)) {
    result.push_back(text.substr(0, end));
  }
  return sorted(result);
}

}  // namespace

TEST_CASE("containerd: ctr run --cni", "[containerd]") {
  World world;
  const Output output =
      world.containerd.ctr({"run", "--rm", "--cni", "--snapshotter", "native", "--runc-binary",
                            Containerd::runtime(), CniHost::kImage, "trainer", "/bin/true"});
  INFO(output.err);
  CHECK(output.status == 0);
  const auto calls = CniHost::calls();
  REQUIRE(outline(calls) == Lines{"ADD eth0", "DEL eth0"});
  CHECK(calls[0].env.at("CNI_CONTAINERID") == "k8s.io-trainer");
  // ctr names the namespace by a process that has ended: the kernel removes it in its own time.
  CHECK(eventually([&] { return world.host.changes().empty(); }));
}

TEST_CASE("containerd: a sandbox from its start to its removal", "[containerd]") {
  World world;
  const std::string id = world.containerd.run_pod("trainer-0");
  const std::string netns = world.containerd.netns(id);
  CHECK(world.containerd.status(id).at("network").at("ip") == "172.16.11.10");
  CHECK(addresses(netns, "eth0") == Lines{"172.16.11.10/24"});
  check_reaches_gateway(netns, 1, "172.16.11.10");
  const auto added = CniHost::calls();
  REQUIRE(outline(added) == Lines{"ADD eth0"});
  CHECK(added[0].env.at("CNI_CONTAINERID") == id);
  CHECK(arguments_of(added[0]) == Lines{"IgnoreUnknown=1", "K8S_POD_INFRA_CONTAINER_ID=" + id,
                                        "K8S_POD_NAME=trainer-0", "K8S_POD_NAMESPACE=training",
                                        "K8S_POD_UID=0b7c3f5e-6a1d-4a57-9d0c-2f1f6f0b9a11"});

  CHECK(world.containerd.stop_sandbox(id).ok());
  CHECK(world.host.changes().empty());
  CHECK(world.containerd.stop_sandbox(id).ok());
  CHECK(world.containerd.remove_sandbox(id).ok());
  CHECK(world.host.changes().empty());
}

TEST_CASE("containerd: the second DEL of a sandbox has no namespace and no result",
          "[containerd]") {
  World world;
  const std::string id = world.containerd.run_pod("trainer-0");
  CniHost::calls();
  REQUIRE(world.containerd.stop_sandbox(id).ok());
  REQUIRE(world.containerd.stop_sandbox(id).ok());
  const auto calls = CniHost::calls();
  REQUIRE(outline(calls) == Lines{"DEL eth0", "DEL eth0"});
  CHECK(calls[0].input.contains("prevResult"));
  CHECK_FALSE(calls[0].env.at("CNI_NETNS").empty());
  CHECK_FALSE(calls[1].input.contains("prevResult"));
  CHECK(calls[1].env.at("CNI_NETNS").empty());
  CHECK(world.host.changes().empty());
}

TEST_CASE("containerd: a sandbox whose gateway is silent is refused with the plugin's words",
          "[containerd]") {
  World world;
  Scenario::silence_gateway(1);
  const auto reply = world.containerd.run_sandbox("trainer-0");
  INFO(reply);
  CHECK(names(reply.refusal, {"eth0: gateway 172.16.11.254 does not answer"}));
  CHECK(outline(CniHost::calls()) == Lines{"ADD eth0", "DEL eth0"});
  CHECK(world.host.changes().empty());

  Scenario::wake_gateway(1);
  const auto again = world.containerd.run_sandbox("trainer-0", json::object(), 1);
  INFO(again);
  REQUIRE(again.ok());
  CHECK(world.containerd.stop_sandbox(again.body.at("pod_sandbox_id")).ok());
  CHECK(world.host.changes().empty());
}

TEST_CASE("containerd: the shim of a sandbox is killed", "[containerd]") {
  World world;
  const std::string id = world.containerd.run_pod("trainer-0");
  const pid_t shim = Containerd::shim();
  REQUIRE(shim > 0);
  REQUIRE(kill(shim, SIGKILL) == 0);
  CHECK(eventually([] { return Containerd::shim() == -1; }));
  CHECK(eventually([&] { return world.containerd.stop_sandbox(id).ok(); }));
  CHECK(world.containerd.remove_sandbox(id).ok());
  CHECK(world.host.changes().empty());
}

TEST_CASE("containerd: the daemon is restarted between ADD and DEL", "[containerd]") {
  World world;
  const std::string id = world.containerd.run_pod("trainer-0");
  const std::string netns = world.containerd.netns(id);
  world.containerd.stop();
  check_reaches_gateway(netns, 1, "172.16.11.10");
  world.containerd.start();
  CHECK(world.containerd.netns(id) == netns);
  CHECK(world.containerd.stop_sandbox(id).ok());
  CHECK(world.containerd.remove_sandbox(id).ok());
  CHECK(world.host.changes().empty());
}

TEST_CASE("containerd: the namespace of a sandbox is gone before its DEL", "[containerd]") {
  World world;
  for (const bool is_a_file : {true, false}) {
    INFO("a plain file is left: " << is_a_file);
    const std::string id = world.containerd.run_pod(is_a_file ? "trainer-0" : "trainer-1");
    const std::string path = netns_path(world.containerd.netns(id));
    REQUIRE(kill(Containerd::shim(), SIGKILL) == 0);
    REQUIRE(umount2(path.c_str(), MNT_DETACH) == 0);
    if (!is_a_file) {
      std::filesystem::remove(path);
    }
    CHECK(eventually([&] { return world.containerd.stop_sandbox(id).ok(); }));
    CHECK(world.containerd.remove_sandbox(id).ok());
    CHECK(world.host.changes().empty());
  }
}

TEST_CASE("containerd: a pod's annotations come as a capability", "[containerd]") {
  constexpr const char* kCapability = "io.kubernetes.cri.pod-annotations";
  World world(json{{"capabilities", {{kCapability, true}}}});
  const auto reply = world.containerd.run_sandbox("trainer-0", {{"team", "vision <&>"}});
  INFO(reply);
  REQUIRE(reply.ok());
  const auto calls = CniHost::calls();
  REQUIRE(outline(calls) == Lines{"ADD eth0"});
  CHECK(calls[0].input.at("runtimeConfig").at(kCapability) == json{{"team", "vision <&>"}});
  CHECK(world.containerd.stop_sandbox(reply.body.at("pod_sandbox_id")).ok());
  CHECK(world.host.changes().empty());
}

TEST_CASE("containerd: the networks of a pod are attached at the same time", "[containerd]") {
  CniHost host(4);
  for (int n = 1; n <= 4; ++n) {
    CniHost::put_network(n);
  }
  const Containerd containerd(host, 4);
  const std::string id = containerd.run_pod("trainer-0");
  const std::string netns = containerd.netns(id);
  for (int n = 1; n <= 4; ++n) {
    INFO("rail " << n);
    CHECK(addresses(netns, "eth" + std::to_string(n - 1)) == Lines{rail_address(n) + "/24"});
    check_reaches_gateway(netns, n, rail_address(n));
  }
  CHECK(outline(CniHost::calls()).size() == 4);
  CHECK(containerd.stop_sandbox(id).ok());
  CHECK(containerd.remove_sandbox(id).ok());
  CHECK(host.changes().empty());
}

// Its library finds out after ADD, and not by VERSION before.
TEST_CASE("containerd: one that knows no CNI 1.1.0 undoes what it cannot read", "[containerd]") {
  World world(json{{"cniVersion", "1.1.0"}});
  const auto reply = world.containerd.run_sandbox("trainer-0");
  INFO(reply);
  if (reply.ok()) {
    CHECK(world.containerd.stop_sandbox(reply.body.at("pod_sandbox_id")).ok());
  } else {
    CHECK(names(reply.refusal, {"unsupported CNI result version", "1.1.0"}));
  }
  CHECK(outline(CniHost::calls()) == Lines{"ADD eth0", "DEL eth0"});
  CHECK(world.host.changes().empty());
}
