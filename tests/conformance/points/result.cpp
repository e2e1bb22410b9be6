// SPDX-License-Identifier: Apache-2.0
/// \file
/// What ADD prints, compared with what the kernel has.
#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "kernel.hpp"
#include "point.hpp"

namespace conformance {

namespace {

constexpr auto kSuccess = "CNI SPEC 1.1.0, section 5, Success";
constexpr auto kOldResult = "CNI SPEC 0.4.0, Result";

json list_of(const json& result, const char* key) {
  return result.value(key, json::array());
}

/// 4 or 6; 0 if it is no address.
int family_of(const std::string& address) {
  in6_addr ignored{};
  if (inet_pton(AF_INET, address.c_str(), &ignored) == 1) {
    return 4;
  }
  return inet_pton(AF_INET6, address.c_str(), &ignored) == 1 ? 6 : 0;
}

/// 4 or 6; 0 if it is not "address/length".
int family_of_cidr(const std::string& cidr) {
  const std::size_t slash = cidr.find('/');
  const int family = slash == std::string::npos ? 0 : family_of(cidr.substr(0, slash));
  int length = -1;
  const char* end = cidr.data() + cidr.size();
  if (family == 0 || std::from_chars(cidr.data() + slash + 1, end, length).ptr != end) {
    return 0;
  }
  return length >= 0 && length <= (family == 4 ? 32 : 128) ? family : 0;
}

/// The same spelling for the same address: IPv6 has several.
std::string normal(const std::string& cidr) {
  const std::string address = cidr.substr(0, cidr.find('/'));
  const int family = family_of(address) == 4 ? AF_INET : AF_INET6;
  in6_addr bytes{};
  std::array<char, INET6_ADDRSTRLEN> text{};
  inet_pton(family, address.c_str(), &bytes);
  inet_ntop(family, &bytes, text.data(), text.size());
  return text.data() + cidr.substr(address.size());
}

/// The entry of the interface in the pod.
json own_interface(Trial& trial, const json& result) {
  for (const json& interface : list_of(result, "interfaces")) {
    if (interface.value("name", "") == trial.subject().ifname &&
        !interface.value("sandbox", "").empty()) {
      return interface;
    }
  }
  throw Failed("an interface " + trial.subject().ifname + " with a sandbox", result.dump());
}

void result_interface(Trial& trial) {
  const json result = trial.add();
  own_interface(trial, result);
}

void result_sandbox(Trial& trial) {
  const json interface = own_interface(trial, trial.add());
  expect(interface.value("sandbox", "") == trial.pod().netns, trial.pod().netns, interface.dump());
}

void result_mac(Trial& trial) {
  const json interface = own_interface(trial, trial.add());
  const std::string mac = trial.link(trial.pod()).value("address", "");
  expect(interface.value("mac", "") == mac, "mac " + mac, interface.dump());
}

void result_mtu(Trial& trial) {
  const json interface = own_interface(trial, trial.add());
  const int mtu = trial.link(trial.pod()).value("mtu", 0);
  expect(!interface.contains("mtu") || interface.at("mtu") == mtu,
         "mtu " + std::to_string(mtu) + " or none", interface.dump());
}

void result_host_interfaces(Trial& trial) {
  for (const json& interface : list_of(trial.add(), "interfaces")) {
    if (interface.value("sandbox", "").empty()) {
      const json link = find_link("", interface.value("name", ""));
      expect(!link.is_null(), "a link of the host for " + interface.dump(), "none");
      expect(interface.value("mac", "") == link.value("address", ""), link.value("address", ""),
             interface.dump());
    }
  }
}

/// What the result has for the interface, each as "address/length".
std::set<std::string> listed_addresses(Trial& trial, const json& result) {
  const json interfaces = list_of(result, "interfaces");
  std::set<std::string> addresses;
  for (const json& address : list_of(result, "ips")) {
    const std::size_t index = address.value("interface", std::size_t{0});
    const bool is_other = address.contains("interface") && index < interfaces.size() &&
                          interfaces.at(index).value("name", "") != trial.subject().ifname;
    if (!is_other) {
      addresses.insert(normal(address.value("address", "")));
    }
  }
  return addresses;
}

void result_addresses_shape(Trial& trial) {
  for (const json& address : list_of(trial.add(), "ips")) {
    const int family = family_of_cidr(address.value("address", ""));
    expect(family != 0, "an address with its length", address.dump());
    const std::string gateway = address.value("gateway", "");
    expect(gateway.empty() || family_of(gateway) == family, "a gateway of the same family",
           address.dump());
  }
}

void result_addresses_there(Trial& trial) {
  const std::set<std::string> listed = listed_addresses(trial, trial.add());
  const std::set<std::string> there = addresses_of(trial.link(trial.pod()));
  for (const std::string& address : listed) {
    expect(there.contains(address), address + " on the interface", json(there).dump());
  }
}

void result_addresses_all(Trial& trial) {
  const json result = trial.add();
  const std::set<std::string> listed = listed_addresses(trial, result);
  for (const std::string& address : addresses_of(trial.link(trial.pod()))) {
    expect(listed.contains(address), "the interface's " + address + " in the result",
           result.dump());
  }
}

void result_index(Trial& trial) {
  const json result = trial.add();
  const std::size_t count = list_of(result, "interfaces").size();
  for (const json& address : list_of(result, "ips")) {
    const json index = address.value("interface", json(0));
    expect(index.is_number_integer() && index >= 0 && index < count,
           "an index below " + std::to_string(count), address.dump());
  }
}

void result_family(Trial& trial) {
  for (const json& address : list_of(trial.add(), "ips")) {
    const std::string family = std::to_string(family_of_cidr(address.value("address", "")));
    expect(address.value("version", json()) == family, "version \"" + family + "\"",
           address.dump());
  }
}

void result_routes_shape(Trial& trial) {
  for (const json& route : list_of(trial.add(), "routes")) {
    const int family = family_of_cidr(route.value("dst", ""));
    expect(family != 0, "a destination with its length", route.dump());
    const std::string gateway = route.value("gw", "");
    expect(gateway.empty() || family_of(gateway) == family, "a gateway of the same family",
           route.dump());
  }
}

/// As `ip` shows it.
std::string destination(const std::string& cidr) {
  if (cidr == "0.0.0.0/0" || cidr == "::/0") {
    return "default";
  }
  const std::string text = normal(cidr);
  const bool is_host =
      text.ends_with("/128") || (text.ends_with("/32") && family_of_cidr(text) == 4);
  return is_host ? text.substr(0, text.find('/')) : text;
}

void result_routes_there(Trial& trial) {
  const json routes = list_of(trial.add(), "routes");
  const std::set<std::string> there = route_destinations(trial.pod().name, trial.subject().ifname);
  for (const json& route : routes) {
    expect(there.contains(destination(route.value("dst", ""))),
           "a route by the interface for " + route.dump(), json(there).dump());
  }
}

void result_no_later_fields(Trial& trial) {
  const json result = trial.add();
  const auto expect_without = [](const json& list, const std::vector<const char*>& keys) {
    for (const json& item : list) {
      for (const char* key : keys) {
        expect(!item.contains(key), std::string("no ") + key + ", which 1.1.0 has brought",
               item.dump());
      }
    }
  };
  expect_without(list_of(result, "interfaces"), {"mtu", "socketPath", "pciID"});
  expect_without(list_of(result, "routes"), {"mtu", "advmss", "priority", "table", "scope"});
}

void result_dns(Trial& trial) {
  const json result = trial.add();
  const json dns = result.value("dns", json::object());
  expect(dns.is_object(), "an object", result.dump());
  for (const char* key : {"nameservers", "search", "options"}) {
    expect(dns.value(key, json::array()).is_array(), std::string(key) + ", a list", dns.dump());
  }
  expect(dns.value("domain", json("")).is_string(), "domain, a text", dns.dump());
}

}  // namespace

Points result_points() {
  return {
      {"result-interface", Level::must, kEach, "The result has the interface, with a sandbox",
       kSuccess, result_interface},
      {"result-sandbox", Level::must, kEach,
       "The interface's sandbox is CNI_NETNS, letter by letter", kSuccess, result_sandbox},
      {"result-mac", Level::must, kEach, "The interface's MAC is the kernel's", kSuccess,
       result_mac},
      {"result-mtu", Level::must, kFrom11, "The interface's MTU, if given, is the kernel's",
       kSuccess, result_mtu},
      {"result-host-interfaces", Level::must, kOnce,
       "Interfaces without a sandbox are the host's, with their MACs", kSuccess,
       result_host_interfaces},
      {"result-addresses-shape", Level::must, kEach,
       "Addresses have their length, gateways are of the same family", kSuccess,
       result_addresses_shape},
      {"result-addresses-there", Level::must, kEach, "Each address listed is on the interface",
       kSuccess, result_addresses_there},
      {"result-addresses-all", Level::must, kEach, "Each address on the interface is listed",
       kSuccess, result_addresses_all},
      {"result-index", Level::must, kEach, "An address' index is that of an interface listed",
       kSuccess, result_index},
      {"result-family", Level::must, kBefore10, "Up to 0.4.0 an address has version \"4\" or \"6\"",
       kOldResult, result_family},
      {"result-routes-shape", Level::must, kEach,
       "Routes have destinations with lengths and gateways of the same family", kSuccess,
       result_routes_shape},
      {"result-routes-there", Level::must, kOnce, "Each route listed leaves by the interface",
       kSuccess, result_routes_there},
      {"result-no-later-fields", Level::should, kBefore11,
       "Results before 1.1.0 have no fields of 1.1.0", kSuccess, result_no_later_fields},
      {"result-dns", Level::must, kOnce, "dns, if given, has lists and a domain", kSuccess,
       result_dns},
  };
}

}  // namespace conformance
