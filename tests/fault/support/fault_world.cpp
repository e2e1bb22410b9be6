// SPDX-License-Identifier: Apache-2.0
#include "fault/support/fault_world.hpp"

#include "support/namespaces.hpp"
#include "support/world.hpp"

namespace mvr::test {

namespace {

/// Long waits would be the better part of a case. `timeout` is for calls that hang.
json make_config(const Variant& variant) {
  json config =
      variant.families == Families::v4 ? rail_config(1) : rail_config_of(variant.families, 1);
  config["conflictProbe"] = {{"interval", "1ms"}};
  config["timeout"] = "10s";
  config.merge_patch(variant.patch);
  return config;
}

std::unique_ptr<PodWorld> make_world(Families families) {
  return families == Families::v4 ? std::make_unique<PodWorld>(2)
                                  : std::make_unique<PodWorld>(2, Overlay::calico, families);
}

/// What net1 may have left on the node when the pod is gone with its own part of it.
json look_at_node() {
  json world = snapshot_world({});
  json& node = world["node"];
  json ours = json::object();
  for (const auto& [route, count] : node["routes"].items()) {
    if (json::parse(route).value("protocol", "") == "216") {
      ours[route] = count;
    }
  }
  return {{"rules", node["rules"]},
          {"routes", ours},
          {"leases", world["leases"]},
          {"state", world["state"]}};
}

}  // namespace

FaultWorld::FaultWorld(Variant variant)
    : variant_(std::move(variant)), config_(make_config(variant_)) {
  rebuild();
}

void FaultWorld::rebuild() {
  world_ = make_world(variant_.families);
  node_ = look_at_node();
  if (variant_.has_elder) {
    json config = rail_config(2);
    config.merge_patch(variant_.elder);
    REQUIRE(failure(world_->add("net2", config)) == "");
    world_->look();
  }
}

void FaultWorld::remove_pod() {
  remove_netns(world_->pod().name);
}

Call FaultWorld::call(const std::string& verb) const {
  return world_->make_call(verb, "net1", config_);
}

Call FaultWorld::call(const std::string& verb, const Answer& added) const {
  Call call = this->call(verb);
  call.config["prevResult"] = added.body;
  return call;
}

std::string FaultWorld::find_traces() const {
  std::string traces = world_->changes();
  if (variant_.has_elder) {
    traces += say("CHECK of net2: ", failure(world_->check(2)));
  }
  return traces;
}

std::string FaultWorld::find_traces_on_node() const {
  return difference(node_, look_at_node());
}

std::string say(const std::string& what, const std::string& problem) {
  return problem.empty() ? problem : what + problem + '\n';
}

}  // namespace mvr::test
