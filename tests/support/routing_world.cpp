// SPDX-License-Identifier: Apache-2.0
#include "support/routing_world.hpp"

#include "support/scenario_v6.hpp"
#include "support/world.hpp"

namespace mvr::test {

PodWorld::PodWorld(int rails, Overlay overlay)
    : scenario_({.rails = rails}), pod_(scenario_.add_pod("pod", overlay)), runtime_(pod_) {
  look();
}

PodWorld::PodWorld(int rails, Overlay overlay, Families families)
    : scenario_({.rails = rails, .has_ipv6 = true}),
      pod_(scenario_.add_pod("pod", overlay, families)),
      runtime_(pod_) {
  look();
}

Answer PodWorld::add(int n, const json& patch) {
  json config = rail_config(n);
  config.merge_patch(patch);
  return add("net" + std::to_string(n), config);
}

Answer PodWorld::add(const std::string& ifname, const json& config) {
  Answer answer = run_plugin(make_call("ADD", ifname, config));
  note(ifname, config, answer);
  return answer;
}

Answer PodWorld::call_again(const std::string& verb, int n) const {
  const std::string ifname = "net" + std::to_string(n);
  const Attachment& attachment = attachments_.at(ifname);
  Call call = make_call(verb, ifname, attachment.config);
  if (attachment.result.is_object()) {
    call.config["prevResult"] = attachment.result;
  }
  return run_plugin(call);
}

Call PodWorld::make_call(const std::string& verb, const std::string& ifname,
                         const json& config) const {
  Call call = runtime_.call(verb, ifname, config);
  call.cni_path = cni_path_;
  return call;
}

void PodWorld::note(const std::string& ifname, const json& config, const Answer& answer) {
  attachments_[ifname] = {config, answer.ok() ? answer.body : json()};
}

void PodWorld::look() {
  before_ = snapshot_world({pod_.name});
}

std::string PodWorld::changes() const {
  return difference(before_, snapshot_world({pod_.name}));
}

std::string failure(const Answer& answer) {
  if (answer.ok()) {
    return {};
  }
  return "status " + std::to_string(answer.status) + ": " +
         (answer.message().empty() ? answer.out + answer.err : answer.message());
}

json rail_config_with(int n, const json& ipam) {
  json config = rail_config(n);
  config["ipam"] = ipam;
  return config;
}

json rail_config_of(Families families, int n) {
  json config = rail_config(n);
  config["serviceCIDR"].push_back("fd00:10:96::/108");
  config["overlayPodCIDR"].push_back("fd00:10:233::/64");
  json& ranges = config["ipam"]["ranges"];
  json& routes = config["ipam"]["routes"];
  if (families == Families::v6) {
    ranges.clear();
    routes.clear();
  }
  if (families != Families::v4) {
    ranges.push_back({{{"subnet", rail_subnet6(n)},
                       {"rangeStart", rail_address6(n)},
                       {"rangeEnd", rail_address6(n, "c8")},
                       {"gateway", rail_gateway6(n)}}});
    routes.push_back({{"dst", "::/0"}});
  }
  return config;
}

}  // namespace mvr::test
