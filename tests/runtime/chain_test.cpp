// SPDX-License-Identifier: Apache-2.0
/// \file
/// Lists of plugins: ours between those of the CNI project, as the distribution has them.
#include "support/chain.hpp"

#include <string_view>

#include "mvr/base/text.hpp"
#include "support/catch.hpp"
#include "support/ipam_scripts.hpp"
#include "support/link_wanted.hpp"
#include "support/multus.hpp"
#include "support/peer_rig.hpp"
#include "support/refusal.hpp"

using namespace mvr::test;

namespace {

constexpr const char* kMac = "c2:11:22:33:44:55";

/// A list of two: ours and one behind it.
json list_of(const std::string& version, const json& ours, const json& behind) {
  return {
      {"cniVersion", version}, {"name", ours.at("name")}, {"plugins", json::array({ours, behind})}};
}

/// Rail 1's plugin.
json make_rail(const json& patch = json::object()) {
  json ours = rail_config(1);
  ours.merge_patch(patch);
  return ours;
}

Container container_of(const Pod& pod, const json& capabilities = json::object()) {
  return {.netns = pod.netns, .args = multus_args(pod.name), .capabilities = capabilities};
}

/// A list is added, and each of its plugins is content with what the others have made.
struct ChainWorld : OnePod {
  /// The rules of the node's packet filters, without what portmap makes once and for all.
  [[nodiscard]] static std::string read_mappings() {
    const Output output = run({.argv = {"iptables-save"}});
    std::string kept;
    for (const std::string_view line : mvr::split(output.out, '\n')) {
      if (line.find("--to-destination") != std::string_view::npos) {
        kept.append(line).append("\n");
      }
    }
    return kept;
  }

  /// DEL of the whole list, after which nothing is left.
  void expect_gone(Chain& chain) const {
    const Answer deleted = chain.del();
    INFO(deleted);
    CHECK(deleted.ok());
    CHECK(changes() == "");
  }
};

/// CHECK of the whole list, where the version has it.
void expect_good(Chain& chain, const std::string& version) {
  if (is_at_least(version, "0.4.0")) {
    const Answer answer = chain.check();
    INFO(answer);
    CHECK(answer.ok());
  }
}

}  // namespace

TEST_CASE("between a plugin without a result and tuning", "[chain]") {
  const std::string version = GENERATE("0.3.1", "0.4.0", "1.0.0");
  const ChainWorld world;
  const FakeIpam ifacer("ifacer");
  ifacer.answer({{"cniVersion", version}});
  const json tuning{{"type", "tuning"},
                    {"mac", kMac},
                    {"promisc", true},
                    {"allmulti", true},
                    {"sysctl", {{"net.ipv4.conf.net1.log_martians", "1"}}}};
  json list = list_of(version, make_rail(), tuning);
  list["plugins"].insert(list["plugins"].begin(), json::object({{"type", "ifacer"}}));
  Container container = container_of(world.pod);
  container.cni_path = ifacer.dir() + ":" + kCniPath;
  Chain chain(list, container);
  const Answer added = chain.add();
  INFO(added);
  REQUIRE(added.ok());
  CHECK(added.body.at("interfaces").size() == 1);
  CHECK(added.body.at("interfaces").at(0).at("mac") == kMac);
  const json link = read_link("pod", "net1");
  CHECK(link.at("address") == kMac);
  CHECK(link.at("promiscuity") == 1);
  CHECK(read_sysctl("pod", "ipv4/conf/net1/log_martians") == "1");
  check_routing(world.pod, wanted_nics({1}));
  expect_good(chain, version);
  world.expect_gone(chain);
  CHECK(ifacer.calls() ==
        (version == "0.3.1" ? Lines{"ADD", "DEL"} : Lines{"ADD", "CHECK", "DEL"}));
}

// Before 1.1.0 no result tells an MTU, so that nothing says whose wish it is.
TEST_CASE("an MTU that tuning sets is a difference for CHECK", "[chain]") {
  const std::string version = GENERATE("0.4.0", "1.0.0");
  const ChainWorld world;
  Chain chain(list_of(version, make_rail(), {{"type", "tuning"}, {"mtu", 1400}}),
              container_of(world.pod));
  REQUIRE(chain.add().ok());
  CHECK(read_link("pod", "net1").at("mtu") == 1400);
  const Answer checked = chain.check();
  CHECK(checked.code() == 109);
  expect_words(checked.message(), {"link mtu: wanted 1500, found 1400"});
  world.expect_gone(chain);
}

TEST_CASE("sbr makes the tables when we are told not to", "[chain]") {
  const std::string version = GENERATE("0.3.1", "0.4.0", "1.0.0");
  const ChainWorld world;
  Chain chain(list_of(version, make_rail({{"tunePodRoutes", false}}), {{"type", "sbr"}}),
              container_of(world.pod));
  const Answer added = chain.add();
  INFO(added);
  REQUIRE(added.ok());
  CHECK(rules("pod") == Lines{"32765: from 172.16.11.10 lookup 100"});
  CHECK(routes("pod", 100) == Lines{"default via 172.16.11.254 dev net1",
                                    "172.16.11.0/24 dev net1 scope link src 172.16.11.10 kernel"});
  CHECK(routes_by("net1", "pod", kMainTable).empty());
  expect_good(chain, version);
  world.expect_gone(chain);
}

