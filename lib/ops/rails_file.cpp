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
    const Json list = found.is_null()    ? Json::array()
                      : found.is_array() ? found
                                         : Json::array({found});
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

/// "172.16.11.0/24 or fd00:11::/64"
std::string list_subnets(const RailSettings& rail) {
  std::vector<std::string> texts;
  for (const RailSubnet& one : rail.subnets) {
    texts.push_back(one.subnet.to_string());
  }
  return join(texts, " or ");
}

/// The one in whose subnet the address is.
Result<std::pair<RailSubnet*, ip::Address>> find_place(const Mapping& mapping, std::string_view key,
                                                       std::string_view text, RailSettings& rail) {
  const auto address = ip::Address::parse(text);
  const auto found = std::ranges::find_if(rail.subnets, [&](const RailSubnet& one) {
    return address && one.subnet.contains(*address);
  });
  if (found == rail.subnets.end()) {
    return fail(mapping.refuse(
        key, '"' + printable(text) + "\" must be an address in " + list_subnets(rail)));
  }
  return std::pair(&*found, *address);
}

Error refuse_second(const Mapping& mapping, std::string_view key, const RailSubnet& of) {
  return mapping.refuse(key, "there are two for " + of.subnet.to_string());
}

std::string_view trim(std::string_view text) {
  const std::size_t first = text.find_first_not_of(' ');
  const std::size_t last = text.find_last_not_of(' ');
  return first == std::string_view::npos ? "" : text.substr(first, last - first + 1);
}

Result<void> read_range(const Mapping& mapping, const std::string& text, RailSettings& rail) {
  constexpr std::string_view kKey = "range";
  const auto ends = split(text, '-');
  if (ends.size() != 2) {
    return fail(mapping.refuse(
        kKey, '"' + printable(text) + "\" must be FIRST-LAST, as 172.16.11.1-172.16.11.200"));
  }
  const auto [place, first] = MVR_TRY(find_place(mapping, kKey, trim(ends[0]), rail));
  const auto [end, last] = MVR_TRY(find_place(mapping, kKey, trim(ends[1]), rail));
  if (place != end) {
    return fail(mapping.refuse(kKey, '"' + printable(text) + "\": is of two subnets"));
  }
  if (last < first) {
    return fail(mapping.refuse(kKey, '"' + printable(text) + "\": the last is before the first"));
  }
  if (place->range) {
    return fail(refuse_second(mapping, kKey, *place));
  }
  place->range = Range{first, last};
  return {};
}

Result<void> read_subnets(const Mapping& mapping, RailSettings& rail) {
  constexpr std::string_view kKey = "subnet";
  for (const std::string& text : MVR_TRY(mapping.words(kKey))) {
    const auto prefix = ip::Prefix::parse(text);
    if (!prefix || prefix->network() != *prefix || prefix->is_default()) {
      return fail(
          mapping.refuse(kKey, '"' + printable(text) + "\" must be a CIDR, as 172.16.11.0/24"));
    }
    const bool has_family = std::ranges::any_of(rail.subnets, [&](const RailSubnet& one) {
      return one.subnet.family() == prefix->family();
    });
    if (has_family) {
      return fail(mapping.refuse(kKey, '"' + printable(text) +
                                           "\": there is one of the same family; a rail has one "
                                           "of IPv4, one of IPv6, or both"));
    }
    rail.subnets.push_back({*prefix, std::nullopt, std::nullopt, ""});
  }
  return rail.subnets.empty() ? fail(mapping.refuse(kKey, "is missing")) : Result<void>();
}

/// One for each subnet, in the order of those.
Result<void> read_pools(const Mapping& mapping, RailSettings& rail) {
  constexpr std::string_view kKey = "pool";
  const auto pools = MVR_TRY(mapping.words(kKey));
  if (!pools.empty() && pools.size() != rail.subnets.size()) {
    return fail(mapping.refuse(kKey, "must be as many as there are subnets, in their order"));
  }
  for (std::size_t i = 0; i < pools.size(); ++i) {
    if (!is_label(pools[i])) {
      return fail(mapping.refuse(
          kKey, '"' + printable(pools[i]) + "\" must be lower-case letters, digits and '-'"));
    }
    rail.subnets[i].pool = pools[i];
  }
  return {};
}

Result<void> read_addresses(const Mapping& mapping, RailSettings& rail) {
  MVR_TRY(read_subnets(mapping, rail));
  for (const std::string& range : MVR_TRY(mapping.words("range"))) {
    MVR_TRY(read_range(mapping, range, rail));
  }
  for (const std::string& text : MVR_TRY(mapping.words("gateway"))) {
    const auto [place, gateway] = MVR_TRY(find_place(mapping, "gateway", text, rail));
    if (place->gateway) {
      return fail(refuse_second(mapping, "gateway", *place));
    }
    place->gateway = gateway;
  }
  MVR_TRY(read_pools(mapping, rail));
  std::ranges::sort(rail.subnets, {},
                    [](const RailSubnet& one) { return one.subnet.family() != ip::Family::v4; });
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
  for (const RailSubnet& own : one.subnets) {
    for (const RailSubnet& theirs : other.subnets) {
      if (own.subnet.contains(theirs.subnet) || theirs.subnet.contains(own.subnet)) {
        return "the subnet " + own.subnet.to_string() + " overlaps";
      }
    }
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
