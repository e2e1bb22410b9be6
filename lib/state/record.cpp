// SPDX-License-Identifier: Apache-2.0
// The journal's text.
#include <algorithm>

#include "mvr/state/journal.hpp"
#include "state/record_json.hpp"

namespace mvr::state {
namespace {

/// Raised when the meaning of a field changes; a record of another format is not believed.
constexpr int kFormat = 1;

constexpr cni::Version kIpamVersion{1, 1, 0};

Json format_rdma(const RdmaRecord& rdma) {
  return {
      {"index", to_int(rdma.device)}, {"name", rdma.name},        {"port", rdma.port},
      {"guid", rdma.node_guid},       {"pci", rdma.pci_address},  {"netdev", to_int(rdma.netdev)},
      {"moved", rdma.is_moved},       {"gids", rdma.gid_indexes},
  };
}

/// Indexes that are all there, or nothing at all: each stands for an address.
std::optional<std::vector<std::uint32_t>> parse_indexes(const Json& json, const char* key) {
  const auto array = json.find(key);
  if (array == json.end() || !array->is_array()) {
    return std::nullopt;
  }
  std::vector<std::uint32_t> indexes;
  for (const Json& one : *array) {
    const auto index = to_number<std::uint32_t>(one);
    if (!index) {
      return std::nullopt;
    }
    indexes.push_back(*index);
  }
  return indexes;
}

/// Nothing for what no `format_rdma` wrote.
std::optional<RdmaRecord> parse_rdma(const Json& json) {
  RdmaRecord rdma;
  bool is_whole = json.is_object();
  if (!is_whole) {
    return std::nullopt;
  }
  std::uint32_t index = 0;
  int netdev = 0;
  read(json, "index", index, is_whole);
  read(json, "name", rdma.name, is_whole);
  read(json, "port", rdma.port, is_whole);
  read(json, "guid", rdma.node_guid, is_whole);
  read(json, "pci", rdma.pci_address, is_whole);
  read(json, "netdev", netdev, is_whole);
  read(json, "moved", rdma.is_moved, is_whole);
  rdma.device = rdma::DeviceIndex{index};
  rdma.netdev = net::IfIndex{netdev};
  auto gids = parse_indexes(json, "gids");
  is_whole &= gids.has_value();
  rdma.gid_indexes = std::move(gids).value_or(std::vector<std::uint32_t>());
  return is_whole ? std::optional(rdma) : std::nullopt;
}

/// Nothing for what no `format_record` wrote.
std::optional<VlanRecord> parse_vlan(const Json& json) {
  VlanRecord vlan;
  int master = 0;
  bool is_whole = json.is_object();
  if (!is_whole) {
    return std::nullopt;
  }
  read(json, "master", master, is_whole);
  read(json, "id", vlan.id, is_whole);
  vlan.master = net::IfIndex{master};
  return is_whole ? std::optional(vlan) : std::nullopt;
}

/// Nothing for what no `format_extras` wrote.
std::optional<Request> parse_request(const Json& json) {
  Request request;
  bool is_whole = json.is_object();
  if (!is_whole) {
    return std::nullopt;
  }
  read(json, "config", request.config, is_whole);
  read(json, "path", request.path, is_whole);
  read(json, "args", request.args, is_whole);
  return is_whole ? std::optional(std::move(request)) : std::nullopt;
}

void read_routes_if_there(const Json& json, const char* key, std::vector<net::Route>& routes,
                          bool& is_whole) {
  if (const auto field = json.find(key); field != json.end()) {
    auto parsed = parse_routes(*field);
    is_whole &= parsed.has_value();
    routes = std::move(parsed).value_or(std::vector<net::Route>());
  }
}

/// "mainDefault": [4, 6]
Json format_families(const std::vector<ip::Family>& families) {
  Json json = Json::array();
  for (const ip::Family family : families) {
    json.push_back(family == ip::Family::v4 ? 4 : 6);
  }
  return json;
}

void read_families_if_there(const Json& json, std::vector<ip::Family>& families, bool& is_whole) {
  const auto field = json.find("mainDefault");
  if (field == json.end()) {
    return;
  }
  is_whole &= field->is_array() && !field->empty();
  for (const Json& one : *field) {
    const int number = to_number<int>(one).value_or(0);
    is_whole &= number == 4 || number == 6;
    families.push_back(number == 4 ? ip::Family::v4 : ip::Family::v6);
  }
}

/// DEL removes the node's routes and puts the pod's defaults back: no others than ADD can mean.
bool can_be_undone(const Record& record) {
  const auto is_node_route = [&](const net::Route& route) {
    return route.table == record.host_rule_table && route.protocol == net::kOurMark;
  };
  const auto is_overlay_default = [](const net::Route& route) {
    return route.dst.is_default() && route.table == net::kTableMain &&
           route.protocol != net::kOurMark;
  };
  return std::ranges::all_of(record.node_routes, is_node_route) &&
         std::ranges::all_of(record.overlay_defaults, is_overlay_default);
}

/// What few attachments have.
void format_extras(const Record& record, Json& json) {
  if (record.rdma) {
    json["rdma"] = format_rdma(*record.rdma);
  }
  if (record.vlan) {
    json["vlan"] = {{"master", to_int(record.vlan->master)}, {"id", record.vlan->id}};
  }
  if (record.host_rule_table != 0) {
    json["hostRuleTable"] = record.host_rule_table;
    json["nodeRoutes"] = format_routes(record.node_routes);
  }
  if (!record.overlay_defaults.empty()) {
    json["overlayDefaults"] = format_routes(record.overlay_defaults);
  }
  if (!record.default_families.empty()) {
    json["mainDefault"] = format_families(record.default_families);
  }
  if (record.mtu != 0) {
    json["mtu"] = record.mtu;
  }
  if (record.mac) {
    json["mac"] = record.mac->to_string();
  }
  if (record.request) {
    json["request"] = {{"config", record.request->config},
                       {"path", record.request->path},
                       {"args", record.request->args}};
  }
  if (record.ipam) {
    json["ipamResult"] = cni::format_result(*record.ipam, kIpamVersion);
  }
}

void read_extras(const Json& json, Record& record, bool& is_whole) {
  if (const auto rdma = json.find("rdma"); rdma != json.end()) {
    record.rdma = parse_rdma(*rdma);
    is_whole &= record.rdma.has_value();
  }
  if (const auto vlan = json.find("vlan"); vlan != json.end()) {
    record.vlan = parse_vlan(*vlan);
    is_whole &= record.vlan.has_value();
  }
  if (json.contains("mtu")) {
    read(json, "mtu", record.mtu, is_whole);
  }
  if (json.contains("mac")) {
    record.mac = ip::Mac::parse(get<std::string>(json, "mac").value_or(""));
    is_whole &= record.mac.has_value();
  }
  if (const auto request = json.find("request"); request != json.end()) {
    record.request = parse_request(*request);
    is_whole &= record.request.has_value();
  }
  read_if_there(json, "hostRuleTable", record.host_rule_table, is_whole);
  read_routes_if_there(json, "nodeRoutes", record.node_routes, is_whole);
  read_routes_if_there(json, "overlayDefaults", record.overlay_defaults, is_whole);
  read_families_if_there(json, record.default_families, is_whole);
  is_whole &= can_be_undone(record);
  if (const auto ipam = get<std::string>(json, "ipamResult")) {
    if (auto result = cni::parse_result(*ipam, kIpamVersion)) {
      record.ipam = *std::move(result);
    }
  }
}

}  // namespace

std::string format_record(const Record& record) {
  Json json = {
      {"format", kFormat},
      {"network", record.attachment.network},
      {"containerID", record.attachment.container_id},
      {"ifname", record.attachment.ifname},
      {"netns", record.netns_path},
      {"netnsDevice", record.netns.device},
      {"netnsInode", record.netns.inode},
      {"master", record.master},
      {"masterIndex", record.master_index},
      {"table", record.table},
      {"ipam", record.ipam_type},
      {"complete", record.is_complete},
      {"pod", record.pod},
      {"deviceInfoFile", record.device_info_file},
  };
  format_extras(record, json);
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + '\n';
}

std::optional<Record> parse_record(const std::string& text) {
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_object() || get<int>(json, "format") != kFormat) {
    return std::nullopt;
  }
  Record record;
  bool is_whole = true;
  read(json, "network", record.attachment.network, is_whole);
  read(json, "containerID", record.attachment.container_id, is_whole);
  read(json, "ifname", record.attachment.ifname, is_whole);
  read(json, "netns", record.netns_path, is_whole);
  read(json, "netnsDevice", record.netns.device, is_whole);
  read(json, "netnsInode", record.netns.inode, is_whole);
  read(json, "master", record.master, is_whole);
  read(json, "masterIndex", record.master_index, is_whole);
  read(json, "table", record.table, is_whole);
  read(json, "ipam", record.ipam_type, is_whole);
  read(json, "complete", record.is_complete, is_whole);
  read_if_there(json, "pod", record.pod, is_whole);
  read_if_there(json, "deviceInfoFile", record.device_info_file, is_whole);
  read_extras(json, record, is_whole);
  return is_whole ? std::optional(record) : std::nullopt;
}

}  // namespace mvr::state
