// SPDX-License-Identifier: Apache-2.0
// The inventory of a node as JSON, to be carried to where the manifests are made.
#include <algorithm>
#include <array>
#include <optional>

#include <nlohmann/json.hpp>

#include "mvr/base/text.hpp"
#include "ops/inventory.hpp"

namespace mvr::ops {
namespace {

using Json = nlohmann::json;
using Ordered = nlohmann::ordered_json;

constexpr int kFormat = 1;
constexpr std::array<std::string_view, 4> kKinds{"physical", "virtual function", "representor",
                                                 "bond"};

Ordered to_json(const PciDevice& device) {
  return {{"path", device.path},
          {"vendor", device.vendor},
          {"device", device.device},
          {"numa", device.numa}};
}

Ordered to_json(const Nic& nic) {
  return {{"name", nic.name},
          {"pci", to_json(nic.pci)},
          {"rdma", nic.rdma},
          {"master", nic.master},
          {"kind", kKinds.at(static_cast<std::size_t>(nic.kind))},
          {"speedMbps", nic.speed_mbps},
          {"mtu", nic.mtu},
          {"up", nic.is_up},
          {"ethernet", nic.is_ethernet},
          {"defaultRoute", nic.has_default_route}};
}

Error missing(std::string_view key, std::string_view type) {
  return {Code::decode, 0, '"' + std::string(key) + "\" is missing, or no " + std::string(type)};
}

/// Reads the members of one object; the first that is wrong is remembered.
class Members {
 public:
  explicit Members(const Json& object) : object_(object) {}

  std::string text(std::string_view key) {
    const Json* value = find(
        key, [](const Json& v) { return v.is_string(); }, "string");
    return value != nullptr ? value->get<std::string>() : "";
  }
  std::int64_t number(std::string_view key) {
    const Json* value = find(
        key, [](const Json& v) { return v.is_number_integer(); }, "integer");
    return value != nullptr ? value->get<std::int64_t>() : 0;
  }
  bool flag(std::string_view key) {
    const Json* value = find(
        key, [](const Json& v) { return v.is_boolean(); }, "boolean");
    return value != nullptr && value->get<bool>();
  }
  const Json& object(std::string_view key) {
    const Json* value = find(
        key, [](const Json& v) { return v.is_object(); }, "object");
    return value != nullptr ? *value : nothing_;
  }
  const Json& list(std::string_view key) {
    const Json* value = find(
        key, [](const Json& v) { return v.is_array(); }, "list");
    return value != nullptr ? *value : nothing_;
  }
  void refuse(std::string_view key, std::string_view type) {
    error_ = error_ ? error_ : missing(key, type);
  }

  [[nodiscard]] Result<void> check() const { return error_ ? fail(*error_) : Result<void>(); }

 private:
  const Json* find(std::string_view key, bool (*is_right)(const Json&), std::string_view type) {
    const auto found = object_.is_object() ? object_.find(std::string(key)) : object_.end();
    if (found == object_.end() || !is_right(*found)) {
      refuse(key, type);
      return nullptr;
    }
    return &*found;
  }

  const Json nothing_;
  const Json& object_;
  std::optional<Error> error_;
};

Result<PciDevice> read_device(const Json& json) {
  Members members(json);
  PciDevice device;
  for (const Json& part : members.list("path")) {
    if (!part.is_string()) {
      members.refuse("path", "list of strings");
      break;
    }
    device.path.push_back(part.get<std::string>());
  }
  device.vendor = members.text("vendor");
  device.device = members.text("device");
  device.numa = static_cast<int>(members.number("numa"));
  MVR_TRY(members.check());
  return device;
}

Result<Nic> read_nic(const Json& json) {
  Members members(json);
  Nic nic;
  nic.name = members.text("name");
  nic.rdma = members.text("rdma");
  nic.master = members.text("master");
  const auto* const kind = std::ranges::find(kKinds, members.text("kind"));
  if (kind == kKinds.end()) {
    members.refuse("kind", "known kind");
  } else {
    nic.kind = static_cast<NicKind>(kind - kKinds.begin());
  }
  nic.speed_mbps = members.number("speedMbps");
  nic.mtu = members.number("mtu");
  nic.is_up = members.flag("up");
  nic.is_ethernet = members.flag("ethernet");
  nic.has_default_route = members.flag("defaultRoute");
  const Json& pci = members.object("pci");
  MVR_TRY(members.check());
  nic.pci = MVR_TRY(read_device(pci));
  return nic;
}

}  // namespace

std::string format_inventory(const Inventory& inventory) {
  Ordered gpus = Ordered::array();
  for (const PciDevice& gpu : inventory.gpus) {
    gpus.push_back(to_json(gpu));
  }
  Ordered nics = Ordered::array();
  for (const Nic& nic : inventory.nics) {
    nics.push_back(to_json(nic));
  }
  const Ordered all{{"format", kFormat}, {"node", inventory.node}, {"gpus", gpus}, {"nics", nics}};
  return all.dump(2, ' ', /*ensure_ascii=*/true, Ordered::error_handler_t::replace) + '\n';
}

Result<Inventory> parse_inventory(std::string_view text) {
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) {
    return fail(Code::decode, "no inventory: it is not a JSON object");
  }
  Members members(json);
  if (members.number("format") != kFormat) {
    return fail(Code::decode, "no inventory of format " + std::to_string(kFormat) +
                                  "; \"macvlan-rdma generate --inventory\" prints one");
  }
  Inventory inventory{members.text("node"), {}, {}};
  for (const Json& gpu : members.list("gpus")) {
    inventory.gpus.push_back(
        MVR_TRY(in("gpus/" + std::to_string(inventory.gpus.size()), read_device(gpu))));
  }
  for (const Json& nic : members.list("nics")) {
    inventory.nics.push_back(
        MVR_TRY(in("nics/" + std::to_string(inventory.nics.size()), read_nic(nic))));
  }
  MVR_TRY(members.check());
  return inventory;
}

}  // namespace mvr::ops
