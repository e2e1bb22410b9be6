// SPDX-License-Identifier: Apache-2.0
#include "cni/netconf_field.hpp"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "cni/args.hpp"
#include "mvr/base/text.hpp"

namespace mvr::cni {
namespace {

using std::chrono::milliseconds;

/// "label value: text".
std::string describe(const Field& field, std::string_view text) {
  std::string line = field.label + ' ' + show(field.value) + ": ";
  return line.append(text);
}

void add_problem(const Field& field, Code code, std::string_view text) {
  field.out.problems.push_back(Error{code, 0, describe(field, text)});
}

/// 0 for an unknown unit.
double nanoseconds_of(std::string_view unit) {
  constexpr std::array<std::pair<std::string_view, double>, 5> kUnits = {{
      {"us", 1e3},
      {"ms", 1e6},
      {"s", 1e9},
      {"m", 60e9},
      {"h", 3600e9},
  }};
  const auto* const found = std::ranges::find(kUnits, unit, &decltype(kUnits)::value_type::first);
  return found == kUnits.end() ? 0 : found->second;
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/// Digits, with one dot between digits at most.
std::optional<double> parse_decimal(std::string_view text) {
  double value = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed);
  if (text.empty() || !is_digit(text.front()) || !is_digit(text.back()) || error != std::errc{} ||
      end != text.data() + text.size()) {
    return std::nullopt;
  }
  return value;
}

std::optional<milliseconds> parse_duration(std::string_view text) {
  constexpr double kLargest = 1e15;  // eleven days; keeps llround far from its limits
  constexpr long long kMillisecond = 1'000'000;
  const std::size_t unit = std::min(text.find_first_not_of("0123456789."), text.size());
  const auto number = parse_decimal(text.substr(0, unit));
  const double scale = nanoseconds_of(text.substr(unit));
  if (!number || scale == 0 || *number * scale > kLargest) {
    return std::nullopt;
  }
  const long long ns = std::llround(*number * scale);
  return ns % kMillisecond == 0 ? std::optional(milliseconds(ns / kMillisecond)) : std::nullopt;
}

std::string to_text(milliseconds duration) {
  constexpr int kThousand = 1000;
  return duration.count() % kThousand == 0 ? std::to_string(duration.count() / kThousand) + 's'
                                           : std::to_string(duration.count()) + "ms";
}

/// "; did you mean master?" for a key that is nearly one of these.
std::string suggest(std::string_view key, std::span<const std::string_view> known) {
  const std::string_view name = find_similar(key, known);
  return name.empty() ? "" : "; did you mean " + std::string(name) + '?';
}

void report_unknown(const Field& member, const std::string& suggestion) {
  const std::string text = "unknown key" + suggestion;
  if (member.conf().strict) {
    add_problem(member, Code::unsupported_field,
                text + "; only documented keys are allowed with \"strict\"");
  } else {
    member.warn(text);
  }
}

}  // namespace

void Field::refuse(std::string_view allowed) const {
  add_problem(*this, Code::bad_config, allowed);
}

void Field::warn(std::string_view text) const {
  out.warnings.push_back(describe(*this, text));
}

void Field::note(std::string_view text) const {
  out.notes.push_back(describe(*this, text));
}

Field Field::member(std::string_view key, const Json& child) const {
  // A label that ends with a space is only a heading, such as "defaults file: ".
  const bool is_heading = label.empty() || label.back() == ' ';
  return {label + (is_heading ? "" : ".") + printable(key, 64), child, out};
}

Field Field::element(std::size_t index) const {
  return {label + '[' + std::to_string(index) + ']', value.at(index), out};
}

std::optional<bool> read_bool(const Field& field) {
  if (!field.value.is_boolean()) {
    field.refuse("must be true or false");
    return std::nullopt;
  }
  return field.value.get<bool>();
}

std::optional<std::int64_t> read_integer(const Field& field, std::int64_t low, std::int64_t high) {
  const Json& value = field.value;
  const bool fits =
      !value.is_number_unsigned() || std::in_range<std::int64_t>(value.get<std::uint64_t>());
  if (value.is_number_integer() && fits) {
    const auto number = value.get<std::int64_t>();
    if (number >= low && number <= high) {
      return number;
    }
  }
  field.refuse("must be an integer from " + std::to_string(low) + " to " + std::to_string(high));
  return std::nullopt;
}

std::optional<milliseconds> read_duration(const Field& field, milliseconds low, milliseconds high) {
  const std::string* text = field.text();
  const auto duration = text == nullptr ? std::nullopt : parse_duration(*text);
  if (!duration || *duration < low || *duration > high) {
    field.refuse("must be a string with a unit (ms, s, m, h) from \"" + to_text(low) + "\" to \"" +
                 to_text(high) + "\", in whole milliseconds");
    return std::nullopt;
  }
  return duration;
}

std::optional<std::string> read_path(const Field& field) {
  const std::string* text = field.text();
  if (text == nullptr || !is_safe_path(*text)) {
    field.refuse("must be an absolute path without \"..\" and control characters");
    return std::nullopt;
  }
  return *text;
}

std::optional<ip::Prefix> read_cidr(const Field& field, std::string_view instead) {
  const std::string* text = field.text();
  const auto prefix = text == nullptr ? std::nullopt : ip::Prefix::parse(*text);
  if (!prefix) {
    field.refuse("must be a prefix such as \"10.233.64.0/18\" or \"fd00:10:233::/48\"");
  } else if (prefix->is_default()) {
    field.refuse("the default route is not allowed here, " + std::string(instead));
  } else if (*prefix != prefix->network()) {
    field.refuse("has host bits set, probably \"" + prefix->network().to_string() + "\" was meant");
  } else {
    return prefix;
  }
  return std::nullopt;
}

std::optional<ip::Address> read_unicast(const Field& field, std::string_view allowed) {
  const std::string* text = field.text();
  const auto address = text == nullptr ? std::nullopt : ip::Address::parse(*text);
  if (!address || address->is_any() || address->is_loopback() || address->is_multicast()) {
    field.refuse(allowed);
    return std::nullopt;
  }
  return address;
}

std::optional<std::optional<ip::Mac>> read_nic_mac(const Field& field) {
  const std::string* text = field.text();
  if (text != nullptr && text->empty()) {
    return std::optional<ip::Mac>();
  }
  const auto mac = text == nullptr ? std::nullopt : parse_nic_mac(*text);
  if (!mac) {
    field.refuse(kMacRule);
    return std::nullopt;
  }
  return mac;
}

bool is_safe_path(std::string_view text) {
  constexpr std::size_t kMaxLength = 4095;  // PATH_MAX without its zero
  return text.starts_with('/') && text.size() <= kMaxLength && !has_control(text) &&
         std::ranges::count(split(text, '/'), std::string_view("..")) == 0;
}

bool has_control(std::string_view text) {
  return std::ranges::any_of(text, [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7f;
  });
}

std::string choice_rule(std::span<const std::string_view> names) {
  std::vector<std::string> quoted;
  for (const std::string_view name : names) {
    if (!name.empty()) {
      quoted.push_back('"' + std::string(name) + '"');
    }
  }
  const std::string last = quoted.back();
  quoted.pop_back();
  return "must be " + join(quoted, ", ") + " or " + last;
}

void report_keys(const Field& object, std::span<const std::string_view> known) {
  for (auto it = object.value.begin(); it != object.value.end(); ++it) {
    const Field member = object.member(it.key(), it.value());
    const auto is_same = [&it](std::string_view name) {
      return equals_ignoring_case(name, it.key());
    };
    const auto name = std::ranges::find_if(known, is_same);
    if (it.key().starts_with("cni.dev/")) {
      continue;  // reserved for runtimes
    }
    if (name == known.end()) {
      report_unknown(member, suggest(it.key(), known));
    } else if (const Member taken = find_member(object.value, *name); taken.key != it.key()) {
      member.warn("ignored, since " + std::string(taken.key) + " is there as well");
    } else if (it.key() != *name) {
      member.warn("taken as " + std::string(*name) + ", which is how the key is spelled");
    }
  }
}

}  // namespace mvr::cni
