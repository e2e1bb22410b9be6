// SPDX-License-Identifier: Apache-2.0
// What the tuning plugin's own tests ask for, as far as we do its work; and that the master and the
// node are the same before and after.
#include "support/catch.hpp"
#include "support/link_state.hpp"
#include "support/namespaces.hpp"
#include "support/peer_rig.hpp"
#include "support/refusal.hpp"
#include "support/world.hpp"

using namespace mvr::test;

namespace {

const char* const kMac = "c2:11:22:33:44:55";
const char* const kOther = "c2:11:22:33:44:99";

/// ADD in a pod of its own. At the end CHECK agrees and DEL leaves nothing.
class Tuned {
 public:
  Tuned(const std::string& version, const json& patch, const std::string& args = "")
      : scenario_({.rails = 1}), runtime_(scenario_.add_pod("pod")), before_(world()) {
    json config = rail_config(1);
    config["cniVersion"] = version;
    config.merge_patch(patch);
    call_ = runtime_.call("ADD", "net1", config);
    call_.args = "IgnoreUnknown=true" + (args.empty() ? "" : ";" + args);
    answer_ = run_plugin(call_);
    INFO(answer_);
    REQUIRE(answer_.ok());
    expect_same_node();
  }

  void finish() {
    call_.config["prevResult"] = answer_.body;
    if (is_at_least(call_.config.at("cniVersion"), "0.4.0")) {
      call_.verb = "CHECK";
      const Answer checked = run_plugin(call_);
      INFO(checked);
      CHECK(checked.ok());
    }
    call_.verb = "DEL";
    CHECK(run_plugin(call_).ok());
    CHECK(difference(before_, world()) == "");
  }

  [[nodiscard]] json link() const { return read_link("pod", "net1"); }
  [[nodiscard]] const json& result() const { return answer_.body; }

 private:
  static json world() { return snapshot_world({"pod"}); }

  /// A veth cannot filter by MAC address, so the kernel makes the master listen to all.
  void expect_same_node() const {
    json node = snapshot("");
    node["links"][rail_master(1)]["promiscuity"] = 0;
    CHECK(difference(before_.at("node"), node) == "");
  }

  Scenario scenario_;
  Runtime runtime_;
  json before_;
  Call call_{};
  Answer answer_ = {};
};

}  // namespace

TEST_CASE("tuning's case: the MAC address comes from each of the four places", "[peer]") {
  const std::string version = GENERATE(from_range(kCniVersions));
  const auto [patch, args] = GENERATE(table<json, std::string>(
      {{{{"mac", kMac}}, ""},
       {json::object(), std::string("MAC=") + kMac},
       {{{"args", {{"cni", {{"mac", kMac}}}}}}, ""},
       {{{"capabilities", {{"mac", true}}}, {"runtimeConfig", {{"mac", kMac}}}}, ""}}));
  Tuned tuned(version, patch, args);
  CHECK(tuned.link().at("address") == kMac);
  CHECK(tuned.result().at("interfaces").at(0).at("mac") == kMac);
  tuned.finish();
}

TEST_CASE("tuning's case: of several MAC addresses the runtime's wins", "[peer]") {
  json patch{{"mac", "c2:11:22:33:44:01"}};
  std::string args;
  SECTION("CNI_ARGS over the configuration") {
    args = std::string("MAC=") + kMac;
  }
  SECTION("args.cni over CNI_ARGS") {
    args = std::string("MAC=") + kOther;
    patch["args"] = {{"cni", {{"mac", kMac}}}};
  }
  SECTION("runtimeConfig over args.cni") {
    args = std::string("MAC=") + kOther;
    patch["args"] = {{"cni", {{"mac", kOther}}}};
    patch["runtimeConfig"] = {{"mac", kMac}};
  }
  Tuned tuned("1.0.0", patch, args);
  CHECK(tuned.link().at("address") == kMac);
  tuned.finish();
}

TEST_CASE("tuning's case: MTU and queue length are the NIC's, the master keeps its own", "[peer]") {
  const std::string version = GENERATE(from_range(kCniVersions));
  Tuned tuned(version, {{"mtu", 1454}, {"txQueueLen", 20000}, {"mac", kMac}});
  CHECK(tuned.link().at("mtu") == 1454);
  CHECK(tuned.link().at("txqlen") == 20000);
  CHECK(tuned.link().at("address") == kMac);
  CHECK(read_link("", rail_master(1)).at("mtu") == 1500);
  tuned.finish();
}

TEST_CASE("tuning's case: a sysctl of the NIC is set, and goes with it", "[peer]") {
  const auto key =
      GENERATE("net.ipv4.conf.IFNAME.log_martians", "net/ipv4/conf/IFNAME/log_martians");
  const std::string version = GENERATE(from_range(kCniVersions));
  Tuned tuned(version, {{"sysctls", {{key, "1"}}}});
  CHECK(read_sysctl("pod", "ipv4/conf/net1/log_martians") == "1");
  CHECK(read_sysctl("pod", "ipv4/conf/all/log_martians") == "0");
  CHECK(read_sysctl("pod", "ipv4/conf/default/log_martians") == "0");
  tuned.finish();
}

TEST_CASE("tuning's case: a configured sysctl wins over our own choice", "[peer]") {
  Tuned tuned(
      "1.0.0",
      {{"sysctls",
        {{"net.ipv4.conf.IFNAME.rp_filter", "1"}, {"net.ipv4.conf.IFNAME.arp_ignore", "8"}}}});
  CHECK(read_sysctl("pod", "ipv4/conf/net1/rp_filter") == "1");
  CHECK(read_sysctl("pod", "ipv4/conf/net1/arp_ignore") == "8");
  CHECK(read_sysctl("pod", "ipv4/conf/net1/arp_announce") == "2");
  tuned.finish();
}

TEST_CASE("tuning's case: one sysctl in two spellings is refused", "[peer]") {
  const Refusals refusals;
  refusals.expect(
      {{"sysctls",
        {{"net.ipv4.conf.IFNAME.forwarding", "1"}, {"net/ipv4/conf/IFNAME/forwarding", "1"}}}},
      7, {"two keys name the same sysctl"});
}

TEST_CASE("tuning's case: an interface name with a separator is refused", "[peer]") {
  const Refusals refusals;
  Call call = refusals.call({{"sysctls", {{"net.ipv4.conf.IFNAME.forwarding", "1"}}}});
  call.ifname = "../all";
  refusals.expect_call(call, 4, {"CNI_IFNAME \"../all\""});
}

TEST_CASE("tuning's case: an interface name with a dot keeps its sysctls", "[peer]") {
  Scenario scenario({.rails = 1});
  Runtime runtime(scenario.add_pod("pod"));
  json config = rail_config(1);
  config["sysctls"] = {{"net.ipv4.conf.IFNAME.log_martians", "1"}};
  const Answer answer = runtime.add("rail.1", config);
  INFO(answer);
  REQUIRE(answer.ok());
  CHECK(read_sysctl("pod", "ipv4/conf/rail.1/log_martians") == "1");
  CHECK(runtime.check("rail.1").ok());
}
