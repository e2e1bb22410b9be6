// SPDX-License-Identifier: Apache-2.0
#include "support/link_state.hpp"

#include <algorithm>
#include <set>

#include "support/shell.hpp"

namespace mvr::test {

namespace {

/// Moves an object's values into a line of text.
class Line {
 public:
  explicit Line(json object) : rest_(std::move(object)) {}

  /// \param silent the value that goes without saying
  Line& put(const std::string& word, const char* key, const std::string& silent = "") {
    const std::string value = take_value(key);
    if (value != silent) {
      text_ += word + value;
    }
    return *this;
  }

  Line& drop(std::initializer_list<const char*> keys) {
    for (const char* key : keys) {
      rest_.erase(key);
    }
    return *this;
  }

  Line& say_if(const char* key, const std::string& words) {
    text_ += rest_.erase(key) != 0 ? words : "";
    return *this;
  }

  [[nodiscard]] std::string text() const {
    return text_ + (rest_.empty() ? "" : " " + rest_.dump());
  }

 private:
  std::string take_value(const char* key) {
    const auto found = rest_.find(key);
    if (found == rest_.end()) {
      return "";
    }
    const std::string value = found->is_string() ? found->get<std::string>() : found->dump();
    rest_.erase(found);
    return value;
  }

  json rest_;
  std::string text_;
};

/// Where conf/iproute2 is installed, ip knows our protocol's name.
void number_protocol(json& object) {
  if (object.value("protocol", "") == "macvlan-rdma") {
    object["protocol"] = "216";
  }
}

/// Dead and linkdown follow the carrier, which settles late.
void keep_onlink_only(json& route) {
  const json flags = route.value("flags", json::array());
  route.erase("flags");
  if (std::find(flags.begin(), flags.end(), "onlink") != flags.end()) {
    route["onlink"] = true;
  }
}

std::string describe_route(json route) {
  number_protocol(route);
  keep_onlink_only(route);
  Line line(std::move(route));
  line.drop({"table"}).put("", "type", "unicast");
  const std::string gap = line.text().find("unreachable") == 0 ? " " : "";
  return line.put(gap, "dst")
      .put(" via ", "gateway")
      .put(" dev ", "dev")
      .put(" proto ", "protocol")
      .put(" scope ", "scope", "global")
      .put(" src ", "prefsrc")
      .put(" metric ", "metric")
      .say_if("onlink", " onlink")
      .text();
}

std::string describe_rule(json rule) {
  number_protocol(rule);
  return Line(std::move(rule))
      .put("", "priority")
      .put(" from ", "src")
      .put(" oif ", "oif")
      .say_if("oif_detached", " [detached]")
      .put(" lookup ", "table")
      .put(" proto ", "protocol")
      .text();
}

std::string describe_address(json address) {
  return Line(std::move(address))
      .drop({"family", "label", "valid_life_time", "preferred_life_time"})
      .put("", "local")
      .put("/", "prefixlen")
      .put(" scope ", "scope")
      .put(" metric ", "metric")
      .text();
}

json routes_of(const std::string& netns) {
  return ip_json(netns, {"-4", "route", "show", "table", "all"});
}

}  // namespace

Lines sorted(Lines lines) {
  std::sort(lines.begin(), lines.end());
  return lines;
}

Lines read_rules(const std::string& netns) {
  Lines lines;
  for (const json& rule : ip_json(netns, {"-4", "rule", "show"})) {
    lines.push_back(describe_rule(rule));
  }
  return lines;
}

Lines read_table(const std::string& netns, const std::string& table) {
  Lines lines;
  for (const json& route : routes_of(netns)) {
    if (route.value("table", "main") == table) {
      lines.push_back(describe_route(route));
    }
  }
  return sorted(std::move(lines));
}

Lines read_tables(const std::string& netns) {
  std::set<std::string> tables;
  for (const json& route : routes_of(netns)) {
    tables.insert(route.value("table", "main"));
  }
  tables.erase("local");
  return {tables.begin(), tables.end()};
}

Lines read_addresses(const std::string& netns, const std::string& nic) {
  Lines lines;
  for (const json& link : ip_json(netns, {"-4", "address", "show", "dev", nic})) {
    for (const json& address : link.value("addr_info", json::array())) {
      lines.push_back(describe_address(address));
    }
  }
  return sorted(std::move(lines));
}

Lines read_links(const std::string& netns) {
  Lines names;
  for (const json& link : ip_json(netns, {"link", "show"})) {
    names.push_back(link.at("ifname"));
  }
  return sorted(std::move(names));
}

json read_link(const std::string& netns, const std::string& nic) {
  for (const json& link : ip_json(netns, {"link", "show"})) {
    if (link.at("ifname") == nic) {
      return link;
    }
  }
  return {};
}

bool is_up(const json& link) {
  const json flags = link.value("flags", json::array());
  return std::find(flags.begin(), flags.end(), "UP") != flags.end();
}

json macvlan_of(const json& link) {
  return link.value(json::json_pointer("/linkinfo/info_data"), json::object());
}

unsigned table_of(const std::string& netns, const std::string& nic) {
  for (const json& rule : ip_json(netns, {"-4", "rule", "show"})) {
    if (rule.value("oif", "") == nic) {
      return static_cast<unsigned>(std::stoul(rule.at("table").get<std::string>()));
    }
  }
  return 0;
}

}  // namespace mvr::test
