// SPDX-License-Identifier: Apache-2.0
/// \file
/// Exclusive mode: who has a device keeps it while his pod lives, is named to those who ask for it,
/// and gives it back when he fails, dies or is forgotten.
#include <fcntl.h>

#include <chrono>
#include <csignal>
#include <optional>

#include "mvr/base/fd.hpp"
#include "support/capture.hpp"
#include "support/catch.hpp"
#include "support/ipam_scripts.hpp"
#include "support/link_wanted.hpp"
#include "support/refusal.hpp"
#include "support/shell.hpp"
#include "vm/support/exclusive_world.hpp"

using namespace mvr::test;
using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

namespace {

constexpr int kBusy = 106;

const json kExclusive{{"rdma", "exclusive"}};
const json kAuto = json::object();
const json kNamed{{"rdma", {{"mode", "auto"}, {"device", "rxe1"}}}};

/// ADD for this pod is refused with these words.
void expect_busy(ExclusiveWorld& world, const std::string& pod, const json& patch,
                 const std::vector<std::string>& words) {
  const Answer answer = world.runtime(pod).add(1, patch);
  INFO(answer);
  expect_error(answer, kBusy);
  expect_words(answer.message(), words);
}

/// The device of a pod that ends, which the kernel does not return at once, goes to the next one.
void await_device(ExclusiveWorld& world, const std::string& dead, const std::string& next) {
  // No process is in the namespace, but it does not end as long as this is open.
  mvr::Fd netns(open(world.pod(dead).netns.c_str(), O_RDONLY | O_CLOEXEC));
  REQUIRE(netns);
  world.remove_pod(dead);
  const auto start = Clock::now();
  expect_busy(world, next, kExclusive, {rail_master(1), "has not come back"});
  CHECK(Clock::now() - start > milliseconds(2000));
  Process add(make_command(world.runtime(next).call("ADD", "net1", rail_config(1))));
  const timespec a_moment{0, 300'000'000};
  nanosleep(&a_moment, nullptr);
  netns = mvr::Fd();
  succeed(make_answer(add.wait()));
}

/// Rail 1 with a gateway probe that takes long enough to do something meanwhile.
json patient_config() {
  json config = rail_config(1);
  config["gatewayProbe"] = {{"attempts", 10}, {"interval", "10s"}};
  return config;
}

/// ADD that waits for its IPAM plugin for ever.
class PendingAdd {
 public:
  explicit PendingAdd(const Runtime& runtime) : process_(start(runtime, ipam_)) {
    REQUIRE(eventually([this] { return !ipam_.calls().empty(); }));
  }

  Answer interrupt() {
    process_.signal(SIGTERM);
    return make_answer(process_.wait());
  }

 private:
  static Process start(const Runtime& runtime, const FakeIpam& ipam) {
    ipam.hang();
    return Process(make_command(add_call(runtime, ipam)));
  }

  FakeIpam ipam_;
  Process process_;
};

/// Both want the device at the same time. Then the one goes while the other comes: too early, or
/// with the device, never without it.
void race(const Runtime& pod, const Runtime& other) {
  Process one(make_command(pod.call("ADD", "net1", rail_config(1))));
  Process two(make_command(other.call("ADD", "net1", rail_config(1))));
  const Answer first = make_answer(one.wait());
  const Answer second = make_answer(two.wait());
  INFO(first << '\n' << second);
  REQUIRE(first.ok() != second.ok());
  CHECK((first.ok() ? second : first).code() == kBusy);
  check_device_in(first.ok() ? "pod" : "other");

  const Runtime& winner = first.ok() ? pod : other;
  const Runtime& loser = first.ok() ? other : pod;
  Process leaving(make_command(winner.call("DEL", "net1", rail_config(1))));
  const Answer coming = run_plugin(loser.call("ADD", "net1", rail_config(1)));
  succeed(make_answer(leaving.wait()));
  INFO(coming);
  if (coming.ok()) {
    check_device_in(first.ok() ? "other" : "pod");
  } else {
    CHECK(coming.code() == kBusy);
  }
  succeed(run_plugin(loser.call("DEL", "net1", rail_config(1))));
}

Answer collect(const json& valid) {
  json config = rail_config(1);
  config["cniVersion"] = "1.1.0";
  config["cni.dev/valid-attachments"] = valid;
  return run_plugin(
      {.verb = "GC", .container_id = "", .netns = "", .ifname = "", .config = config});
}

}  // namespace

