// SPDX-License-Identifier: Apache-2.0
// A journal's VLAN and routes: what DEL removes from the node and puts back into the pod.
#include <nlohmann/json.hpp>

#include "mvr/state/journal.hpp"
#include "support/unit_pod.hpp"

using namespace mvr::state;
using namespace mvr::test;
using Json = nlohmann::json;
using Pointer = Json::json_pointer;
namespace ip = mvr::ip;
namespace net = mvr::net;

namespace {

constexpr net::IfIndex kVeth{77};

net::Route node_route(const std::string& dst, const std::string& overlay) {
  net::Route route = foreign_route(dst, overlay, kVeth);
  route.table = 500;
  route.protocol = net::kOurMark;
  return route;
}

Record full_record() {
  Record record;
  record.attachment = rail_attachment();
  record.netns_path = "/run/netns/pod";
  record.vlan = {net::IfIndex{11}, 4094};
  record.host_rule_table = 500;
  record.node_routes = {node_route("172.16.11.10/32", "10.233.119.164"),
                        node_route("fd00:172:11::10/128", "fd00:10:233::a4")};
  record.node_routes[0].src = addr("10.1.20.4");
  record.node_routes[1].metric = 1024;
  net::Route v4 = foreign_route("0.0.0.0/0", "169.254.1.1", kEth0);
  v4.metric = 0xffffffff;
  v4.mtu = 1450;
  v4.advmss = 1410;
  v4.is_onlink = true;
  v4.src = addr("10.233.119.164");
  net::Route v6 = foreign_route("::/0", "fe80::1", kEth0);
  v6.weight = 255;
  v6.more_ways = {{net::IfIndex{4}, addr("fe80::2"), true, 3}, {net::IfIndex{5}, std::nullopt}};
  record.overlay_defaults = {v4, v6, foreign_route("0.0.0.0/0", "", kEth0),
                             foreign_route("0.0.0.0/0", "fe80::1", kEth0)};
  return record;
}

Json full_json() {
  return Json::parse(format_record(full_record()));
}

/// The whole record with another value at one place.
std::optional<Record> parse_with(const std::string& place, const Json& value) {
  Json changed = full_json();
  changed[Pointer(place)] = value;
  INFO(place << " = " << value.dump());
  return parse_record(changed.dump());
}

/// Every place below one of the extras, as "/nodeRoutes/0/ways/0/via".
std::vector<std::string> places() {
  std::vector<std::string> found;
  const Json flat = full_json().flatten();
  for (const auto& [place, value] : flat.items()) {
    for (const char* extra : {"/vlan", "/hostRuleTable", "/nodeRoutes", "/overlayDefaults"}) {
      if (place.starts_with(extra)) {
        found.push_back(place);
      }
    }
  }
  return found;
}

}  // namespace

TEST_CASE("a VLAN and routes are read back as they were written", "[journal][routes]") {
  const Record full = full_record();
  CHECK(parse_record(format_record(full)) == full);
  Record record = full;
  record.vlan.reset();
  CHECK(parse_record(format_record(record)) == record);
  record.host_rule_table = 0;
  record.node_routes.clear();
  CHECK(parse_record(format_record(record)) == record);
  record = full;
  record.overlay_defaults.clear();
  CHECK(parse_record(format_record(record)) == record);
}

TEST_CASE("a record without VLAN and routes says nothing of them", "[journal][routes]") {
  Record record = full_record();
  record.vlan.reset();
  record.host_rule_table = 0;
  record.node_routes.clear();
  record.overlay_defaults.clear();
  const Json json = Json::parse(format_record(record));
  for (const char* key : {"vlan", "hostRuleTable", "nodeRoutes", "overlayDefaults"}) {
    CHECK_FALSE(json.contains(key));
  }
}

TEST_CASE("a record with one wrong value in its routes is none", "[journal][routes]") {
  REQUIRE(places().size() > 60);
  for (const std::string& place : places()) {
    const Json value = full_json().at(Pointer(place));
    const Json other = value.is_string() ? Json(7) : Json("7");
    for (const Json& wrong : {Json(nullptr), Json(1.5), Json::array(), Json::object(), other}) {
      CHECK_FALSE(parse_with(place, wrong));
    }
  }
}

