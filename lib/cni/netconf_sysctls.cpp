// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include <nlohmann/json.hpp>

#include "cni/netconf_readers.hpp"
#include "mvr/base/text.hpp"

namespace mvr::cni {
namespace {

constexpr std::string_view kPlaceholder = "IFNAME";

bool is_component(std::string_view text) {
  return !text.empty() && text != "." && text != ".." && !has_control(text);
}

/// "net", at least one name, IFNAME exactly once, at least one name.
bool is_of_nic(const std::vector<std::string>& parts) {
  const auto place = std::ranges::find(parts, kPlaceholder);
  return std::ranges::all_of(parts, is_component) && parts.front() == "net" &&
         std::ranges::count(parts, kPlaceholder) == 1 && place - parts.begin() >= 2 &&
         place + 1 != parts.end();
}

void add_sysctl(const Field& field, std::string_view key) {
  const auto path = sysctl_path(key);
  const std::string* value = field.text();
  auto& sysctls = field.conf().sysctls;
  if (!path) {
    field.refuse(
        "the key must be of the form \"net.ipv4.conf.IFNAME.forwarding\", with IFNAME in "
        "place of the interface's name");
  } else if (value == nullptr || has_control(*value)) {
    field.refuse("must be a string without control characters, numbers as well: \"1\"");
  } else if (std::ranges::find(sysctls, *path, &SysctlConf::path) != sysctls.end()) {
    field.refuse("two keys name the same sysctl net/" + *path);
  } else {
    sysctls.push_back({*path, *value, field.label});
  }
}

}  // namespace

std::optional<std::string> sysctl_path(std::string_view key) {
  const std::size_t first = key.find_first_of("./");
  if (first == std::string_view::npos) {
    return std::nullopt;
  }
  std::vector<std::string> parts;
  for (const std::string_view piece : split(key, key[first])) {
    parts.emplace_back(piece);
    if (key[first] == '.') {
      std::ranges::replace(parts.back(), '/', '.');
    }
  }
  if (!is_of_nic(parts)) {
    return std::nullopt;
  }
  parts.erase(parts.begin());
  return join(parts, "/");
}

void read_sysctls(const Field& field) {
  if (!field.value.is_object()) {
    field.refuse(
        "must be an object of strings, such as {\"net.ipv4.conf.IFNAME.forwarding\":\"1\"}");
    return;
  }
  for (auto it = field.value.begin(); it != field.value.end(); ++it) {
    add_sysctl(field.member(it.key(), it.value()), it.key());
  }
}

}  // namespace mvr::cni
