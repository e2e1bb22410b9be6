// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include "mvr/cni/result.hpp"

namespace mvr::cni {
namespace {

/// Keeps the order in which fields are put, which is that of the specification.
using Ordered = nlohmann::ordered_json;

constexpr Version kFirstWithoutFamily{1, 0, 0};
constexpr Version kFirstWithExtras{1, 1, 0};  // mtu, socketPath, pciID; route attributes

/// Indented by `indent` spaces, or one line with -1. Texts may come from the kernel or another
/// plugin: what is no UTF-8 is replaced, so that a document always comes out.
std::string dump(const Ordered& document, int indent) {
  return document.dump(indent, ' ', false, Ordered::error_handler_t::replace) + '\n';
}

void put_text(Ordered& object, const char* name, const std::string& text) {
  if (!text.empty()) {
    object[name] = text;
  }
}

void put_texts(Ordered& object, const char* name, const std::vector<std::string>& texts) {
  if (!texts.empty()) {
    object[name] = texts;
  }
}

void put_number(Ordered& object, const char* name, std::optional<std::uint32_t> number) {
  if (number) {
    object[name] = *number;
  }
}

void put_address(Ordered& object, const char* name, const std::optional<ip::Address>& address) {
  if (address) {
    object[name] = address->to_string();
  }
}

Ordered format_one(const Interface& interface, const Version& version) {
  const bool has_extras = version >= kFirstWithExtras;
  Ordered object = Ordered::object();
  object["name"] = interface.name;
  put_text(object, "mac", interface.mac);
  if (has_extras && interface.mtu != 0) {
    object["mtu"] = interface.mtu;
  }
  put_text(object, "sandbox", interface.sandbox);
  if (has_extras) {
    put_text(object, "socketPath", interface.socket_path);
    put_text(object, "pciID", interface.pci_id);
  }
  return object;
}

Ordered format_one(const IpConfig& ip, const Version& version) {
  Ordered object = Ordered::object();
  if (version < kFirstWithoutFamily) {
    object["version"] = ip.address.family() == ip::Family::v4 ? "4" : "6";
  }
  put_number(object, "interface", ip.interface);
  object["address"] = ip.address.to_string();
  put_address(object, "gateway", ip.gateway);
  return object;
}

Ordered format_one(const RouteConfig& route, const Version& version) {
  Ordered object = Ordered::object();
  object["dst"] = route.dst.to_string();
  put_address(object, "gw", route.gateway);
  if (version >= kFirstWithExtras) {
    put_number(object, "mtu", route.mtu);
    put_number(object, "advmss", route.advmss);
    put_number(object, "priority", route.priority);
    put_number(object, "table", route.table);
    put_number(object, "scope", route.scope);
  }
  return object;
}

template <typename T>
void put_objects(Ordered& document, const char* name, const std::vector<T>& items,
                 const Version& version) {
  for (const T& item : items) {
    document[name].push_back(format_one(item, version));
  }
}

void put_dns(Ordered& document, const Dns& dns) {
  if (dns == Dns{}) {
    return;
  }
  Ordered& object = document["dns"] = Ordered::object();
  put_texts(object, "nameservers", dns.nameservers);
  put_text(object, "domain", dns.domain);
  put_texts(object, "search", dns.search);
  put_texts(object, "options", dns.options);
}

}  // namespace

std::string format_result(const AddResult& result, const Version& version) {
  Ordered document = Ordered::object();
  document["cniVersion"] = version.to_string();
  put_objects(document, "interfaces", result.interfaces, version);
  put_objects(document, "ips", result.ips, version);
  put_objects(document, "routes", result.routes, version);
  put_dns(document, result.dns);
  return dump(document, 4);
}

std::string format_error(const Error& error, const Version& version) {
  Ordered document = Ordered::object();
  document["cniVersion"] = version.to_string();
  document["code"] = static_cast<int>(error.code);
  document["msg"] = error.msg;
  put_text(document, "details", error.details);
  return dump(document, -1);
}

}  // namespace mvr::cni
