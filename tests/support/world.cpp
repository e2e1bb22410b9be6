// SPDX-License-Identifier: Apache-2.0
#include "support/world.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <initializer_list>

#include "mvr/base/fd.hpp"
#include "mvr/base/text.hpp"
#include "mvr/ip/address.hpp"
#include "support/catch.hpp"
#include "support/namespaces.hpp"
#include "support/shell.hpp"

namespace mvr::test {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kFileLimit = std::size_t{1} << 20;

constexpr std::array kSysctls{"ipv4/conf/#/arp_announce", "ipv4/conf/#/arp_ignore",
                              "ipv4/conf/#/forwarding",   "ipv4/conf/#/proxy_arp",
                              "ipv4/conf/#/rp_filter",    "ipv6/conf/#/accept_ra",
                              "ipv6/conf/#/disable_ipv6", "ipv6/conf/#/forwarding",
                              "ipv4/conf/#/accept_local", "ipv4/conf/#/src_valid_mark"};

json pick(const json& from, std::initializer_list<const char*> keys) {
  json result = json::object();
  for (const char* key : keys) {
    if (const auto found = from.find(key); found != from.end()) {
      result[key] = *found;
    }
  }
  return result;
}

std::string text_of(const json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

bool has_flag(const json& link, const char* flag) {
  const auto flags = link.find("flags");
  return flags != link.end() && std::find(flags->begin(), flags->end(), flag) != flags->end();
}

/// The kernel makes these some time after a link has come up.
bool is_link_local(const std::string& address) {
  return address.starts_with("fe80:") || address.starts_with("ff00:");
}

/// \param links as `ip address show` has them, which says all that `ip link show` does
json links_of(const json& links) {
  json result = json::object();
  for (const json& link : links) {
    json entry = pick(link, {"ifindex", "link", "link_index", "master", "mtu", "txqlen", "group",
                             "address", "ifalias", "promiscuity", "allmulti"});
    entry["up"] = has_flag(link, "UP");
    entry["arp"] = !has_flag(link, "NOARP");
    if (const auto info = link.find("linkinfo"); info != link.end()) {
      entry["kind"] = text_of(*info, "info_kind");
      entry["mode"] = info->value(json::json_pointer("/info_data/mode"), "");
    }
    result[text_of(link, "ifname")] = std::move(entry);
  }
  return result;
}

json addresses_of(const json& links) {
  json result = json::object();
  for (const json& link : links) {
    for (const json& address : link.value("addr_info", json::array())) {
      if (!is_link_local(text_of(address, "local"))) {
        const std::string name = text_of(link, "ifname") + " " + text_of(address, "local") + "/" +
                                 address.value("prefixlen", json()).dump();
        result[name] = pick(address, {"broadcast", "scope", "metric", "protocol", "noprefixroute"});
      }
    }
  }
  return result;
}

/// Objects without a name are their own name: printed whole, in order, equal ones counted.
void add_whole(json& all, const json& object) {
  const std::string name = object.dump();
  all[name] = all.value(name, 0) + 1;
}

void add_routes(json& all, const std::string& family, const json& routes) {
  for (json route : routes) {
    const bool by_kernel = text_of(route, "protocol") == "kernel";
    if (by_kernel && is_link_local(text_of(route, "dst"))) {
      continue;
    }
    // Dead and linkdown follow the carrier, which settles late.
    const auto flags = route.value("flags", json::array());
    route["flags"] = std::find(flags.begin(), flags.end(), "onlink") != flags.end() ? "onlink" : "";
    route["family"] = family;
    add_whole(all, route);
  }
}

void add_rules(json& all, const std::string& family, const json& rules) {
  for (json rule : rules) {
    rule["family"] = family;
    add_whole(all, rule);
  }
}

std::vector<std::string> names_in(const std::string& dir) {
  std::vector<std::string> result;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(dir, error)) {
    result.push_back(entry.path().filename());
  }
  return result;
}

json sysctls_of(const std::string& netns) {
  const Inside inside(netns);
  json result = json::object();
  for (const std::string& nic : names_in("/proc/sys/net/ipv4/conf")) {
    for (std::string key : kSysctls) {
      key.replace(key.find('#'), 1, nic);
      result[key] = read_sysctl("", key);
    }
  }
  return result;
}

/// What an entry of the difference is about: "/node/links/net1/mtu" without JSON's escapes.
std::string place_of(std::string pointer) {
  for (const auto& [escape, plain] : {std::pair{"~1", "/"}, std::pair{"~0", "~"}}) {
    for (auto at = pointer.find(escape); at != std::string::npos; at = pointer.find(escape)) {
      pointer.replace(at, 2, plain);
    }
  }
  return pointer;
}

std::string describe(const json& change, const json& before) {
  const std::string path = change.at("path");
  const std::string kind = change.at("op");
  const std::string old = kind == "add" ? "" : before.at(json::json_pointer(path)).dump();
  if (kind == "add") {
    return "appeared: " + place_of(path) + " = " + change.at("value").dump();
  }
  if (kind == "remove") {
    return "vanished: " + place_of(path) + " = " + old;
  }
  return "changed: " + place_of(path) + " from " + old + " to " + change.at("value").dump();
}

}  // namespace

json snapshot(const std::string& netns) {
  const json links = ip_json(netns, {"address", "show"});
  json result{{"links", links_of(links)},     {"addresses", addresses_of(links)},
              {"routes", json::object()},     {"rules", json::object()},
              {"neighbours", json::object()}, {"sysctls", sysctls_of(netns)}};
  for (const char* family : {"-4", "-6"}) {
    const auto answers =
        ip_json_batch(netns, family, "route show table all\nrule show\nneigh show nud permanent\n");
    REQUIRE(answers.size() == 3);
    add_routes(result["routes"], family, answers[0]);
    add_rules(result["rules"], family, answers[1]);
    for (const json& neighbour : answers[2]) {
      add_whole(result["neighbours"], neighbour);
    }
  }
  return result;
}

json snapshot_files(const std::string& dir) {
  json result = json::object();
  std::error_code error;
  for (const auto& entry : fs::recursive_directory_iterator(dir, error)) {
    if (!entry.is_directory()) {
      result[entry.path()] = read_file(entry.path(), kFileLimit).value_or("unreadable");
    }
  }
  return result;
}

json snapshot_leases() {
  json result = json::object();
  for (const std::string& network : names_in(std::string(kLeaseDir))) {
    const std::string dir = std::string(kLeaseDir) + "/" + network;
    for (const std::string& name : names_in(dir)) {
      if (ip::Address::parse(name)) {
        result[network + "/" + name] = read_file(dir + "/" + name, kFileLimit).value_or("");
      }
    }
  }
  return result;
}

json snapshot_world(const std::vector<std::string>& netns) {
  json result{{"node", snapshot("")},
              {"state", snapshot_files(std::string(kStateDir))},
              {"leases", snapshot_leases()}};
  for (const std::string& name : netns) {
    result[name] = snapshot(name);
  }
  return result;
}

std::string difference(const json& before, const json& after) {
  std::vector<std::string> lines;
  for (const json& change : json::diff(before, after)) {
    lines.push_back(describe(change, before));
  }
  return join(lines, "\n");
}

}  // namespace mvr::test