TEST_CASE("a device is refused to others while its holder lives, and awaited then", "[holders]") {
  ExclusiveWorld world({"pod", "other", "third"});
  const std::string vlan = RdmaNode::add_vlan(1, 7);
  add_or_fail(world.runtime("pod"), 1);
  world.look();
  const std::string path = world.pod("pod").netns;
  const std::vector<std::string> holder{"rxe1", "pod training/pod", path, "net1"};
  expect_busy(world, "other", kExclusive, holder);
  expect_busy(world, "other", kAuto, holder);
  expect_busy(world, "other", kNamed, holder);
  expect_busy(world, "other", {{"master", vlan}}, holder);
  CHECK(world.changes() == "");

  std::optional<Inhabitant> inhabitant(world.pod("pod"));
  world.remove_pod("pod");
  const std::string process = "process " + std::to_string(inhabitant->pid());
  expect_busy(world, "other", kAuto, {"rxe1", "pod training/pod", "no path", process});
  inhabitant.reset();
  add_or_fail(world.runtime("other"), 1);
  check_device_in("other");

  await_device(world, "other", "third");

  // What is left of those who had it does not touch it.
  check_ok(world.runtime("pod").del(1));
  check_ok(world.runtime("other").del(1));
  check_device_in("third");
  check_ok(run_plugin(world.runtime("third").call("DEL", "net1", rail_config(1))));
  check_device_home();
  CHECK(count_journals() == 0);
  CHECK(snapshot_leases().empty());
}

TEST_CASE("of those who want a device at the same time one gets it", "[holders]") {
  ExclusiveWorld world({"pod", "other"});
  {
    PendingAdd pending(world.runtime("pod"));
    check_device_home();
    const Answer refused = world.runtime("other").add(1, kAuto);
    expect_error(refused, kBusy);
    expect_words(refused.message(), {"rxe1", "pod training/pod", world.pod("pod").netns});
    CHECK(pending.interrupt().code() == 110);
    CHECK(world.changes() == "");
  }
  for (int round = 0; round < 3; ++round) {
    INFO("round " << round);
    race(world.runtime("pod"), world.runtime("other"));
  }
  CHECK(world.changes() == "");
}

TEST_CASE("an ADD that fails gives the device back", "[holders]") {
  ExclusiveWorld world({"pod"});
  const Runtime& runtime = world.runtime("pod");
  const FakeIpam ipam;
  ipam.fail("ADD", 11, "the store is away");
  CHECK(run_plugin(add_call(runtime, ipam)).code() == 11);
  CHECK(world.changes() == "");

  Scenario::silence_gateway(1);
  CHECK(world.runtime("pod")
            .add(1, {{"gatewayProbe", {{"attempts", 1}, {"interval", "10ms"}}}})
            .code() == 104);
  CHECK(world.changes() == "");

  Capture rail(kGateways, rail_gateway_nic(1));
  Process add(make_command(runtime.call("ADD", "net1", patient_config())));
  REQUIRE(rail.wait_for([](const Frame& frame) { return frame.is_arp_request(); }));
  check_device_in("pod");
  add.signal(SIGTERM);
  CHECK(make_answer(add.wait()).code() == 110);
  CHECK(world.changes() == "");
}

TEST_CASE("GC gives the devices of forgotten attachments back, and of no others", "[holders]") {
  ExclusiveWorld world({"pod", "dead"});
  Runtime& runtime = world.runtime("pod");
  add_or_fail(runtime, 1, {{"cniVersion", "1.1.0"}});
  const std::string container = runtime.call("DEL", "net1").container_id;
  check_ok(collect({{{"containerID", container}, {"ifname", "net1"}}}));
  check_device_in("pod");
  check_ok(runtime.check(1));
  check_ok(collect(json::array()));
  CHECK(world.changes() == "");

  add_or_fail(world.runtime("dead"), 1);
  world.remove_pod("dead");
  check_ok(collect(json::array()));
  check_device_home();
  CHECK(world.late_changes() == "");
}
