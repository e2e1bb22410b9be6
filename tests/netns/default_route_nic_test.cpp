// SPDX-License-Identifier: Apache-2.0
/// \file
/// `podDefaultRouteNic`: the pod's default route goes to a NIC of ours and comes back, and at no
/// moment is there none.
#include <algorithm>
#include <filesystem>
#include <functional>
#include <set>

#include "support/capture.hpp"
#include "support/catch.hpp"
#include "support/namespaces.hpp"
#include "support/routing_lines.hpp"
#include "support/routing_world.hpp"
#include "support/scenario_v6.hpp"
#include "support/shell.hpp"
#include "support/traffic.hpp"
#include "support/world.hpp"

using namespace mvr::test;

namespace {

constexpr const char* kEth0 = "10.233.119.164";
constexpr const char* kEth0Default = "default via 169.254.1.1 dev eth0";

std::string nic(int n) {
  return "net" + std::to_string(n);
}

/// The patch that has net N own the default route.
json owner(int n) {
  return {{"podDefaultRouteNic", nic(n)}};
}

/// Rail n's default in main once its NIC owns it.
std::string taken(int n) {
  return "default via " + rail_gateway(n) + " dev " + nic(n) + " metric " +
         std::to_string(100 + n) + " ours";
}

Lines defaults(const std::string& family = "-4") {
  Lines lines = routes("pod", kMainTable, family);
  std::erase_if(lines, [](const std::string& line) { return !line.starts_with("default "); });
  return lines;
}

/// Main's default routes of one family, followed from change to change.
class DefaultWatch {
 public:
  explicit DefaultWatch(const std::string& family = "-4")
      : default_(family == "-4" ? "0.0.0.0/0" : "::/0"), watch_("pod") {
    for (const json& route : ip_json("pod", {family, "route", "show", "default"})) {
      const std::string dev = route.at("dev");
      owners_.insert(ip_json("pod", {"link", "show", dev}).at(0).at("ifindex").get<unsigned>());
    }
  }

  /// How many there were at the worst moment so far.
  std::size_t fewest() {
    std::size_t fewest = owners_.size();
    for (const RouteEvent& event : watch_.events()) {
      if (event.table != kMainTable) {
        continue;
      }
      if (event.added && event.dst == default_) {
        owners_.insert(event.nic);
      } else if (!event.added && is_last_sign(event)) {
        owners_.erase(event.nic);
      }
      fewest = std::min(fewest, owners_.size());
    }
    return fewest;
  }

 private:
  /// With the last address of an interface all its IPv4 routes go, and only the connected one's end
  /// is announced.
  [[nodiscard]] bool is_last_sign(const RouteEvent& event) const {
    const bool is_connected = event.protocol == 2 && default_ == "0.0.0.0/0";
    return event.dst == default_ || is_connected;
  }

  std::string default_;
  RouteWatch watch_;
  std::set<unsigned> owners_ = {};
};

/// By which of the two NICs what an unbound socket sends to the address leaves.
std::string way_to(const std::string& address, const std::string& other) {
  Capture by_eth0("pod", "eth0");
  Capture by_other("pod", other);
  const auto leaves = [&](const Frame& frame) {
    return frame.outgoing && (frame.ip.dst == address || frame.arp.target_ip == address);
  };
  const UdpSocket socket("pod", {.address = address.find(':') != address.npos ? "::" : "0.0.0.0"});
  CHECK(socket.send(address, 9, "?") == 0);
  std::string way;
  eventually([&] {
    way = by_eth0.count(leaves) > 0 ? "eth0" : "";
    way += by_other.count(leaves) > 0 ? other : "";
    return !way.empty();
  });
  return way;
}

/// A request from outside the cluster to eth0's address is answered by eth0.
void answers_by_eth0(const std::string& address, const std::string& client_address,
                     const std::string& other) {
  Capture by_other("pod", other);
  const UdpSocket client(kOutside, {.address = client_address});
  const UdpSocket server("pod", {.address = address});
  CHECK(exchange(client, server, address));
  CHECK(by_other.count([&](const Frame& frame) { return frame.ip.dst == client_address; }) == 0);
}

/// What an unbound socket sends to a host behind the gateways leaves by the NIC, with its address.
void reaches_far_by(const std::string& other, const std::string& address, const std::string& far,
                    const std::string& any) {
  Capture by_other("pod", other);
  const UdpSocket client("pod", {.address = any});
  const UdpSocket server(kFar, {.address = far});
  CHECK(exchange(client, server, far));
  CHECK(by_other.count([&](const Frame& frame) {
    return frame.outgoing && frame.ip.src == address && frame.ip.dst == far;
  }) == 1);
}

/// The only journal, after a change by hand.
void edit_journal(const std::function<void(json&)>& change) {
  const json files = snapshot_files(std::string(kStateDir));
  REQUIRE(files.size() == 1);
  json record = json::parse(files.begin().value().get<std::string>());
  change(record);
  put_file(files.begin().key(), record.dump(), 0600);
}

/// As an ADD leaves it that is killed in its last step.
void mark_as_killed() {
  edit_journal([](json& record) { record["complete"] = false; });
}

/// ADD by a runtime that cannot take the answer: it fails when all has been done.
Answer add_unheard(const PodWorld& world, const std::string& ifname, const json& config) {
  Command command = make_command(world.make_call("ADD", ifname, config));
  command.argv = {"sh", "-c", "exec \"$0\" > /dev/full", command.argv.at(0)};
  return make_answer(run(command));
}

json owner_config(int n) {
  json config = rail_config(n);
  config.update(owner(n));
  return config;
}

}  // namespace

