// SPDX-License-Identifier: Apache-2.0
#include "plugin/planned_lease.hpp"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "cni/json.hpp"

namespace mvr::plugin {
namespace {

using cni::Json;

/// Null if there is none.
Json member_of(const Json& object, const char* name) {
  const Json* value = cni::find_value(object, name);
  return value != nullptr ? *value : Json();
}

/// host-local's ranges: of today's form and of the old one, in which the section is the range.
std::vector<Json> list_ranges(const Json& ipam) {
  std::vector<Json> ranges{ipam};
  for (const Json& set : member_of(ipam, "ranges")) {
    std::ranges::copy_if(set, std::back_inserter(ranges),
                         [](const Json& range) { return range.is_object(); });
  }
  return ranges;
}

std::optional<ip::Address> parse_address(const Json& value) {
  const std::string* text = cni::as_string(&value);
  return text != nullptr ? ip::Address::parse(*text) : std::nullopt;
}

/// host-local gives the first address of a subnet for which no gateway is named.
ip::Address first_of(const ip::Prefix& subnet) {
  const ip::Address network = subnet.network().address;
  std::vector<std::uint8_t> bytes(network.bytes().begin(), network.bytes().end());
  bytes.back() |= 1U;
  return *ip::Address::from_bytes(bytes);
}

std::optional<ip::Address> find_gateway(const Json& ipam, const ip::Prefix& address) {
  for (const Json& range : list_ranges(ipam)) {
    const Json text = member_of(range, "subnet");
    const auto subnet =
        text.is_string() ? ip::Prefix::parse(text.get_ref<const std::string&>()) : std::nullopt;
    if (subnet && subnet->contains(address.address)) {
      const auto named = parse_address(member_of(range, "gateway"));
      return named ? *named : first_of(*subnet);
    }
  }
  return std::nullopt;
}

/// The section's own list has the form of a result's.
Result<cni::AddResult> read_section(const Json& ipam, bool with_addresses,
                                    const cni::NetConf& conf) {
  Json result{{"cniVersion", conf.cni_version.to_string()}};
  if (const Json routes = member_of(ipam, "routes"); routes.is_array()) {
    result["routes"] = routes;
  }
  for (const Json& one : with_addresses ? member_of(ipam, "addresses") : Json::array()) {
    Json ip{{"address", member_of(one, "address")}};
    if (const Json gateway = member_of(one, "gateway"); gateway.is_string()) {
      ip["gateway"] = gateway;
    }
    const std::string* text = cni::as_string(&ip["address"]);
    ip["version"] = text != nullptr && text->find(':') != std::string::npos ? "6" : "4";
    result["ips"].push_back(std::move(ip));
  }
  auto read = cni::parse_result(result.dump(), conf.cni_version);
  return read ? std::move(read) : fail(std::move(read).error().in("ipam").as(Code::bad_config));
}

cni::IpConfig make_ip(const PlanRequest& request, const Json& ipam, const ip::Prefix& address) {
  const auto named = std::ranges::find(request.gateways, address.family(), &ip::Address::family);
  return {address,
          named != request.gateways.end() ? std::optional(*named) : find_gateway(ipam, address),
          std::nullopt};
}

}  // namespace

Result<cni::AddResult> plan_lease(const PlanRequest& request, const cni::NetConf& conf) {
  if (conf.ipam_type.empty()) {
    return cni::AddResult{};
  }
  const Json document = MVR_TRY(cni::parse_object(request.config));
  const Json ipam = member_of(document, "ipam");
  const bool is_static = conf.ipam_type == "static" && request.addresses.empty();
  cni::AddResult lease = MVR_TRY(read_section(ipam, is_static, conf));
  for (const ip::Prefix& address : request.addresses) {
    lease.ips.push_back(make_ip(request, ipam, address));
  }
  return lease;
}

std::string find_misuse(const PlanRequest& request, const cni::NetConf& conf,
                        const cni::AddResult& lease) {
  if (conf.ipam_type.empty()) {
    return request.addresses.empty() ? ""
                                     : "--ip: the configuration has no ipam, so the NIC is layer 2 "
                                       "only and gets no address";
  }
  return lease.ips.empty() ? "--ip is missing: ipam.type \"" + conf.ipam_type +
                                 "\" alone knows the addresses, and it is not asked; say which it "
                                 "would give, such as --ip 172.16.11.10/24"
                           : "";
}

}  // namespace mvr::plugin
