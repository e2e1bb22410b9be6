// SPDX-License-Identifier: Apache-2.0
#include "support/routing_lines.hpp"

#include <algorithm>

#include "support/shell.hpp"

namespace mvr::test {

namespace {

/// Numbers as text, with `ip -N` whatever names the machine has for them.
std::string text_of(const json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end()) {
    return {};
  }
  return found->is_string() ? found->get<std::string>() : found->dump();
}

std::string with(const char* word, const std::string& value) {
  return value.empty() ? "" : ' ' + (word + (' ' + value));
}

/// \source linux/rtnetlink.h, RTPROT_KERNEL
std::string owner_of(const json& object) {
  const std::string protocol = text_of(object, "protocol");
  return protocol == "216" ? " ours" : protocol == "2" ? " kernel" : "";
}

/// One of the other family is an object with that family's name.
std::string next_hop_of(const json& route) {
  const auto via = route.find("via");
  return via != route.end() ? text_of(*via, "family") + ' ' + text_of(*via, "host")
                            : text_of(route, "gateway");
}

/// \source linux/rtnetlink.h: RTN_UNICAST, RTN_UNREACHABLE, RT_SCOPE_LINK
std::string describe_route(const json& route) {
  const std::string type = text_of(route, "type");
  std::string line = type == "1" ? "" : type == "7" ? "unreachable " : "type " + type + ' ';
  line +=
      text_of(route, "dst") + with("via", next_hop_of(route)) + with("dev", text_of(route, "dev"));
  line += text_of(route, "scope") == "253" ? " scope link" : "";
  line += with("src", text_of(route, "prefsrc")) + with("metric", text_of(route, "metric"));
  for (const json& metrics : route.value("metrics", json::array())) {
    line += with("mtu", text_of(metrics, "mtu")) + with("advmss", text_of(metrics, "advmss"));
  }
  const json flags = route.value("flags", json::array());
  line += std::find(flags.begin(), flags.end(), "onlink") != flags.end() ? " onlink" : "";
  return line + owner_of(route);
}

std::string describe_rule(const json& rule) {
  const std::string length = text_of(rule, "srclen");
  return text_of(rule, "priority") + ": from " + text_of(rule, "src") +
         (length.empty() ? "" : '/' + length) + with("fwmark", text_of(rule, "fwmark")) +
         with("oif", text_of(rule, "oif")) + with("lookup", text_of(rule, "table")) +
         owner_of(rule);
}

}  // namespace

Lines routes(const std::string& netns, unsigned table, const std::string& family) {
  Lines lines;
  // Of all tables, since `ip` fails for one that does not exist.
  for (const json& route : ip_json(netns, {"-N", family, "route", "show", "table", "all"})) {
    const std::string of = text_of(route, "table");
    if ((of.empty() ? std::to_string(kMainTable) : of) == std::to_string(table)) {
      lines.push_back(describe_route(route));
    }
  }
  return lines;
}

Lines routes_by(const std::string& nic, const std::string& netns, unsigned table,
                const std::string& family) {
  Lines lines = routes(netns, table, family);
  std::erase_if(lines, [&](const std::string& line) {
    return (line + ' ').find(" dev " + nic + ' ') == std::string::npos;
  });
  return lines;
}

Lines rules(const std::string& netns, const std::string& family) {
  Lines lines;
  for (const json& rule : ip_json(netns, {"-N", family, "rule", "show"})) {
    const int priority = rule.at("priority");
    if (priority != 0 && priority < 32766) {
      lines.push_back(describe_rule(rule));
    }
  }
  return lines;
}

Lines addresses(const std::string& netns, const std::string& nic) {
  Lines lines;
  for (const json& link : ip_json(netns, {"-4", "address", "show", "dev", nic})) {
    for (const json& address : link.value("addr_info", json::array())) {
      lines.push_back(text_of(address, "local") + '/' + text_of(address, "prefixlen"));
    }
  }
  return lines;
}

Lines addresses6(const std::string& netns, const std::string& nic) {
  Lines lines;
  for (const json& link :
       ip_json(netns, {"-6", "address", "show", "dev", nic, "scope", "global"})) {
    for (const json& address : link.value("addr_info", json::array())) {
      if (!address.contains("local")) {
        continue;  // one of another scope: ip prints an empty object
      }
      std::string line = text_of(address, "local") + '/' + text_of(address, "prefixlen") +
                         with("metric", text_of(address, "metric"));
      for (const char* flag : {"nodad", "tentative", "dadfailed"}) {
        line += address.value(flag, false) ? std::string(" ") + flag : "";
      }
      lines.push_back(line);
    }
  }
  return lines;
}

Lines calico_main() {
  return {"default via 169.254.1.1 dev eth0",
          "10.1.20.4 via 169.254.1.1 dev eth0 src 10.233.119.164 ours",
          "10.233.0.0/18 via 169.254.1.1 dev eth0 src 10.233.119.164 ours",
          "10.233.64.0/18 via 169.254.1.1 dev eth0 src 10.233.119.164 ours",
          "169.254.0.0/16 via 169.254.1.1 dev eth0 src 10.233.119.164 ours",
          "169.254.1.1 dev eth0 scope link"};
}

bool names(const std::string& text, const Lines& words) {
  return std::all_of(words.begin(), words.end(),
                     [&](const std::string& word) { return text.find(word) != std::string::npos; });
}

Lines operator+(Lines first, const Lines& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

}  // namespace mvr::test
