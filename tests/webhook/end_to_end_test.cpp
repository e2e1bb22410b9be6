// SPDX-License-Identifier: Apache-2.0
/// \file
/// From a pod with one annotation to its NICs: what the API server makes of our answer is what
/// Multus reads, and Multus calls the plugin for every network of it.
#include <algorithm>
#include <map>

#include "fixture.hpp"
#include "mvr/base/text.hpp"
#include "support/catch.hpp"
#include "support/link_wanted.hpp"
#include "support/multus.hpp"

using namespace mvr::test;

namespace {

constexpr int kRails = 8;

/// A cluster of NetworkAttachmentDefinitions, whose names have another order than their masters.
class Site {
 public:
  Site() {
    for (int n = 1; n <= kRails; ++n) {
      json config = rail_config(n);
      config["name"] = name_of(n);
      json object = network_object(
          "default", name_of(n),
          {{kRdma, "gpu-rails"}, {kResource, "spidernet.io/gpu" + std::to_string(n)}}, config);
      rig_.put(Kind::network, object);
      objects_.emplace("default/" + name_of(n), std::move(object));
    }
  }

  static std::string name_of(int rail) { return "rail-" + std::to_string(kRails + 1 - rail); }

  Rig& rig() { return rig_; }

  /// The definitions that the annotation of a pod names, by what Multus makes of them.
  [[nodiscard]] std::vector<Network> networks_of(const json& pod) const {
    std::vector<Network> networks;
    const std::string list = pod.at("metadata").at("annotations").at(kNetworksKey);
    for (std::string_view item : mvr::split(list, ',')) {
      item.remove_prefix(item.find_first_not_of(' '));
      INFO(item);
      const json& object = objects_.at(std::string(item));
      networks.push_back(
          {.config = json::parse(object.at("spec").at("config").get<std::string>())});
    }
    return networks;
  }

 private:
  Rig rig_;
  std::map<std::string, json> objects_;
};

/// The master of a NIC, by the kernel.
std::string master_of(const std::string& nic) {
  const auto index = read_link("pod", nic).at("link_index").get<int>();
  for (const json& link : ip_json("", {"link", "show"})) {
    if (link.at("ifindex") == index) {
      return link.at("ifname");
    }
  }
  return "none";
}

/// Asserts that net1, net2 … lie on these rails, with an address and a table each.
void check_nics(const std::vector<int>& rails) {
  for (std::size_t i = 0; i < rails.size(); ++i) {
    const std::string nic = "net" + std::to_string(i + 1);
    INFO(nic);
    CHECK(master_of(nic) == rail_master(rails[i]));
    CHECK(is_up(read_link("pod", nic)));
    CHECK(read_addresses("pod", nic).at(0).starts_with(rail_address(rails[i]) + "/24 "));
    CHECK(table_of("pod", nic) == 101 + i);
  }
}

/// What Multus does with the pod as the webhook has left it.
void attach(Multus& multus, const Site& site, const Verdict& verdict) {
  REQUIRE(verdict.answer.outcome == "patched");
  const std::vector<Network> networks = site.networks_of(verdict.pod);
  REQUIRE(networks.size() == kRails);
  const Answer added = multus.add(networks);
  INFO(added);
  REQUIRE(added.ok());
}

}  // namespace

TEST_CASE("one annotation becomes eight NICs in the order of the rails", "[end-to-end]") {
  OnePod world({.rails = kRails});
  Site site;
  json pod = plain_pod({{kRdma, "gpu-rails"}});
  pod["spec"]["containers"][0] = container("trainer", {{"nvidia.com/gpu", "8"}});
  const Verdict verdict = site.rig().ask(pod);
  Multus multus("pod", world.pod.netns);
  attach(multus, site, verdict);
  check_nics({1, 2, 3, 4, 5, 6, 7, 8});
  for (int n = 1; n <= kRails; ++n) {
    CHECK(verdict.amount(0, "spidernet.io/gpu" + std::to_string(n)) == "1/1");
  }
  CHECK(multus.check() == "");
  CHECK(multus.del() == "");
  CHECK(world.changes() == "");
}

TEST_CASE("the networks that a pod lists itself are its first NICs", "[end-to-end]") {
  OnePod world({.rails = kRails});
  Site site;
  const std::string own = "default/" + Site::name_of(3) + ",default/" + Site::name_of(2);
  const Verdict verdict = site.rig().ask(plain_pod({{kRdma, "gpu-rails"}, {kNetworksKey, own}}));
  Multus multus("pod", world.pod.netns);
  attach(multus, site, verdict);
  check_nics({3, 2, 1, 4, 5, 6, 7, 8});
  CHECK(multus.del() == "");
  CHECK(world.changes() == "");
}