TEST_CASE("the named NIC takes the pod's default route and gives it back", "[default-nic]") {
  PodWorld world(3);
  ip({"-n", kOutside, "addr", "add", "198.51.100.1/32", "dev", "lo"});
  DefaultWatch watch;
  REQUIRE(failure(world.add(1, owner(2))) == "");
  CHECK(defaults() == Lines{kEth0Default});
  CHECK(failure(world.check(1)) == "");
  const Lines before = routes("pod", kMainTable);

  const Answer added = world.add(2, owner(2));
  REQUIRE(failure(added) == "");
  CHECK(defaults() == Lines{taken(2)});
  CHECK(added.body.at("routes") == json{{{"dst", "0.0.0.0/0"}, {"gw", rail_gateway(2)}}});
  CHECK(routes("pod", 100) ==
        Lines{"default via 169.254.1.1 dev eth0 ours", "169.254.1.1 dev eth0 scope link ours"});
  Lines by_eth0 = calico_main();
  by_eth0.erase(by_eth0.begin());
  CHECK(routes_by("eth0", "pod", kMainTable) == by_eth0);
  CHECK(routes("pod", 102).front() == "default via 172.16.12.254 dev net2 ours");
  REQUIRE(failure(world.add(3, owner(2))) == "");
  for (const int n : {1, 2, 3}) {
    CHECK(failure(world.check(n)) == "");
  }

  reaches_far_by("net2", rail_address(2), kFarAddress, "0.0.0.0");
  CHECK(way_to("8.8.8.8", "net2") == "net2");
  for (const char* address : {"10.233.0.10", "10.233.70.3", "169.254.20.10", kNodeAddress}) {
    CHECK(way_to(address, "net2") == "eth0");
  }
  answers_by_eth0(kEth0, "198.51.100.1", "net2");

  REQUIRE(failure(world.del(3)) == "");
  CHECK(defaults() == Lines{taken(2)});
  REQUIRE(failure(world.del(2)) == "");
  CHECK(routes("pod", kMainTable) == before);
  CHECK(failure(world.check(1)) == "");
  CHECK(way_to("8.8.8.8", "net1") == "eth0");
  REQUIRE(failure(world.del(2)) == "");
  REQUIRE(failure(world.del(1)) == "");
  CHECK(world.changes() == "");
  CHECK(watch.fewest() == 1);
}

