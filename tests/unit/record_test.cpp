// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include "mvr/state/journal.hpp"
#include "support/unit_pod.hpp"

using namespace mvr::state;
using namespace mvr::test;
using Json = nlohmann::json;
namespace cni = mvr::cni;

namespace {

Record full_record() {
  Record record;
  record.attachment = rail_attachment();
  record.netns_path = "/run/netns/pod \"1\"\n";
  record.netns = {4, 0xffffffffffffffff};
  record.master = "enp11s0f0np0";
  record.master_index = 11;
  record.table = 0xffffffff;
  record.ipam_type = "host-local";
  record.is_complete = true;
  record.ipam = rail_lease();
  cni::RouteConfig route;
  route.dst = prefix("10.50.0.0/16");
  route.gateway = addr("172.16.11.253");
  route.mtu = 1400;
  route.advmss = 1360;
  route.priority = 7;
  route.table = 500;
  route.scope = 0;
  record.ipam->routes = {route};
  record.ipam->dns.nameservers = {"10.233.0.3"};
  record.pod = "default/train-0";
  record.device_info_file = "/var/run/k8s.cni.cncf.io/devinfo/cni/train-0-net1.json";
  record.mac = mvr::ip::Mac::parse("02:00:5e:10:00:01");
  record.default_families = {mvr::ip::Family::v4, mvr::ip::Family::v6};
  record.request = {"{\n  \"name\": \"gpu1-macvlan\"\n}\n", "/opt/cni/bin", "IgnoreUnknown=1"};
  return record;
}

Json json_of(const Record& record) {
  return Json::parse(format_record(record));
}

}  // namespace

TEST_CASE("a record is read back as it was written", "[journal]") {
  CHECK(parse_record(format_record(full_record())) == full_record());
  Record record = full_record();
  record.ipam.reset();
  CHECK(parse_record(format_record(record)) == record);
  CHECK(parse_record(format_record(Record{})) == Record{});
}

TEST_CASE("a record with families that are none is none", "[journal]") {
  for (const Json& families : {Json(4), Json("4"), Json{4, 5}, Json{"6"}, Json{{"a", 4}}}) {
    Json json = json_of(full_record());
    json["mainDefault"] = families;
    CHECK_FALSE(parse_record(json.dump()));
  }
}

TEST_CASE("a record is one line of JSON", "[journal]") {
  const std::string text = format_record(full_record());
  CHECK(text.find('\n') == text.size() - 1);
  CHECK(json_of(full_record()).at("network") == "gpu1-macvlan");
}

TEST_CASE("a record cut short anywhere is none", "[journal]") {
  const std::string text = format_record(full_record());
  for (std::size_t size = 0; size + 2 < text.size(); ++size) {
    CHECK_FALSE(parse_record(text.substr(0, size)));
  }
}

TEST_CASE("a record without one of its fields is none", "[journal]") {
  const Json whole = json_of(full_record());
  for (const auto& [key, value] : whole.items()) {
    const bool is_needed = key != "ipamResult" && key != "pod" && key != "deviceInfoFile" &&
                           key != "request" && key != "mac" && key != "mainDefault";
    Json cut = whole;
    cut.erase(key);
    INFO(key);
    CHECK(parse_record(cut.dump()).has_value() != is_needed);
  }
}

TEST_CASE("a record with half a request is none", "[journal]") {
  const Json whole = json_of(full_record());
  for (const char* key : {"config", "path", "args"}) {
    Json cut = whole;
    cut["request"].erase(key);
    INFO(key);
    CHECK_FALSE(parse_record(cut.dump()));
  }
}

TEST_CASE("a record of before RDMA was known is read", "[journal]") {
  Json old = json_of(full_record());
  old.erase("pod");
  old.erase("deviceInfoFile");
  old.erase("request");
  old.erase("mac");
  old.erase("mainDefault");
  Record expected = full_record();
  expected.pod.clear();
  expected.device_info_file.clear();
  expected.request.reset();
  expected.mac.reset();
  expected.default_families.clear();
  CHECK(parse_record(old.dump()) == expected);
}

TEST_CASE("a record with a field of another type is none", "[journal]") {
  const Json whole = json_of(full_record());
  for (const auto& [key, value] : whole.items()) {
    for (const Json& wrong : {Json(nullptr), Json(1.5), Json::array(), Json::object(),
                              value.is_string() ? Json(7) : Json("7")}) {
      Json changed = whole;
      changed[key] = wrong;
      INFO(key << " = " << wrong.dump());
      CHECK(parse_record(changed.dump()).has_value() == (key == "ipamResult"));
    }
  }
}

TEST_CASE("a record of another format is none", "[journal]") {
  Json json = json_of(full_record());
  for (const Json& format : {Json(0), Json(2), Json("1"), Json(4294967297)}) {
    json["format"] = format;
    CHECK_FALSE(parse_record(json.dump()));
  }
}

TEST_CASE("a record with a number that does not fit is none", "[journal]") {
  Json json = json_of(full_record());
  for (const auto& [key, value] :
       {std::pair{"table", Json(4294967296)}, std::pair{"table", Json(-1)},
        std::pair{"masterIndex", Json(4294967307)}, std::pair{"netnsInode", Json(-1)},
        std::pair{"netnsDevice", Json(-1)}}) {
    Json changed = json;
    changed[key] = value;
    INFO(key << " = " << value.dump());
    CHECK_FALSE(parse_record(changed.dump()));
  }
}

TEST_CASE("what IPAM said is left out of a record if it makes no sense", "[journal]") {
  Json json = json_of(full_record());
  json["ipamResult"] = R"({"ips":[{"address":"nonsense"}]})";
  const auto record = parse_record(json.dump());
  REQUIRE(record);
  CHECK_FALSE(record->ipam);
}

TEST_CASE("a field that a record does not know is no harm", "[journal]") {
  Json json = json_of(full_record());
  json["comment"] = "by hand";
  CHECK(parse_record(json.dump()) == full_record());
}

TEST_CASE("bytes that are no text are no obstacle to writing a record", "[journal]") {
  Record record = full_record();
  record.netns_path = "/run/\xff\xfe";
  CHECK(parse_record(format_record(record)));
}
