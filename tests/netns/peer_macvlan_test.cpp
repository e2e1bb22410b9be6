// SPDX-License-Identifier: Apache-2.0
// What the standard macvlan plugin's own tests ask for, in every CNI version, with the master in
// the node and with the master in the pod.
#include "support/catch.hpp"
#include "support/link_state.hpp"
#include "support/namespaces.hpp"
#include "support/peer_rig.hpp"
#include "support/refusal.hpp"
#include "support/routing_lines.hpp"

using namespace mvr::test;

namespace {

/// Where the master is, as `linkInContainer` says it; null leaves the key out.
const std::initializer_list<json> kPlaces{json(true), json(false), json()};

/// A pod without overlay NIC, as those tests have it.
struct Rig {
  explicit Rig(json place)
      : in_pod(place == json(true)), pod(scenario.add_pod("pod", Overlay::none)), runtime(pod) {
    if (in_pod) {
      ip_batch("", "link set " + rail_master(1) + " netns pod\n");
      ip_batch("pod", "link set " + rail_master(1) + " up\n");
    }
    if (!place.is_null()) {
      more["linkInContainer"] = place;
    }
  }

  [[nodiscard]] json config(const std::string& version) const {
    json result = rail_config(1);
    result["cniVersion"] = version;
    result.update(more);
    return result;
  }

  /// The interfaces of the pod when none of ours is there.
  [[nodiscard]] Lines own_links() const {
    return in_pod ? Lines{rail_master(1), "lo"} : Lines{"lo"};
  }

  bool in_pod;
  Scenario scenario = Scenario({.rails = 1});
  Pod pod;
  Runtime runtime;
  json more = json::object();
};

bool lies_on_master(const Rig& rig, const json& link) {
  return rig.in_pod ? link.value("link", "") == rail_master(1) : lies_on(link, rail_master(1));
}

}  // namespace

TEST_CASE("macvlan's case: the link is made in the target namespace, and only there", "[peer]") {
  Rig rig(GENERATE(from_range(kPlaces)));
  const auto version = GENERATE(from_range(kCniVersions));
  const Lines node = read_links("");
  REQUIRE(rig.runtime.add("foobar0", rig.config(version)).ok());
  const json link = read_link("pod", "foobar0");
  REQUIRE(link.is_object());
  CHECK(link.at("linkinfo").at("info_kind") == "macvlan");
  CHECK(link.at("linkinfo").at("info_data").at("mode") == "bridge");
  CHECK(lies_on_master(rig, link));
  CHECK(read_links("") == node);
}

TEST_CASE("macvlan's case: ADD, STATUS and DEL with host-local", "[peer]") {
  Rig rig(GENERATE(from_range(kPlaces)));
  const std::string version = GENERATE(from_range(kCniVersions));
  const Answer added = rig.runtime.add("net1", rig.config(version));
  INFO(version << "\n" << added);
  REQUIRE(added.ok());
  REQUIRE(added.body.at("interfaces").size() == 1);
  REQUIRE(added.body.at("ips").size() == 1);
  CHECK(added.body.at("interfaces").at(0).at("name") == "net1");
  CHECK(added.body.at("interfaces").at(0).at("sandbox") == rig.pod.netns);
  CHECK(read_link("pod", "net1").at("address") == added.body.at("interfaces").at(0).at("mac"));
  CHECK(addresses("pod", "net1") == Lines{added.body.at("ips").at(0).at("address")});

  const Answer status = run_plugin(rig.runtime.call("STATUS", "net1", rig.config(version)));
  CHECK(status.code() == (is_at_least(version, "1.1.0") ? 0 : 1));

  CHECK(rig.runtime.del("net1").ok());
  CHECK(read_links("pod") == rig.own_links());
}

TEST_CASE("macvlan's case: DEL without an ADD before succeeds", "[peer]") {
  Rig rig(GENERATE(from_range(kPlaces)));
  const auto version = GENERATE(from_range(kCniVersions));
  const Answer answer = run_plugin(rig.runtime.call("DEL", "net1", rig.config(version)));
  INFO(answer);
  CHECK(answer.ok());
  CHECK(answer.out.empty());
}

TEST_CASE("macvlan's case: a NIC of layer 2 has no address", "[peer]") {
  Rig rig(GENERATE(from_range(kPlaces)));
  const auto version = GENERATE(from_range(kCniVersions));
  json config = rig.config(version);
  config["ipam"] = json::object();
  const Answer added = rig.runtime.add("net1", config);
  INFO(added);
  REQUIRE(added.ok());
  CHECK(added.body.at("interfaces").size() == 1);
  CHECK_FALSE(added.body.contains("ips"));
  CHECK(read_link("pod", "net1").is_object());
  CHECK(addresses("pod", "net1").empty());
  CHECK(rig.runtime.del("net1").ok());
  CHECK(read_links("pod") == rig.own_links());
}

TEST_CASE("macvlan's case: ADD, CHECK and DEL with the result of ADD", "[peer]") {
  Rig rig(GENERATE(from_range(kPlaces)));
  const std::string version = GENERATE(from_range(kCniVersions));
  REQUIRE(rig.runtime.add("net1", rig.config(version)).ok());
  const Answer checked = rig.runtime.check("net1");
  INFO(checked);
  if (is_at_least(version, "0.4.0")) {
    CHECK(checked.ok());
    CHECK(checked.out.empty());
  } else {
    expect_error(checked, 1);
    expect_words(checked.message(), {"config version does not allow CHECK", version});
  }
  CHECK(rig.runtime.del("net1").ok());
  CHECK(read_links("pod") == rig.own_links());
}

TEST_CASE("macvlan's case: without master the default route's interface is taken", "[peer]") {
  Rig rig(GENERATE(from_range(kPlaces)));
  const auto version = GENERATE(from_range(kCniVersions));
  json config = rig.config(version);
  config.erase("master");
  config["ipam"] = json::object();
  if (rig.in_pod) {
    ip_batch("pod", "addr add 172.16.11.1/24 dev " + rail_master(1) +
                        "\nroute add default via 172.16.11.254\n");
  }
  const Answer added = rig.runtime.add("net1", config);
  INFO(added);
  REQUIRE(added.ok());
  const json link = read_link("pod", "net1");
  CHECK((rig.in_pod ? lies_on_master(rig, link) : lies_on(link, kNodeNic)));
}

TEST_CASE("macvlan's case: the MAC address of CNI_ARGS is the link's", "[peer]") {
  Rig rig(GENERATE(from_range(kPlaces)));
  const auto version = GENERATE(from_range(kCniVersions));
  Call call = rig.runtime.call("ADD", "net1", rig.config(version));
  call.args = "IgnoreUnknown=true;MAC=c2:11:22:33:44:55";
  const Answer added = run_plugin(call);
  INFO(added);
  REQUIRE(added.ok());
  CHECK(read_link("pod", "net1").at("address") == "c2:11:22:33:44:55");
  CHECK(added.body.at("interfaces").at(0).at("mac") == "c2:11:22:33:44:55");
}

TEST_CASE("macvlan's case: the MAC address of RuntimeConfig, in these letters, is the link's",
          "[peer]") {
  Rig rig(GENERATE(from_range(kPlaces)));
  const auto version = GENERATE(from_range(kCniVersions));
  json config = rig.config(version);
  config["capabilities"] = {{"mac", true}};
  config["RuntimeConfig"] = {{"mac", "c2:11:22:33:44:66"}};
  const Answer added = rig.runtime.add("net1", config);
  INFO(added);
  REQUIRE(added.ok());
  CHECK(read_link("pod", "net1").at("address") == "c2:11:22:33:44:66");
}