TEST_CASE("the default comes back as it was, whoever made it", "[default-nic]") {
  const auto [overlay, replaced, has_journal,
              is_alone] = GENERATE(table<Overlay, std::string, bool, bool>({
      {Overlay::calico, "default via 169.254.1.1 dev eth0", true, true},
      {Overlay::calico, "default via 169.254.1.1 dev eth0", false, true},
      {Overlay::flannel, "default via 10.244.1.1 dev eth0 metric 300", true, false},
      {Overlay::flannel, "default via 10.244.1.1 dev eth0 metric 300", false, false},
      {Overlay::cilium, "default via 10.0.1.1 dev eth0 metric 5 mtu 1450 advmss 1360", true, false},
      {Overlay::calico, "default via 10.9.9.9 dev eth0 onlink", false, true},
  }));
  INFO(replaced << (has_journal ? "" : ", no journal") << (is_alone ? "" : ", one of two"));
  PodWorld world(2, overlay);
  ip_batch("pod",
           "route del default\nroute add " + replaced + (has_journal ? " protocol 17\n" : "\n"));
  world.look();
  if (!is_alone) {
    REQUIRE(failure(world.add(2)) == "");
  }
  DefaultWatch watch;
  REQUIRE(failure(world.add(1, owner(1))) == "");
  CHECK(defaults() == Lines{taken(1)});
  CHECK(routes("pod", 100).front() == replaced + " ours");
  CHECK(failure(world.check(1)) == "");
  if (!has_journal) {
    std::filesystem::remove_all(kStateDir);
    CHECK(failure(world.check(1)) == "");
  }
  REQUIRE(failure(world.del(1)) == "");
  CHECK(defaults() == Lines{replaced});
  CHECK(watch.fewest() == 1);
  if (!is_alone) {
    CHECK(failure(world.check(2)) == "");
    REQUIRE(failure(world.del(2)) == "");
  }
  CHECK(world.changes() == "");
}

TEST_CASE("NICs that come later find the overlay NIC, whatever its name", "[default-nic]") {
  PodWorld world(2);
  ip_batch("pod",
           "link set eth0 down\n"
           "link set eth0 name k8s0\n"
           "link set k8s0 up\n"
           "route add 169.254.1.1 dev k8s0 scope link\n"
           "route add default via 169.254.1.1 dev k8s0 metric 7\n"
           "route add default via 169.254.1.1 dev k8s0 metric 9\n");
  world.look();
  const bool has_journal = GENERATE(true, false);
  REQUIRE(failure(world.add(1, owner(1))) == "");
  const Lines table = routes("pod", 100);
  const Lines all_rules = rules("pod");
  REQUIRE(failure(world.add(2, {{"serviceCIDR", {"10.96.0.0/12"}}})) == "");
  const Lines kept = routes_by("k8s0", "pod", kMainTable);
  CHECK(std::count(kept.begin(), kept.end(),
                   "10.96.0.0/12 via 169.254.1.1 dev k8s0 src 10.233.119.164 ours") == 1);
  CHECK(routes("pod", 100) == table);
  CHECK(all_rules.at(1) == "32100: from all oif k8s0 lookup 100 ours");
  CHECK(failure(world.check(1)) == "");
  CHECK(failure(world.check(2)) == "");
  if (!has_journal) {
    std::filesystem::remove_all(kStateDir);
  }
  REQUIRE(failure(world.del(2)) == "");
  CHECK(rules("pod") == all_rules);
  CHECK(routes("pod", 100) == table);
  REQUIRE(failure(world.del(1)) == "");
  CHECK(world.changes() == "");
}

TEST_CASE("an ADD that fails leaves the default where it was", "[default-nic]") {
  PodWorld world(2);
  if (GENERATE(false, true)) {
    REQUIRE(failure(world.add(2)) == "");
    world.look();
  }
  DefaultWatch watch;
  SECTION("before the NIC has it") {
    Scenario::silence_gateway(1);
    json patch = owner(1);
    patch["gatewayProbe"] = {{"interval", "10ms"}};
    CHECK(world.add(1, patch).code() == 104);
    CHECK(watch.fewest() == 1);
  }
  SECTION("when the NIC has it") {
    CHECK(add_unheard(world, "net1", owner_config(1)).status == 1);
    CHECK(watch.fewest() == 1);
  }
  CHECK(defaults() == Lines{kEth0Default});
  CHECK(world.changes() == "");
}

TEST_CASE("an ADD that was killed has not cost the pod its default", "[default-nic]") {
  PodWorld world(1);
  REQUIRE(failure(world.add(1, owner(1))) == "");
  mark_as_killed();
  if (GENERATE(false, true)) {  // before it has removed the overlay NIC's
    ip({"-n", "pod", "route", "add", "default", "via", "169.254.1.1", "dev", "eth0"});
  }
  DefaultWatch watch;
  if (GENERATE(false, true)) {
    REQUIRE(failure(world.add(1, owner(1))) == "");
    CHECK(defaults() == Lines{taken(1)});
    CHECK(failure(world.check(1)) == "");
  }
  REQUIRE(failure(world.del(1)) == "");
  CHECK(defaults() == Lines{kEth0Default});
  CHECK(watch.fewest() == 1);
  CHECK(world.changes() == "");
}

