// SPDX-License-Identifier: Apache-2.0
#include "vm/support/rdma_pod.hpp"

#include "mvr/base/text.hpp"
#include "support/catch.hpp"
#include "support/namespaces.hpp"
#include "support/world.hpp"

namespace mvr::test {

namespace {

/// How an IPv4 address looks in a GID table.
constexpr const char* kMapped = "::ffff:";

json snapshot_all() {
  json all = snapshot_world({"pod"});
  all["rdma"]["node"] = snapshot_rdma("");
  if (read_rdma_mode() == RdmaMode::exclusive) {
    all["rdma"]["pod"] = snapshot_rdma("pod");
  }
  return all;
}

/// The entry with this index, as libibverbs gives it; null without one.
json query_gid(const RdmaNic& nic, unsigned index) {
  for (json& entry : query_gids(nic.pod, nic.device)) {
    if (entry.at("index") == index) {
      return std::move(entry);
    }
  }
  return {};
}

void check_journal(const RdmaNic& nic, unsigned index) {
  const json rdma = read_journal(nic).at("rdma");
  CHECK(rdma.at("name") == nic.device);
  CHECK(rdma.at("port") == 1);
  CHECK(rdma.at("gids") == json::array({index}));
  CHECK(rdma.at("moved") == (read_rdma_mode() == RdmaMode::exclusive));
}

}  // namespace

void change_rdma(const std::string& netns, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "rdma");
  const Output output = run({.argv = arguments, .netns = netns_path(netns)});
  INFO(join(arguments, " ") << ": " << output.err);
  REQUIRE(output.status == 0);
}

json snapshot_rdma(const std::string& netns) {
  json all = json::object();
  for (const json& link : rdma_json(netns, {"link", "show"})) {
    all[link.at("ifname").get<std::string>()] = link.value("netdev", "");
  }
  return all;
}

RdmaPod::RdmaPod(RdmaMode mode, const ScenarioOptions& options, Overlay overlay)
    : node(mode, options), pod(node.add_pod("pod", overlay)), runtime(pod), before(snapshot_all()) {
}

void RdmaPod::look() {
  before = snapshot_all();
}

std::string RdmaPod::changes() const {
  // The end of a namespace, and of what was in it, takes the kernel some time.
  std::string result;
  eventually([&] {
    result = difference(before, snapshot_all());
    return result.empty();
  });
  return result;
}

RdmaNic rail_nic(const Pod& pod, int n) {
  return {pod.name, "net" + std::to_string(n), rail_device(n), rail_address(n)};
}

json read_journal(const RdmaNic& nic) {
  for (const auto& file : snapshot_files(std::string(kStateDir))) {
    json journal = json::parse(file.get<std::string>());
    if (journal.at("netns") == netns_path(nic.pod) && journal.at("ifname") == nic.name) {
      return journal;
    }
  }
  FAIL("no journal of " << nic.name << " in " << nic.pod);
  return {};
}

LogLine read_add_line(const Answer& answer) {
  const auto lines = read_log(answer.err);
  REQUIRE_FALSE(lines.empty());
  REQUIRE(lines.back().at("msg") == "ADD");
  return lines.back();
}

std::vector<std::string> read_warnings(const Answer& answer) {
  std::vector<std::string> warnings;
  for (const LogLine& line : read_log(answer.err)) {
    if (line.at("level") == "warn") {
      warnings.push_back(line.at("msg"));
    }
  }
  return warnings;
}

void check_gid(const RdmaNic& nic, const Answer& added) {
  INFO(nic.name << " of " << nic.pod << ": " << added);
  REQUIRE(added.ok());
  CHECK(read_warnings(added).empty());
  const auto index = find_gid(nic.pod, nic.device, nic.address);
  REQUIRE(index);
  const json entry = query_gid(nic, *index);
  REQUIRE(entry.is_object());
  CHECK(entry.at("gid") == kMapped + nic.address);
  CHECK(entry.at("type") == "RoCE v2");
  CHECK(entry.at("ndev_index") == read_link(nic.pod, nic.name).at("ifindex"));
  const LogLine line = read_add_line(added);
  CHECK(line.at("rdma_device") == nic.device);
  CHECK(line.at("rdma_port") == "1");
  CHECK(line.at("gid_index") == std::to_string(*index));
  check_journal(nic, *index);
}

void check_gid_gone(const RdmaNic& nic) {
  INFO(nic.device << ", " << nic.address);
  CHECK(eventually([&nic] { return !find_gid("", nic.device, nic.address); }));
}

void check_traffic(const std::vector<VerbsPair>& pairs) {
  for (const VerbsPair& pair : pairs) {
    const VerbsEnd& end = pair.server;
    INFO(end.device << " in " << end.netns);
    REQUIRE(eventually([&end] { return find_gid(end.netns, end.device, end.address); }));
  }
  CHECK(exchange_verbs("ib_write_bw", pairs) == "");
  CHECK(exchange_verbs("ib_read_lat", pairs) == "");
  CHECK(exchange_rping(pairs) == "");
}

}  // namespace mvr::test
