// SPDX-License-Identifier: Apache-2.0
/// \file
/// One value of the configuration while it is read: where it stands and where problems go.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "cni/json.hpp"
#include "mvr/cni/netconf.hpp"

namespace mvr::cni {

/// A reader stores what it has read in `out.conf`, and adds a problem for what it could not read:
/// that keeps its default, or is missing in its list.
struct Field {
  std::string label;  ///< "mtu", "gatewayProbe.attempts", "defaults file: mtu"
  const Json& value;
  ParsedConf& out;

  [[nodiscard]] NetConf& conf() const { return out.conf; }

  /// A problem: "label value: allowed".
  void refuse(std::string_view allowed) const;

  void warn(std::string_view text) const;

  /// What is passed over because that is usual: said to who debugs, a warning to nobody.
  void note(std::string_view text) const;

  /// A member or an element of this value, labelled with its place.
  [[nodiscard]] Field member(std::string_view key, const Json& child) const;
  [[nodiscard]] Field element(std::size_t index) const;

  /// The string in this value; null for another type.
  [[nodiscard]] const std::string* text() const { return as_string(&value); }
};

// Each of these gives the value, or nothing after it has refused the field.

std::optional<bool> read_bool(const Field& field);
std::optional<std::int64_t> read_integer(const Field& field, std::int64_t low, std::int64_t high);

/// A text of the form "1.5s"; units are us, ms, s, m, h; whole milliseconds.
std::optional<std::chrono::milliseconds> read_duration(const Field& field,
                                                       std::chrono::milliseconds low,
                                                       std::chrono::milliseconds high);

/// An absolute path without ".." and control characters.
std::optional<std::string> read_path(const Field& field);

/// A prefix without host bits that is not the default route; `instead` says what to do about that.
std::optional<ip::Prefix> read_cidr(const Field& field, std::string_view instead);

/// An address that one host can have; a refusal says `allowed`.
std::optional<ip::Address> read_unicast(const Field& field, std::string_view allowed);

/// A MAC address for a NIC; "" is the empty inner optional.
std::optional<std::optional<ip::Mac>> read_nic_mac(const Field& field);

/// True for an absolute path as read_path takes it.
bool is_safe_path(std::string_view text);

/// True if a byte is below 0x20 or DEL.
bool has_control(std::string_view text);

/// Names of a choice; the position in the table is the position in the message.
template <typename Enum>
struct Choice {
  std::string_view name;
  Enum value;
};

/// "must be "a", "b" or "c"" of non-empty names.
std::string choice_rule(std::span<const std::string_view> names);

template <typename Enum, std::size_t N>
std::optional<Enum> read_choice(const Field& field, const std::array<Choice<Enum>, N>& choices) {
  std::array<std::string_view, N> names;
  for (std::size_t i = 0; i < N; ++i) {
    if (const std::string* text = field.text(); text != nullptr && *text == choices[i].name) {
      return choices[i].value;
    }
    names[i] = choices[i].name;
  }
  field.refuse(choice_rule(names));
  return std::nullopt;
}

/// Reports the members of an object that are not in `known`: warnings, or problems when the
/// configuration is strict. Keys in another case are warned about as well.
void report_keys(const Field& object, std::span<const std::string_view> known);

}  // namespace mvr::cni
