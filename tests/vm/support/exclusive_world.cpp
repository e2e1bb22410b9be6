// SPDX-License-Identifier: Apache-2.0
#include "vm/support/exclusive_world.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <filesystem>

#include "mvr/base/text.hpp"
#include "support/catch.hpp"
#include "support/namespaces.hpp"
#include "support/world.hpp"
#include "vm/support/rdma_state.hpp"

namespace mvr::test {

namespace {

constexpr std::chrono::minutes kLongerThanACase{10};

bool is_same_file(const std::string& first, const std::string& second) {
  struct stat one {};
  struct stat two {};
  return stat(first.c_str(), &one) == 0 && stat(second.c_str(), &two) == 0 &&
         one.st_dev == two.st_dev && one.st_ino == two.st_ino;
}

/// Whether the node has the device, by the name that it had.
bool is_in_sysfs() {
  return std::filesystem::exists("/sys/class/infiniband/" + rail_device(1));
}

}  // namespace

ExclusiveWorld::ExclusiveWorld(const std::vector<std::string>& pods, int rails, Overlay overlay)
    : node_(RdmaMode::exclusive, {.rails = rails}) {
  for (const std::string& name : pods) {
    pods_.emplace(name, node_.add_pod(name, overlay));
    runtimes_.emplace(name, Runtime(pods_.at(name), name + "-container"));
  }
  look();
}

void ExclusiveWorld::remove_pod(const std::string& name) {
  remove_netns(name);
  pods_.erase(name);
  before_.erase(name);
  before_["rdma"].erase(name);
}

json ExclusiveWorld::take_snapshot() const {
  std::vector<std::string> names;
  json ports{{"node", rdma_json("", {"link", "show"})}};
  for (const auto& [name, pod] : pods_) {
    names.push_back(name);
    ports[name] = rdma_json(name, {"link", "show"});
  }
  json result = snapshot_world(names);
  result["rdma"] = ports;
  return result;
}

void ExclusiveWorld::look() {
  before_ = take_snapshot();
}

std::string ExclusiveWorld::changes() const {
  return difference(before_, take_snapshot());
}

std::string ExclusiveWorld::late_changes() const {
  std::string found;
  eventually([&] {
    found = changes();
    return found.empty();
  });
  return found;
}

Inhabitant::Inhabitant(const Pod& pod)
    : process_({.argv = {"sleep", "1000"}, .netns = pod.netns, .timeout = kLongerThanACase}) {
  REQUIRE(eventually([&] { return is_same_file(netns(), pod.netns); }));
}

Answer succeed(Answer answer) {
  if (!answer.ok()) {
    FAIL(answer);
  }
  return answer;
}

std::string run_rdma(const std::string& netns, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "rdma");
  const Output output = run({.argv = arguments, .netns = netns});
  if (output.status != 0) {
    FAIL(join(arguments, " ") << ": " << output.err);
  }
  return output.out;
}

void check_device_in(const std::string& pod) {
  const auto names = read_rdma_devices(pod);
  CHECK(std::find(names.begin(), names.end(), rail_device(1)) != names.end());
  CHECK_FALSE(is_in_sysfs());
}

void check_device_home() {
  CHECK(is_in_sysfs());
  CHECK(read_rdma_netdev("", rail_device(1)) == rail_master(1));
}

}  // namespace mvr::test
