// SPDX-License-Identifier: Apache-2.0
#include "cni/netconf_readers.hpp"

#include <algorithm>
#include <limits>

#include <nlohmann/json.hpp>

#include "cni/result_json.hpp"
#include "mvr/base/text.hpp"

namespace mvr::cni {
namespace {

constexpr std::int64_t kMaxU32 = std::numeric_limits<std::uint32_t>::max();

/// An interface's name or altname, a PCI address or an RDMA device's name.
bool is_master_name(std::string_view text) {
  constexpr std::size_t kMaxLength = 127;  // ALTIFNAMSIZ without its zero
  return !text.empty() && text.size() <= kMaxLength && text != "." && text != ".." &&
         text.find('/') == std::string_view::npos && !has_control(text);
}

void add_master(const Field& field) {
  const std::string* name = field.text();
  if (name == nullptr || !is_master_name(*name)) {
    field.refuse(
        "must be the name of a network interface, a PCI address or the name of an RDMA device, at "
        "most 127 bytes without '/' and control characters, or a list of these");
    return;
  }
  field.conf().master.push_back(*name);
}

void add_host_address(const Field& field, std::vector<ip::Address>& addresses) {
  const auto address = read_unicast(
      field, "must be a unicast address of the node, such as \"10.1.20.4\" or \"fd00:10:1::4\"");
  if (address && ip::Prefix::parse("fe80::/10")->contains(*address)) {
    field.refuse("is link-local, which is not routed; name another address of the node");
  } else if (address) {
    addresses.push_back(*address);
  }
}

/// A file name that is looked for in the directories of CNI_PATH.
bool is_plugin_type(std::string_view text) {
  constexpr std::size_t kMaxLength = 255;  // NAME_MAX
  return text.size() <= kMaxLength && text != "." && text != ".." &&
         text.find('/') == std::string_view::npos && !has_control(text);
}

}  // namespace

void read_master(const Field& field) {
  const std::string* text = field.text();
  if (text != nullptr && text->empty()) {
    return;
  }
  if (!field.value.is_array()) {
    add_master(field);
    return;
  }
  for (std::size_t i = 0; i < field.value.size(); ++i) {
    add_master(field.element(i));
  }
}

void read_mtu(const Field& field) {
  constexpr std::int64_t kMin = 68;  // RFC 791; the kernel's ETH_MIN_MTU
  constexpr std::int64_t kMax = 65535;
  const auto mtu = read_integer(field, 0, kMax);
  if (mtu && *mtu != 0 && *mtu < kMin) {
    field.refuse("must be 0 (the master's) or from 68 to 65535");
  } else if (mtu) {
    field.conf().mtu = static_cast<std::uint32_t>(*mtu);
  }
}

void read_mac_prefix(const Field& field) {
  const std::string* text = field.text();
  if (text != nullptr && text->empty()) {
    field.conf().mac_prefix.reset();
    return;
  }
  const auto mac = text == nullptr ? std::nullopt : ip::Mac::parse(*text + ":00:00:00:00");
  if (!mac) {
    field.refuse("must be two octets such as \"0a:58\", or \"\" for none");
  } else if (mac->is_multicast()) {
    field.refuse("has the group bit set; the first octet must be even, as in \"0a:58\"");
  } else {
    field.conf().mac_prefix = {mac->bytes()[0], mac->bytes()[1]};
  }
}

void read_ipam(const Field& field) {
  if (field.value.is_null() || (field.value.is_object() && field.value.empty())) {
    return;
  }
  const Member type = find_member(field.value, "type");
  if (type.value == nullptr) {
    field.refuse("must be an object with the type of an IPAM plugin, or {} for layer 2 only");
    return;
  }
  const Field type_field = field.member("type", *type.value);
  if (type_field.text() == nullptr || !is_plugin_type(*type_field.text())) {
    type_field.refuse("must be the file name of an IPAM plugin, without '/'");
    return;
  }
  field.conf().ipam_type = *type_field.text();
}

void read_overlay_nic(const Field& field) {
  const std::string* text = field.text();
  if (text == nullptr || !is_valid_ifname(*text)) {
    field.refuse("must be the name of an interface, 1 to 15 bytes");
    return;
  }
  field.conf().overlay_nic = *text;
}

void read_default_route_nic(const Field& field) {
  const std::string* text = field.text();
  if (text == nullptr || (!text->empty() && !is_valid_ifname(*text))) {
    field.refuse("must be the name of an interface, 1 to 15 bytes, or \"\" for the overlay NIC");
    return;
  }
  field.conf().default_route_nic = *text;
}

void read_host_addresses(const Field& field) {
  if (field.text() != nullptr && *field.text() == "auto") {
    field.conf().host_addresses.reset();
    return;
  }
  if (!field.value.is_array()) {
    field.refuse("must be \"auto\" or a list of addresses");
    return;
  }
  auto& addresses = field.conf().host_addresses.emplace();
  for (std::size_t i = 0; i < field.value.size(); ++i) {
    add_host_address(field.element(i), addresses);
  }
}

std::optional<std::uint32_t> read_table(const Field& field, std::int64_t low) {
  constexpr std::int64_t kDefault = 253;  // then main, 254
  constexpr std::int64_t kLocal = 255;
  const auto table = read_integer(field, low, kMaxU32);
  if (table && *table >= kDefault && *table <= kLocal) {
    field.refuse("must not be one of the kernel's tables 253, 254 and 255");
    return std::nullopt;
  }
  return table ? std::optional(static_cast<std::uint32_t>(*table)) : std::nullopt;
}

void read_rp_filter(const Field& field) {
  if (const auto value = read_integer(field, -1, 2)) {
    field.conf().rp_filter = static_cast<int>(*value);
  }
}

void read_log_file(const Field& field) {
  const std::string* text = field.text();
  if (text != nullptr && text->empty()) {
    field.conf().log_file.clear();
  } else if (auto path = read_path(field)) {
    field.conf().log_file = *std::move(path);
  }
}

void read_defaults_file(const Field& field) {
  read_path(field);  // defaults_path has used it already; here it is only judged
}

void read_timeout(const Field& field) {
  using namespace std::chrono_literals;
  if (const auto timeout = read_duration(field, 1s, 1h)) {
    field.conf().timeout = *timeout;
  }
}

void read_type(const Field& field) {
  if (field.text() == nullptr) {
    field.refuse("must be a string");
    return;
  }
  field.conf().type = *field.text();
}

void read_dns_field(const Field& field) {
  if (field.value.is_null()) {
    return;
  }
  Result<Dns> dns = read_dns(field.value, field.label);
  if (!dns) {
    field.out.problems.push_back(std::move(dns).error().as(Code::bad_config));
    return;
  }
  field.conf().dns = *std::move(dns);
}

void read_prev_result(const Field& field) {
  if (field.value.is_null()) {
    return;
  }
  Result<AddResult> result = read_result(field.value, field.conf().cni_version);
  if (!result) {
    field.out.problems.push_back(std::move(result).error().in(field.label).as(Code::bad_config));
    return;
  }
  field.conf().prev_result = *std::move(result);
}

}  // namespace mvr::cni