TEST_CASE("a record with a place left out of its routes is none", "[journal][routes]") {
  for (const std::string& place : places()) {
    const Pointer pointer(place);
    const std::string key = pointer.back();
    Json cut = full_json();
    cut.at(pointer.parent_pointer()).erase(key);
    INFO(place);
    CHECK(parse_record(cut.dump()).has_value() == (key == "src" || key == "via"));
  }
}

TEST_CASE("a number that does not fit makes a record none", "[journal][routes]") {
  const std::string route = "/overlayDefaults/1";
  for (const auto& [place, largest] : {std::pair<std::string, std::uint64_t>{"/vlan/id", 0xffff},
                                       {"/vlan/master", 0x7fffffff},
                                       {route + "/metric", 0xffffffff},
                                       {route + "/mtu", 0xffffffff},
                                       {route + "/advmss", 0xffffffff},
                                       {route + "/ways/0/weight", 0xff},
                                       {route + "/ways/1/dev", 0x7fffffff}}) {
    CHECK(parse_with(place, largest));
    CHECK_FALSE(parse_with(place, largest + 1));
    CHECK_FALSE(parse_with(place, UINT64_MAX));
  }
  CHECK_FALSE(parse_with("/hostRuleTable", -1));
  CHECK_FALSE(parse_with("/hostRuleTable", 0x100000000));
  CHECK_FALSE(parse_with(route + "/protocol", 256));
}

TEST_CASE("text that is no address makes a record none", "[journal][routes]") {
  for (const char* text : {"", "x", "10.1.20.4/32", "10.1.20.256", "fd00::g", "10.1.20.4\n"}) {
    CHECK_FALSE(parse_with("/nodeRoutes/0/src", text));
    CHECK_FALSE(parse_with("/nodeRoutes/0/ways/0/via", text));
  }
  for (const char* text : {"", "default", "172.16.11.10", "172.16.11.10/33", "fd00::/129", "/8"}) {
    CHECK_FALSE(parse_with("/nodeRoutes/0/dst", text));
  }
}

TEST_CASE("a route of two families makes a record none, but for next hops of IPv6",
          "[journal][routes]") {
  CHECK(parse_with("/overlayDefaults/0/ways/0/via", "fe80::1"));
  CHECK_FALSE(parse_with("/nodeRoutes/1/ways/0/via", "10.233.119.164"));
  CHECK_FALSE(parse_with("/nodeRoutes/0/src", "fd00::1"));
  CHECK_FALSE(parse_with("/overlayDefaults/1/ways/1/via", "10.0.0.1"));
}

TEST_CASE("DEL is not told to remove or add what ADD cannot have recorded", "[journal][routes]") {
  // On the node: our own routes, in the table of that name.
  CHECK_FALSE(parse_with("/hostRuleTable", 501));
  CHECK_FALSE(parse_with("/nodeRoutes/1/table", 254));
  CHECK_FALSE(parse_with("/nodeRoutes/0/protocol", 3));
  // In the pod: default routes of main, of somebody else.
  CHECK_FALSE(parse_with("/overlayDefaults/0/dst", "10.0.0.0/8"));
  CHECK_FALSE(parse_with("/overlayDefaults/0/table", 100));
  CHECK_FALSE(parse_with("/overlayDefaults/0/protocol", 216));
}

TEST_CASE("a route without a way makes a record none", "[journal][routes]") {
  CHECK_FALSE(parse_with("/nodeRoutes/0/ways", Json::array()));
  CHECK_FALSE(parse_with("/nodeRoutes/0/ways", Json::array({Json::array()})));
  CHECK_FALSE(parse_with("/nodeRoutes", Json::array({7})));
  CHECK_FALSE(parse_with("/nodeRoutes", Json::object({{"0", 1}})));
  CHECK_FALSE(parse_with("/overlayDefaults", "0.0.0.0/0"));
}

TEST_CASE("a record with routes cut short anywhere is none", "[journal][routes]") {
  const std::string text = format_record(full_record());
  for (std::size_t size = 0; size + 2 < text.size(); ++size) {
    CHECK_FALSE(parse_record(text.substr(0, size)));
  }
}
