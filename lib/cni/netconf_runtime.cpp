// SPDX-License-Identifier: Apache-2.0
#include "cni/netconf_runtime.hpp"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "mvr/base/text.hpp"

namespace mvr::cni {
namespace {

/// An object inside another one; nothing if absent or null, and a problem if it is no object.
std::optional<Field> find_object(const Field& parent, std::string_view key) {
  const Json* value = find_value(parent.value, key);
  if (value == nullptr) {
    return std::nullopt;
  }
  Field field = parent.member(key, *value);
  if (!value->is_object()) {
    field.refuse("must be an object");
    return std::nullopt;
  }
  return field;
}

/// Where a runtime may have put values for one call.
struct Sources {
  std::optional<Field> args;            ///< args.cni
  std::optional<Field> runtime_config;  ///< values of the capabilities
};

/// A MAC address and who asked for it.
struct MacChoice {
  std::string source;
  std::optional<ip::Mac> mac;
};

void override_mac(MacChoice& choice, const std::optional<Field>& object) {
  const Json* value = object ? find_value(object->value, "mac") : nullptr;
  if (value == nullptr) {
    return;
  }
  const Field field = object->member("mac", *value);
  if (const auto mac = read_nic_mac(field); mac && *mac) {
    choice = {field.label, *mac};
  }
}

/// Why no MAC address can be made of podMACPrefix; empty if one can.
std::string find_prefix_hindrance(const NetConf& conf, const MacChoice& choice) {
  if (choice.mac) {
    return "not allowed with " + choice.source + ' ' + choice.mac->to_string() +
           ", which is a whole MAC address; leave out one of the two";
  }
  if (conf.mode == MacvlanMode::passthru) {
    return "not allowed with mode \"passthru\", which takes the master's MAC address";
  }
  if (conf.ipam_type == "dhcp") {
    return "not allowed with ipam.type \"dhcp\", which needs the MAC address before it has an "
           "address";
  }
  return conf.ipam_type.empty() ? "needs an address to make the MAC address of, so an ipam.type"
                                : "";
}

void check_mac_prefix(const Field& root, const MacChoice& choice) {
  auto& prefix = root.conf().mac_prefix;
  if (!prefix) {
    return;
  }
  const std::string hindrance = find_prefix_hindrance(root.conf(), choice);
  if (!hindrance.empty()) {
    const Json text = to_hex(prefix->data(), 1) + ':' + to_hex(prefix->data() + 1, 1);
    root.member("podMACPrefix", text).refuse(hindrance);
    prefix.reset();
  }
}

void choose_mac(const Field& root, const Args& args, const Sources& sources) {
  NetConf& conf = root.conf();
  MacChoice choice{"mac", conf.mac};
  if (args.mac) {
    choice = {"CNI_ARGS MAC", args.mac};
  }
  override_mac(choice, sources.args);
  override_mac(choice, sources.runtime_config);
  conf.mac = choice.mac;
  check_mac_prefix(root, choice);
  if (conf.mac && conf.mode == MacvlanMode::passthru) {
    const Json text = conf.mac->to_string();
    const Field field{choice.source, text, root.out};
    field.refuse("not allowed with mode \"passthru\", which takes the master's MAC address");
  }
}

bool is_hex(std::string_view text) {
  return text.find_first_not_of("0123456789abcdefABCDEF") == std::string_view::npos;
}

/// "0000:0b:00.0"; the domain may be longer (Intel VMD has 10000).
bool is_pci_address(std::string_view text) {
  constexpr std::size_t kTail = 8;  // ":0b:00.0"
  constexpr std::size_t kMinDomain = 4;
  constexpr std::size_t kMaxDomain = 8;
  if (text.size() < kMinDomain + kTail || text.size() > kMaxDomain + kTail) {
    return false;
  }
  const std::string_view tail = text.substr(text.size() - kTail);
  return is_hex(text.substr(0, text.size() - kTail)) && tail[0] == ':' &&
         is_hex(tail.substr(1, 2)) && tail[3] == ':' && is_hex(tail.substr(4, 2)) &&
         tail[6] == '.' && tail[7] >= '0' && tail[7] <= '7';
}

bool is_number(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

/// "mlx5_core.sf.4": driver, kind, number.
bool is_auxiliary_device(std::string_view text) {
  const auto pieces = split(text, '.');
  const auto is_name = [](std::string_view piece) { return is_valid_id(piece); };
  return pieces.size() == 3 && std::ranges::all_of(pieces, is_name) && is_number(pieces[2]);
}

/// The device in a value. The shared device plugin numbers its devices; those names say nothing.
std::optional<std::string> read_device(const Field& field) {
  const std::string* text = field.text();
  if (text != nullptr && is_pci_address(*text)) {
    return to_lower(*text);  // as sysfs spells it
  }
  if (text != nullptr && is_auxiliary_device(*text)) {
    return *text;
  }
  if (text != nullptr && is_number(*text)) {
    field.note("ignored, a plain number names no device");
  } else if (text == nullptr || !text->empty()) {
    field.warn(
        "ignored, neither a PCI address such as \"0000:0b:00.0\" nor an auxiliary device "
        "such as \"mlx5_core.sf.4\"");
  }
  return std::nullopt;
}

void choose_device(const Field& root, const std::optional<Field>& runtime_config) {
  for (const Field* object : {runtime_config ? &*runtime_config : nullptr, &root}) {
    const Json* value = object == nullptr ? nullptr : find_value(object->value, "deviceID");
    if (value == nullptr) {
      continue;
    }
    if (auto device = read_device(object->member("deviceID", *value))) {
      root.conf().device_id = *std::move(device);
      return;
    }
  }
}

/// The file in which the runtime wants to read about the device.
void read_device_info_file(const Field& root, const std::optional<Field>& runtime_config) {
  constexpr std::string_view kKey = "CNIDeviceInfoFile";
  const Json* value = runtime_config ? find_value(runtime_config->value, kKey) : nullptr;
  const std::string* text = as_string(value);
  if (value == nullptr || (text != nullptr && text->empty())) {
    return;
  }
  if (auto path = read_path(runtime_config->member(kKey, *value))) {
    root.conf().device_info_file = *std::move(path);
  }
}

std::optional<AttachmentRef> read_attachment(const Json& value) {
  const std::string* container = as_string(find_value(value, "containerID"));
  const std::string* ifname = as_string(find_value(value, "ifname"));
  if (container == nullptr || ifname == nullptr) {
    return std::nullopt;
  }
  return AttachmentRef{*container, *ifname};
}

/// A malformed list counts as absent: GC must not take what it cannot read for "no longer alive".
void read_attachments(const Field& field) {
  std::vector<AttachmentRef> attachments;
  if (!field.value.is_array()) {
    field.refuse("must be a list of objects with containerID and ifname");
    return;
  }
  for (std::size_t i = 0; i < field.value.size(); ++i) {
    const Field element = field.element(i);
    auto attachment = read_attachment(element.value);
    if (!attachment) {
      element.refuse("must be an object with the strings containerID and ifname");
      return;
    }
    attachments.push_back(*std::move(attachment));
  }
  field.conf().valid_attachments = std::move(attachments);
}

/// The first name is the specification's, the second that of its tagged text, which libcni sends
/// as well.
void find_attachments(const Field& root) {
  for (const std::string_view key : {"cni.dev/valid-attachments", "cni.dev/attachments"}) {
    if (const Json* value = find_value(root.value, key)) {
      read_attachments(root.member(key, *value));
      return;
    }
  }
}

}  // namespace

void read_runtime(const Field& root, const Args& args) {
  const std::optional<Field> all_args = find_object(root, "args");
  const Sources sources{all_args ? find_object(*all_args, "cni") : std::nullopt,
                        find_object(root, "runtimeConfig")};
  choose_mac(root, args, sources);
  choose_device(root, sources.runtime_config);
  read_device_info_file(root, sources.runtime_config);
  find_attachments(root);
}

}  // namespace mvr::cni
