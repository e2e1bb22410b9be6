// SPDX-License-Identifier: Apache-2.0
#include "ops/rails_file.hpp"

#include <algorithm>
#include <array>

#include "mvr/base/text.hpp"
#include "ops/document.hpp"

namespace mvr::ops {
namespace {

using Json = nlohmann::json;

constexpr std::array<std::string_view, 4> kFileKeys{"overlayPodCIDR", "serviceCIDR", "ipam",
                                                    "rails"};
constexpr std::array<std::string_view, 9> kRailKeys{"name",    "nic", "index", "subnet", "range",
                                                    "gateway", "mtu", "vlan",  "pool"};
constexpr std::array<std::string_view, 3> kIpams{"host-local", "whereabouts", "spiderpool"};

/// Reads one mapping of the file and says in which line something is wrong.
class Mapping {
 public:
  Mapping(const Document& document, std::string pointer)
      : document_(document), pointer_(std::move(pointer)) {}

  [[nodiscard]] int line() const { return document_.place_of(pointer_).line; }
  [[nodiscard]] std::string pointer(std::string_view key) const {
    return pointer_ + '/' + std::string(key);
  }

  [[nodiscard]] Error refuse(std::string_view key, const std::string& text) const {
    return {Code::bad_config, 0,
            "line " + std::to_string(document_.place_of(pointer(key)).line) + ": " +
                printable(key) + ' ' + text};
  }

  [[nodiscard]] Result<void> check_keys(std::span<const std::string_view> known) const {
    const Json& all = value();
    if (!all.is_object()) {
      return fail(Code::bad_config, "line " + std::to_string(line()) + ": must have keys");
    }
    for (const auto& [key, ignored] : all.items()) {
      if (std::ranges::find(known, key) == known.end()) {
        return fail(
            refuse(key, "is no key here; there are " + join({known.begin(), known.end()}, ", ")));
      }
    }
    return {};
  }

  /// Null, and so nothing, for a key without a value.
  [[nodiscard]] Json get(std::string_view key) const { return value().value(key, Json()); }

  /// Empty if it is missing.
  [[nodiscard]] Result<std::string> text(std::string_view key) const {
    const Json found = get(key);
    if (!found.is_null() && (!found.is_string() || found.empty())) {
      return fail(refuse(key, "must be a word"));
    }
    return found.is_null() ? "" : found.get<std::string>();
  }

  /// 0 if it is missing.
  [[nodiscard]] Result<std::uint32_t> number(std::string_view key, int least, int most) const {
    const Json found = get(key);
    if (found.is_null()) {
      return 0;
    }
    if (!found.is_number_integer() || found < least || found > most) {
      return fail(refuse(
          key, "must be a number from " + std::to_string(least) + " to " + std::to_string(most)));
    }
    return found.get<std::uint32_t>();
  }

  /// One word, or a list of them.
  [[nodiscard]] Result<std::vector<std::string>> words(std::string_view key) const {
    const Json found = get(key);
    const Json list = found.is_null() ? Json::array() : found.is_array() ? found : Json{found};
    if (!std::ranges::all_of(list, [](const Json& one) { return one.is_string(); })) {
      return fail(refuse(key, "must be a word or a list of words"));
    }
    return list.get<std::vector<std::string>>();
  }

 private:
  [[nodiscard]] const Json& value() const {
    return document_.value.at(Json::json_pointer(pointer_));
  }