TEST_CASE("sbr beside our tables takes the connected route out of main, and CHECK says so",
          "[chain]") {
  const std::string version = GENERATE("0.3.1", "0.4.0", "1.0.0");
  const ChainWorld world;
  Chain chain(list_of(version, make_rail(), {{"type", "sbr"}}), container_of(world.pod));
  const Answer added = chain.add();
  INFO(added);
  REQUIRE(added.ok());
  CHECK(rules("pod").at(0) == "32099: from 172.16.11.10 lookup 102");
  CHECK(routes_by("net1", "pod", 101).size() == 2);
  CHECK(routes_by("net1", "pod", kMainTable).empty());
  if (version != "0.3.1") {
    const Answer checked = chain.check();
    CHECK(checked.code() == 109);
    CHECK(checked.message() ==
          "net1: route: wanted 172.16.11.0/24 dev net1 metric 101 table main, found nothing");
  }
  world.expect_gone(chain);
}

TEST_CASE("portmap without ports passes our result on", "[chain]") {
  const std::string version = GENERATE("0.3.1", "0.4.0", "1.0.0");
  const ChainWorld world;
  Chain chain(
      list_of(version, make_rail(),
              {{"type", "portmap"}, {"capabilities", {{"portMappings", true}}}, {"snat", true}}),
      container_of(world.pod));
  const Answer added = chain.add();
  INFO(added);
  REQUIRE(added.ok());
  CHECK(added.body.at("cniVersion") == version);
  CHECK(added.body.at("interfaces").at(0).at("sandbox") == world.pod.netns);
  CHECK(added.body.at("ips").at(0).at("address") == "172.16.11.10/24");
  CHECK(added.body.at("ips").at(0).at("gateway") == "172.16.11.254");
  expect_good(chain, version);
  world.expect_gone(chain);
}

// CHECK of this portmap looks for IPv4's mapping in IPv6's tables as well, so only ours is asked.
TEST_CASE("portmap maps the node's ports to our address", "[chain]") {
  const std::string version = GENERATE("0.3.1", "0.4.0", "1.0.0");
  const ChainWorld world;
  if (run({.argv = {"iptables", "-t", "nat", "-S"}}).status != 0) {
    skip("needs iptables, and a kernel with address translation");
  }
  const json port{{"hostPort", 8080}, {"containerPort", 80}, {"protocol", "tcp"}};
  Chain chain(list_of(version, make_rail(),
                      {{"type", "portmap"}, {"capabilities", {{"portMappings", true}}}}),
              container_of(world.pod, {{"portMappings", json::array({port})}}));
  const Answer added = chain.add();
  INFO(added);
  REQUIRE(added.ok());
  expect_words(ChainWorld::read_mappings(), {"--to-destination 172.16.11.10:80"});
  if (version != "0.3.1") {
    check_ok(run_plugin(chain.call("CHECK", 0, chain.result())));
  }
  world.expect_gone(chain);
  CHECK(ChainWorld::read_mappings().empty());
}

// It limits the node's end of a veth, which a macvlan has not.
TEST_CASE("bandwidth works without limits only, and what it refuses is taken back", "[chain]") {
  const std::string version = GENERATE("0.3.1", "0.4.0", "1.0.0");
  const bool is_limited = GENERATE(false, true);
  const ChainWorld world;
  json values = json::object();
  if (is_limited) {
    values["bandwidth"] = {{"ingressRate", 1'000'000}, {"ingressBurst", 1'000'000}};
  }
  Chain chain(list_of(version, make_rail(),
                      {{"type", "bandwidth"}, {"capabilities", {{"bandwidth", true}}}}),
              container_of(world.pod, values));
  const Answer added = chain.add();
  INFO(added);
  CHECK(added.ok() == !is_limited);
  CHECK(read_link("pod", "net1").is_object());
  world.expect_gone(chain);
}

TEST_CASE("a plugin behind us fails: the runtime's DEL leaves nothing", "[chain]") {
  const std::string version = GENERATE("0.3.1", "0.4.0", "1.0.0", "1.1.0");
  const ChainWorld world;
  const FakeIpam broken("broken");
  broken.fail("ADD", 100, "no such thing");
  Container container = container_of(world.pod);
  container.cni_path = broken.dir() + ":" + kCniPath;
  Chain chain(list_of(version, make_rail(), {{"type", "broken"}}), container);
  CHECK(chain.add().code() == 100);
  CHECK(read_link("pod", "net1").is_object());
  world.expect_gone(chain);
  CHECK(chain.calls() == Lines{"ADD net1 macvlan-rdma", "ADD net1 broken", "DEL net1 broken",
                               "DEL net1 macvlan-rdma"});
}

TEST_CASE("a list in a NetworkAttachmentDefinition: Multus puts its part into each plugin",
          "[chain][multus]") {
  const std::string version = GENERATE("0.3.1", "0.4.0", "1.0.0");
  const ChainWorld world;
  Multus multus("pod", world.pod.netns);
  Network network{.config = list_of(version, make_rail({{"capabilities", {{"mac", true}}}}),
                                    {{"type", "tuning"},
                                     {"capabilities", {{"mac", true}}},
                                     {"sysctl", {{"net.ipv4.conf.net1.log_martians", "0"}}}})};
  network.device = "3";
  network.cni_args = {{"sysctl", {{"net.ipv4.conf.net1.log_martians", "1"}}}};
  network.mac = kMac;
  const Answer added = multus.add({network});
  INFO(added);
  REQUIRE(added.ok());
  CHECK(multus.status(1).at("mac") == kMac);
  CHECK(read_link("pod", "net1").at("address") == kMac);
  CHECK(read_sysctl("pod", "ipv4/conf/net1/log_martians") == "1");
  if (version != "0.3.1") {
    CHECK(multus.check() == "");
  }
  CHECK(multus.del() == "");
  CHECK(world.changes() == "");
}
