// SPDX-License-Identifier: Apache-2.0
// The journal's text.
#include <concepts>
#include <utility>

#include <nlohmann/json.hpp>

#include "mvr/state/journal.hpp"

namespace mvr::state {
namespace {

using Json = nlohmann::json;

/// Raised when the meaning of a field changes; a record of another format is not believed.
constexpr int kFormat = 1;

constexpr cni::Version kIpamVersion{1, 1, 0};

/// The number, or nothing when it is none or the type cannot hold it.
template <std::integral T>
std::optional<T> to_number(const Json& json) {
  if (json.is_number_unsigned()) {
    const auto value = json.get<std::uint64_t>();
    return std::in_range<T>(value) ? std::optional(static_cast<T>(value)) : std::nullopt;
  }
  if (json.is_number_integer()) {
    const auto value = json.get<std::int64_t>();
    return std::in_range<T>(value) ? std::optional(static_cast<T>(value)) : std::nullopt;
  }
  return std::nullopt;
}

/// The field's value, or nothing when it is missing or of another type.
template <typename T>
std::optional<T> get(const Json& json, const char* key) {
  const auto field = json.find(key);
  if (field == json.end()) {
    return std::nullopt;
  }
  if constexpr (std::is_same_v<T, std::string>) {
    return field->is_string() ? std::optional(field->template get<T>()) : std::nullopt;
  } else if constexpr (std::is_same_v<T, bool>) {
    return field->is_boolean() ? std::optional(field->template get<T>()) : std::nullopt;
  } else {
    return to_number<T>(*field);
  }
}

/// A wrong or missing field leaves its default and clears `is_whole`.
template <typename T>
void read(const Json& json, const char* key, T& value, bool& is_whole) {
  const std::optional<T> found = get<T>(json, key);
  is_whole &= found.has_value();
  value = found.value_or(T{});
}

/// The same for a field that journals of before do not have: a pod's journal outlives the plugin
/// that wrote it.
template <typename T>
void read_if_there(const Json& json, const char* key, T& value, bool& is_whole) {
  if (json.contains(key)) {
    read(json, key, value, is_whole);
  }
}

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
  if (record.rdma) {
    json["rdma"] = format_rdma(*record.rdma);
  }
  if (record.ipam) {
    json["ipamResult"] = cni::format_result(*record.ipam, kIpamVersion);
  }
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
  if (const auto rdma = json.find("rdma"); rdma != json.end()) {
    record.rdma = parse_rdma(*rdma);
    is_whole &= record.rdma.has_value();
  }
  if (const auto ipam = get<std::string>(json, "ipamResult")) {
    if (auto result = cni::parse_result(*ipam, kIpamVersion)) {
      record.ipam = *std::move(result);
    }
  }
  return is_whole ? std::optional(record) : std::nullopt;
}

}  // namespace mvr::state