  const Document& document_;
  std::string pointer_;
};

Result<std::vector<ip::Prefix>> read_prefixes(const Mapping& mapping, std::string_view key) {
  std::vector<ip::Prefix> prefixes;
  for (const std::string& word : MVR_TRY(mapping.words(key))) {
    const auto prefix = ip::Prefix::parse(word);
    if (!prefix || prefix->network() != *prefix || prefix->is_default()) {
      return fail(
          mapping.refuse(key, '"' + printable(word) + "\" must be a CIDR, as 10.233.0.0/18"));
    }
    prefixes.push_back(*prefix);
  }
  return prefixes;
}

Result<std::optional<ip::Address>> read_address(const Mapping& mapping, std::string_view key,
                                                std::string_view text, const ip::Prefix& subnet) {
  const auto address = ip::Address::parse(text);
  if (!address || !subnet.contains(*address)) {
    return fail(mapping.refuse(
        key, '"' + printable(text) + "\" must be an address in " + subnet.to_string()));
  }
  return address;
}

std::string_view trim(std::string_view text) {
  const std::size_t first = text.find_first_not_of(' ');
  const std::size_t last = text.find_last_not_of(' ');
  return first == std::string_view::npos ? "" : text.substr(first, last - first + 1);
}

Result<std::optional<Range>> read_range(const Mapping& mapping, const ip::Prefix& subnet) {
  constexpr std::string_view kKey = "range";
  const std::string text = MVR_TRY(mapping.text(kKey));
  if (text.empty()) {
    return std::nullopt;
  }
  const auto ends = split(text, '-');
  if (ends.size() != 2) {
    return fail(mapping.refuse(
        kKey, '"' + printable(text) + "\" must be FIRST-LAST, as 172.16.11.1-172.16.11.200"));
  }
  const auto first = MVR_TRY(read_address(mapping, kKey, trim(ends[0]), subnet));
  const auto last = MVR_TRY(read_address(mapping, kKey, trim(ends[1]), subnet));
  if (*last < *first) {
    return fail(mapping.refuse(kKey, '"' + printable(text) + "\": the last is before the first"));
  }
  return Range{*first, *last};
}

Result<void> read_addresses(const Mapping& mapping, RailSettings& rail) {
  const std::string subnet = MVR_TRY(mapping.text("subnet"));
  const auto prefix = ip::Prefix::parse(subnet);
  if (!prefix || prefix->network() != *prefix || prefix->is_default()) {
    return fail(mapping.refuse(
        "subnet", subnet.empty()
                      ? "is missing"
                      : '"' + printable(subnet) + "\" must be a CIDR, as 172.16.11.0/24"));
  }
  rail.subnet = *prefix;
  rail.range = MVR_TRY(read_range(mapping, rail.subnet));
  if (const std::string gateway = MVR_TRY(mapping.text("gateway")); !gateway.empty()) {
    rail.gateway = MVR_TRY(read_address(mapping, "gateway", gateway, rail.subnet));
  }
  return {};
}

Result<std::string> read_label(const Mapping& mapping, std::string_view key) {
  const std::string name = MVR_TRY(mapping.text(key));
  if (!name.empty() && !is_label(name)) {
    return fail(mapping.refuse(
        key, '"' + printable(name) + "\" must be lower-case letters, digits and '-'"));
  }
  return name;
}

/// \param number its place in the list, from 1 on
Result<RailSettings> read_rail(const Mapping& mapping, std::size_t number) {
  constexpr int kMostRails = 1000;
  constexpr int kLeastMtu = 68;
  constexpr int kMostMtu = 65535;
  constexpr int kMostVlan = 4094;
  MVR_TRY(mapping.check_keys(kRailKeys));
  RailSettings rail;
  rail.line = mapping.line();
  rail.name = MVR_TRY(read_label(mapping, "name"));
  rail.pool = MVR_TRY(read_label(mapping, "pool"));
  rail.nics = MVR_TRY(mapping.words("nic"));
  rail.index = MVR_TRY(mapping.number("index", 1, kMostRails));
  if (rail.index != 0 && !rail.nics.empty()) {
    return fail(mapping.refuse("index", "beside nic: one of them says which rail it is"));
  }
  rail.index = rail.index == 0 && rail.nics.empty() ? number : rail.index;
  rail.mtu = MVR_TRY(mapping.number("mtu", kLeastMtu, kMostMtu));
  rail.vlan = MVR_TRY(mapping.number("vlan", 1, kMostVlan));
  MVR_TRY(read_addresses(mapping, rail));
  return rail;
}

/// What two rails have in common and must not; empty if nothing.
std::string find_clash(const RailSettings& one, const RailSettings& other) {
  if (one.subnet.contains(other.subnet) || other.subnet.contains(one.subnet)) {
    return "the subnet " + one.subnet.to_string() + " overlaps";
  }
  return !one.name.empty() && one.name == other.name ? "the name " + one.name + " is" : "";
}

/// Two rails in one subnet would share a table's routes, and mostly are a slip of the pen.
Result<void> check_distinct(const std::vector<RailSettings>& rails) {
  for (std::size_t i = 0; i < rails.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      if (const std::string clash = find_clash(rails[i], rails[j]); !clash.empty()) {
        std::string text = "line " + std::to_string(rails[i].line) + ": " + clash;
        text += " that of line " + std::to_string(rails[j].line);
        return fail(Code::bad_config, std::move(text));
      }
    }
  }
  return {};
}

Result<Ipam> read_ipam(const Mapping& mapping) {
  const std::string name = MVR_TRY(mapping.text("ipam"));
  const auto* const found = std::ranges::find(kIpams, name);
  if (!name.empty() && found == kIpams.end()) {
    return fail(mapping.refuse("ipam", "must be host-local, whereabouts or spiderpool"));
  }
  return name.empty() ? Ipam::host_local : static_cast<Ipam>(found - kIpams.begin());
}

}  // namespace

bool is_label(std::string_view name) {
  constexpr std::size_t kLongest = 63;
  return !name.empty() && name.size() <= kLongest && name.front() != '-' && name.back() != '-' &&
         name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string_view::npos;
}

Result<RailsFile> parse_rails_file(std::string_view text) {
  const auto documents = MVR_TRY(parse_documents(text));
  if (documents.size() != 1) {
    return fail(Code::bad_config, "must be one YAML document");
  }
  const Document& document = documents.front();
  const Mapping top(document, "");
  MVR_TRY(top.check_keys(kFileKeys));
  RailsFile file;
  file.overlay_pod_cidr = MVR_TRY(read_prefixes(top, "overlayPodCIDR"));
  file.service_cidr = MVR_TRY(read_prefixes(top, "serviceCIDR"));
  file.ipam = MVR_TRY(read_ipam(top));
  const Json rails = top.get("rails");
  if (!rails.is_array() || rails.empty()) {
    return fail(top.refuse("rails", "must be a list with a rail at least"));
  }
  for (std::size_t i = 0; i < rails.size(); ++i) {
    const Mapping rail(document, top.pointer("rails") + '/' + std::to_string(i));
    file.rails.push_back(MVR_TRY(read_rail(rail, i + 1)));
  }
  MVR_TRY(check_distinct(file.rails));
  return file;
}

}  // namespace mvr::ops
