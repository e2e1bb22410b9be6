// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <limits>

#include <nlohmann/json.hpp>

#include "cni/result_json.hpp"
#include "mvr/base/text.hpp"

namespace mvr::cni {
namespace {

// Every reader takes the object that holds the field, the field's name, and the object's path
// ("ips[0]", empty for the document) for messages. null counts as absent, as for Go's decoder.

std::string path_of(const std::string& parent, std::string_view name) {
  return parent.empty() ? std::string(name) : parent + '.' + std::string(name);
}

tl::unexpected<Error> wrong(const std::string& path, const Json& value, std::string_view allowed) {
  return fail(Code::decode, path + ' ' + show(value) + ": " + std::string(allowed));
}

Result<std::string> read_text(const Json& object, std::string_view name,
                              const std::string& parent) {
  const Json* value = find_value(object, name);
  if (value == nullptr) {
    return std::string();
  }
  const std::string* text = as_string(value);
  return text == nullptr ? wrong(path_of(parent, name), *value, "must be a string")
                         : Result<std::string>(*text);
}

Result<std::optional<std::uint32_t>> read_number(const Json& object, std::string_view name,
                                                 const std::string& parent) {
  constexpr std::uint32_t kMax = std::numeric_limits<std::uint32_t>::max();
  const Json* value = find_value(object, name);
  if (value == nullptr) {
    return std::nullopt;
  }
  if (!value->is_number_unsigned() || value->get<std::uint64_t>() > kMax) {
    return wrong(path_of(parent, name), *value, "must be an integer from 0 to 4294967295");
  }
  return value->get<std::uint32_t>();
}

Result<std::optional<ip::Address>> read_address(const Json& object, std::string_view name,
                                                const std::string& parent) {
  const Json* value = find_value(object, name);
  const std::string* text = as_string(value);
  if (value == nullptr || (text != nullptr && text->empty())) {
    return std::nullopt;
  }
  const auto address = text == nullptr ? std::nullopt : ip::Address::parse(*text);
  if (!address) {
    return wrong(path_of(parent, name), *value, "must be an IP address");
  }
  return address;
}

Result<ip::Prefix> read_prefix(const Json& object, std::string_view name,
                               const std::string& parent) {
  const Json missing;
  const Json* value = find_value(object, name);
  const std::string* text = as_string(value);
  const auto prefix = text == nullptr ? std::nullopt : ip::Prefix::parse(*text);
  if (!prefix) {
    return wrong(path_of(parent, name), value == nullptr ? missing : *value,
                 "must be an IP address with a prefix length, such as \"172.16.11.10/24\"");
  }
  return *prefix;
}

/// Reads an array of objects with a reader for one of them; absent is empty.
template <typename T>
Result<std::vector<T>> read_objects(const Json& object, std::string_view name,
                                    Result<T> (*read)(const Json&, const std::string&)) {
  std::vector<T> items;
  const Json* value = find_value(object, name);
  if (value == nullptr) {
    return items;
  }
  if (!value->is_array()) {
    return wrong(std::string(name), *value, "must be an array of objects");
  }
  for (const Json& element : *value) {
    const std::string path = std::string(name) + '[' + std::to_string(items.size()) + ']';
    if (!element.is_object()) {
      return wrong(path, element, "must be an object");
    }
    items.push_back(MVR_TRY(read(element, path)));
  }
  return items;
}

Result<std::vector<std::string>> read_texts(const Json& object, std::string_view name,
                                            const std::string& parent) {
  std::vector<std::string> items;
  const Json* value = find_value(object, name);
  if (value == nullptr) {
    return items;
  }
  const auto is_text = [](const Json& element) { return element.is_string(); };
  if (!value->is_array() || !std::all_of(value->begin(), value->end(), is_text)) {
    return wrong(path_of(parent, name), *value, "must be an array of strings");
  }
  for (const Json& element : *value) {
    items.push_back(element.get<std::string>());
  }
  return items;
}

Result<Interface> read_interface(const Json& object, const std::string& path) {
  Interface interface;
  interface.name = MVR_TRY(read_text(object, "name", path));
  interface.mac = MVR_TRY(read_text(object, "mac", path));
  interface.mtu = MVR_TRY(read_number(object, "mtu", path)).value_or(0);
  interface.sandbox = MVR_TRY(read_text(object, "sandbox", path));
  interface.socket_path = MVR_TRY(read_text(object, "socketPath", path));
  interface.pci_id = MVR_TRY(read_text(object, "pciID", path));
  return interface;
}

Result<IpConfig> read_ip(const Json& object, const std::string& path) {
  IpConfig ip;
  ip.address = MVR_TRY(read_prefix(object, "address", path));
  ip.gateway = MVR_TRY(read_address(object, "gateway", path));
  ip.interface = MVR_TRY(read_number(object, "interface", path));
  return ip;
}

Result<RouteConfig> read_route(const Json& object, const std::string& path) {
  RouteConfig route;
  route.dst = MVR_TRY(read_prefix(object, "dst", path));
  if (route.dst != route.dst.network()) {
    // The kernel would refuse the route without saying which.
    return fail(Code::decode, path + ".dst \"" + route.dst.to_string() +
                                  "\": has host bits set, probably " +
                                  route.dst.network().to_string() + " was meant");
  }
  route.gateway = MVR_TRY(read_address(object, "gw", path));
  route.mtu = MVR_TRY(read_number(object, "mtu", path));
  route.advmss = MVR_TRY(read_number(object, "advmss", path));
  route.priority = MVR_TRY(read_number(object, "priority", path));
  route.table = MVR_TRY(read_number(object, "table", path));
  route.scope = MVR_TRY(read_number(object, "scope", path));
  return route;
}

Result<Version> read_version(const Json& document, const Version& fallback) {
  const std::string text = MVR_TRY(read_text(document, "cniVersion", ""));
  if (text.empty()) {
    return fallback;
  }
  const Version version = MVR_TRY(Version::parse(text));
  if (std::ranges::find(kSupportedVersions, version) == kSupportedVersions.end()) {
    return fail(Code::decode, "cniVersion \"" + version.to_string() + "\": must be one of " +
                                  supported_versions_text());
  }
  return version;
}

/// Up to 0.4.0 each address says its family; later versions have no such field.
Result<void> check_ip_versions(const Json& document, const AddResult& result) {
  for (std::size_t i = 0; i < result.ips.size(); ++i) {
    const std::string path = "ips[" + std::to_string(i) + ']';
    const Json& object = find_value(document, "ips")->at(i);
    const std::string text = MVR_TRY(read_text(object, "version", path));
    const char* wanted = result.ips[i].address.family() == ip::Family::v4 ? "4" : "6";
    if (!text.empty() && text != wanted) {
      return wrong(path + ".version", *find_value(object, "version"),
                   std::string("must be \"") + wanted + "\", the family of its address");
    }
  }
  return {};
}

/// An IPAM plugin lists no interfaces, so its indexes point at nothing and are dropped.
Result<void> check_indexes(AddResult& result) {
  for (std::size_t i = 0; i < result.ips.size(); ++i) {
    std::optional<std::uint32_t>& index = result.ips[i].interface;
    if (result.interfaces.empty()) {
      index.reset();
    }
    if (index && *index >= result.interfaces.size()) {
      return fail(Code::decode, "ips[" + std::to_string(i) + "].interface " +
                                    std::to_string(*index) + ": must be the index of one of the " +
                                    std::to_string(result.interfaces.size()) + " interfaces");
    }
  }
  return {};
}

}  // namespace

Result<Dns> read_dns(const Json& value, const std::string& path) {
  if (!value.is_object()) {
    return wrong(path, value, "must be an object");
  }
  Dns dns;
  dns.nameservers = MVR_TRY(read_texts(value, "nameservers", path));
  dns.domain = MVR_TRY(read_text(value, "domain", path));
  dns.search = MVR_TRY(read_texts(value, "search", path));
  dns.options = MVR_TRY(read_texts(value, "options", path));
  return dns;
}

Result<AddResult> read_result(const Json& document, const Version& fallback) {
  if (!document.is_object()) {
    return fail(Code::decode, show(document) + ": must be a JSON object");
  }
  const Version version = MVR_TRY(read_version(document, fallback));
  AddResult result;
  result.interfaces = MVR_TRY(read_objects(document, "interfaces", read_interface));
  result.ips = MVR_TRY(read_objects(document, "ips", read_ip));
  result.routes = MVR_TRY(read_objects(document, "routes", read_route));
  if (const Json* dns = find_value(document, "dns")) {
    result.dns = MVR_TRY(read_dns(*dns, "dns"));
  }
  if (version < Version{1, 0, 0}) {
    MVR_TRY(check_ip_versions(document, result));
  }
  MVR_TRY(check_indexes(result));
  return result;
}

Result<AddResult> parse_result(std::string_view json, const Version& fallback) {
  return read_result(MVR_TRY(parse_json(json)), fallback);
}

std::optional<Error> parse_error(std::string_view json) {
  const Result<Json> document = parse_json(json);
  if (!document) {
    return std::nullopt;
  }
  const Json* code = find_value(*document, "code");
  const std::string* msg = as_string(find_value(*document, "msg"));
  const std::string* details = as_string(find_value(*document, "details"));
  constexpr auto kMax = std::uint64_t{std::numeric_limits<int>::max()};
  if (code == nullptr || !code->is_number_unsigned() || code->get<std::uint64_t>() > kMax ||
      msg == nullptr) {
    return std::nullopt;
  }
  return Error{static_cast<Code>(code->get<int>()), 0, *msg,
               details == nullptr ? std::string() : *details};
}

}  // namespace mvr::cni
