// SPDX-License-Identifier: Apache-2.0
#include "support/link_wanted.hpp"

#include "support/catch.hpp"
#include "support/namespaces.hpp"

namespace mvr::test {

namespace {

/// Where Calico's pods send everything.
const std::string kByOverlay = " via 169.254.1.1 dev eth0";

std::string rule(unsigned table, const std::string& selector) {
  return std::to_string(32000 + table) + " from " + selector + " lookup " + std::to_string(table) +
         " proto 216";
}

}  // namespace

std::vector<WantedNic> wanted_nics(const std::vector<int>& rails) {
  std::vector<WantedNic> nics;
  for (const int n : rails) {
    nics.push_back({n, "net" + std::to_string(n), static_cast<unsigned>(100 + n)});
  }
  return nics;
}

Lines wanted_rules(const Pod& pod, const std::vector<WantedNic>& nics) {
  Lines lines{"0 from all lookup local proto kernel"};
  if (!nics.empty()) {
    lines = lines + Lines{rule(100, pod.address), rule(100, "all oif eth0")};
  }
  for (const WantedNic& nic : nics) {
    lines = lines + Lines{rule(nic.table, nic.address()), rule(nic.table, "all oif " + nic.name)};
  }
  return lines + Lines{"32766 from all lookup main proto kernel",
                       "32767 from all lookup default proto kernel"};
}

Lines wanted_table(const WantedNic& nic) {
  return sorted(
      {"default via " + rail_gateway(nic.rail) + " dev " + nic.name + " proto 216",
       rail_subnet(nic.rail) + " dev " + nic.name + " proto 216 scope link src " + nic.address()});
}

Lines wanted_overlay_table() {
  return {"169.254.1.1 dev eth0 proto 216 scope link", "default" + kByOverlay + " proto 216"};
}

Lines wanted_main(const Pod& pod, const std::vector<WantedNic>& nics) {
  Lines lines{"default" + kByOverlay + " proto boot", "169.254.1.1 dev eth0 proto boot scope link"};
  for (const char* dst : {"10.233.0.0/18", "10.233.64.0/18", "169.254.0.0/16", kNodeAddress}) {
    if (!nics.empty()) {
      lines.push_back(dst + kByOverlay + " proto 216 src " + pod.address);
    }
  }
  for (const WantedNic& nic : nics) {
    lines.push_back(rail_subnet(nic.rail) + " dev " + nic.name + " proto kernel scope link src " +
                    nic.address() + " metric " + std::to_string(nic.table));
  }
  return sorted(std::move(lines));
}

void check_routing(const Pod& pod, const std::vector<WantedNic>& nics) {
  CHECK(read_rules(pod.name) == wanted_rules(pod, nics));
  CHECK(read_table(pod.name, "main") == wanted_main(pod, nics));
  Lines tables{"main"};
  if (!nics.empty()) {
    CHECK(read_table(pod.name, 100) == wanted_overlay_table());
    tables.emplace_back("100");
  }
  for (const WantedNic& nic : nics) {
    INFO(nic.name);
    CHECK(read_table(pod.name, nic.table) == wanted_table(nic));
    tables.push_back(std::to_string(nic.table));
  }
  CHECK(read_tables(pod.name) == sorted(tables));
}

OnePod::OnePod(const ScenarioOptions& options, Overlay overlay)
    : scenario(options),
      pod(scenario.add_pod("pod", overlay)),
      runtime(pod),
      before(snapshot_world({"pod"})) {
}

std::size_t count_journals() {
  return snapshot_files(std::string(kStateDir)).size();
}

json read_only_journal() {
  const json files = snapshot_files(std::string(kStateDir));
  REQUIRE(files.size() == 1);
  return json::parse(files.begin()->get<std::string>());
}

void check_ok(const Answer& answer) {
  INFO(answer);
  CHECK(answer.ok());
  CHECK(answer.out.empty());
}

json add_or_fail(Runtime& runtime, int n, const json& patch) {
  Answer answer = runtime.add(n, patch);
  if (!answer.ok()) {
    FAIL(answer);
  }
  return std::move(answer.body);
}

Call add_call(const Runtime& runtime, const FakeIpam& ipam) {
  json config = rail_config(1);
  config["ipam"] = ipam.section();
  Call call = runtime.call("ADD", "net1", config);
  call.cni_path = ipam.dir();
  return call;
}

}  // namespace mvr::test