TEST_CASE("DEL does not need the overlay NIC to be there", "[default-nic]") {
  PodWorld world(1);
  REQUIRE(failure(world.add(1, owner(1))) == "");
  const std::string change = GENERATE("link del eth0", "link set eth0 down", "addr flush dev eth0",
                                      "route flush dev eth0 table main");
  INFO(change);
  ip_batch("pod", change + '\n');
  CHECK(failure(world.del(1)) == "");
  CHECK_FALSE(snapshot("pod").at("links").contains("net1"));
  CHECK(rules("pod").empty());
  CHECK(snapshot_files(std::string(kStateDir)).empty());
  CHECK(snapshot_leases().empty());
}

TEST_CASE("CHECK sees a default that is not where it should be", "[default-nic]") {
  PodWorld world(1, Overlay::flannel);
  REQUIRE(failure(world.add(1, owner(1))) == "");
  const auto [change, words] = GENERATE(table<std::string, Lines>({
      {"route add default via 10.244.1.1 dev eth0",
       {"wanted nothing", "default via 10.244.1.1 dev eth0"}},
      {"route del default", {"default via 172.16.11.254 dev net1", "table main"}},
      {"route del default table 100", {"default via 10.244.1.1 dev eth0", "table 100"}},
  }));
  ip_batch("pod", change + '\n');
  const Answer checked = world.check(1);
  INFO(checked);
  CHECK(checked.code() == 109);
  CHECK(names(checked.message(), words));
}

TEST_CASE("both families' defaults go to the NIC and come back", "[default-nic][v6]") {
  PodWorld world(2, Overlay::calico, Families::dual);
  ip({"-n", kOutside, "addr", "add", "2001:db8::1/128", "dev", "lo"});
  ip({"-n", "pod", "-6", "route", "change", "default", "via", kCalicoNextHop6, "dev", "eth0",
      "metric", "1024", "mtu", "1400"});
  world.look();
  DefaultWatch v4;
  DefaultWatch v6("-6");
  const auto [families, has_journal] = GENERATE(table<Families, bool>({{Families::dual, true},
                                                                       {Families::dual, false},
                                                                       {Families::v4, true},
                                                                       {Families::v6, false}}));
  json config = rail_config_of(families, 1);
  config.update(owner(1));
  REQUIRE(failure(world.add("net1", config)) == "");
  REQUIRE(failure(world.add("net2", rail_config_of(Families::dual, 2))) == "");
  const std::string eth0_default6 =
      std::string("default via ") + kCalicoNextHop6 + " dev eth0 metric 1024 mtu 1400";
  const bool has_v4 = families != Families::v6;
  const bool has_v6 = families != Families::v4;
  CHECK(defaults("-4") == Lines{has_v4 ? taken(1) : kEth0Default});
  CHECK(defaults("-6") ==
        Lines{has_v6 ? "default via " + rail_gateway6(1) + " dev net1 metric 101 ours"
                     : eth0_default6});
  CHECK(failure(world.check(1)) == "");
  CHECK(failure(world.check(2)) == "");
  CHECK(way_to("8.8.8.8", "net1") == (has_v4 ? "net1" : "eth0"));
  if (has_v6) {
    reaches_far_by("net1", rail_address6(1), kFarAddress6, "::");
    CHECK(way_to("fd00:10:96::a", "net1") == "eth0");
    CHECK(way_to(kNodeAddress6, "net1") == "eth0");
    answers_by_eth0(world.pod().address6, "2001:db8::1", "net1");
  }
  if (!has_journal) {
    std::filesystem::remove_all(kStateDir);
  }
  REQUIRE(failure(world.del(1)) == "");
  CHECK(defaults("-4") == Lines{kEth0Default});
  CHECK(defaults("-6") == Lines{eth0_default6});
  REQUIRE(failure(world.del(2)) == "");
  CHECK(world.changes() == "");
  CHECK(v4.fewest() == 1);
  CHECK(v6.fewest() == 1);
}
