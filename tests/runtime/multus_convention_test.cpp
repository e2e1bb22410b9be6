// SPDX-License-Identifier: Apache-2.0
/// \file
/// What Multus puts into a call, all of it at once.
#include <filesystem>

#include "support/catch.hpp"
#include "support/go_json.hpp"
#include "support/link_wanted.hpp"
#include "support/log_lines.hpp"
#include "support/multus.hpp"
#include "support/peer_rig.hpp"
#include "support/refusal.hpp"

using namespace mvr::test;

namespace {

constexpr const char* kMac = "02:00:5e:10:00:2a";
constexpr const char* kAddress = "172.16.11.77";

/// Every capability that we know and one that we do not; values that Go writes in its own way.
Network full_network(const std::string& version) {
  Network network =
      rail_network(1, {{"cniVersion", version},
                       {"capabilities",
                        {{"mac", true},
                         {"ips", true},
                         {"deviceID", true},
                         {"CNIDeviceInfoFile", true},
                         {"io.kubernetes.cri.pod-annotations", true}}},
                       {"mtu", 1400.0},
                       {"txQueueLen", 1e3},
                       {"dns", {{"nameservers", {"10.0.0.1"}}, {"options", {"<a>&b"}}}}});
  network.device = "3";
  network.cni_args = {{"labels", {{{"key", "<app>"}, {"value", "a&b"}}}}, {"big", 9e21}};
  network.mac = kMac;
  network.ips = {std::string(kAddress) + "/24"};
  return network;
}

}  // namespace

TEST_CASE("a configuration that has been through Go has other spellings of the same values",
          "[multus]") {
  const json value = json::parse(
      R"({"b":[1.0,-2.50,1e3,0.000001,1e-7,9007199254740993,1e21],"a":"<\u00e9>&\n","c":null})");
  CHECK(go_json(value) ==
        "{\"a\":\"\\u003c\xc3\xa9\\u003e\\u0026\\n\","
        "\"b\":[1,-2.5,1000,0.000001,1e-7,9007199254740992,1e+21],\"c\":null}");
}

TEST_CASE("ADD, CHECK and DEL with all that Multus sends", "[multus]") {
  const std::string version = GENERATE("0.3.1", "0.4.0", "1.0.0", "1.1.0");
  OnePod world;
  Multus multus("pod", world.pod.netns);
  const Answer added = multus.add({full_network(version)});
  INFO(added);
  REQUIRE(added.ok());

  const Call sent = multus.network(1).call("DEL", 0, json());
  expect_words(sent.args, {"IgnoreUnknown=true;", ";IgnoreUnknown=1;",
                           std::string(";MAC=") + kMac + ";IP=" + kAddress + "/24"});
  expect_words(*sent.input, {R"("deviceID":"3")", R"("pciBusID":"3")", R"("mtu":1400,)",
                             R"(\u003ca\u003e\u0026b)", R"("capabilities":{)"});
  CHECK(added.body.at("cniVersion") == version);
  CHECK(added.body.at("dns").at("options") == json{"<a>&b"});

  const json link = read_link("pod", "net1");
  CHECK(link.at("address") == kMac);
  CHECK(link.at("mtu") == 1400);
  CHECK(link.at("txqlen") == 1000);
  CHECK(addresses("pod", "net1") == Lines{std::string(kAddress) + "/24"});
  // A number is no device: nobody has written about one.
  CHECK_FALSE(std::filesystem::exists("/run/k8s.cni.cncf.io"));
  const auto lines = read_log(added.err);
  REQUIRE(lines.size() == 1);
  CHECK(lines[0].at("pod") == "training/pod");

  if (is_at_least(version, "0.4.0")) {
    CHECK(multus.check() == "");
  }
  CHECK(multus.del() == "");
  CHECK(world.changes() == "");
}

TEST_CASE("Multus' caller may say less of the pod, or nothing", "[multus]") {
  const auto [caller, pod] = GENERATE(table<const char*, const char*>(
      {{"", ""},
       {"IgnoreUnknown=1", ""},
       {"IgnoreUnknown=1;K8S_POD_NAME=trainer", "/trainer"},
       {"K8S_POD_UID=;K8S_POD_NAME=trainer;IgnoreUnknown=1;K8S_POD_NAMESPACE=ml", "ml/trainer"},
       {"IgnoreUnknown=true;K8S_POD_NAME=;K8S_POD_NAMESPACE=;OTHER=", ""}}));
  OnePod world;
  Multus multus("pod", world.pod.netns);
  multus.set_caller_args(caller);
  const Answer added = multus.add({rail_network(1)});
  INFO(caller << '\n' << added);
  REQUIRE(added.ok());
  const auto lines = read_log(added.err);
  REQUIRE(lines.size() == 1);
  const std::string shown = lines[0].count("pod") == 0 ? "" : lines[0].at("pod");
  CHECK((shown == pod || "/" + shown == pod));
  CHECK(multus.check() == "");
  CHECK(multus.del() == "");
  CHECK(world.changes() == "");
}

TEST_CASE("networks of one pod may each have their own CNI version", "[multus]") {
  OnePod world({.rails = 4});
  Multus multus("pod", world.pod.netns);
  const std::vector<std::string> versions{"0.3.1", "1.1.0", "0.4.0", "1.0.0"};
  std::vector<Network> networks;
  for (const std::string& version : versions) {
    const int rail = static_cast<int>(networks.size()) + 1;
    networks.push_back(rail_network(rail, {{"cniVersion", version}}));
  }
  REQUIRE(multus.add(networks).ok());
  check_routing(world.pod, wanted_nics({1, 2, 3, 4}));
  for (std::size_t n = 1; n <= versions.size(); ++n) {
    CHECK(multus.network(n).result().at("cniVersion") == versions[n - 1]);
  }
  for (const std::size_t n : {2U, 3U, 4U}) {
    check_ok(multus.network(n).check());
  }
  CHECK(multus.del() == "");
  CHECK(world.changes() == "");
}
