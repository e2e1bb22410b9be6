// SPDX-License-Identifier: Apache-2.0
#include "mvr/cni/result.hpp"

#include <nlohmann/json.hpp>

#include "support/print.hpp"

using mvr::Code;
using mvr::Error;
using mvr::cni::AddResult;
using mvr::cni::Dns;
using mvr::cni::format_error;
using mvr::cni::format_result;
using mvr::cni::Interface;
using mvr::cni::IpConfig;
using mvr::cni::kSupportedVersions;
using mvr::cni::parse_error;
using mvr::cni::parse_result;
using mvr::cni::RouteConfig;
using mvr::cni::Version;
using mvr::ip::Address;
using mvr::ip::Prefix;
using mvr::test::unwrap;

namespace {

constexpr Version kNewest{1, 1, 0};

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

AddResult example() {
  AddResult result;
  result.interfaces = {
      {"net1", "02:00:5e:10:00:01", 9000, "/var/run/netns/cni-1", "", "0000:0b:00.0"}};
  result.ips = {{*Prefix::parse("172.16.11.10/24"), Address::parse("172.16.11.254"), 0}};
  RouteConfig route;
  route.dst = *Prefix::parse("172.16.0.0/16");
  route.gateway = Address::parse("172.16.11.254");
  route.mtu = 1500;
  route.advmss = 1460;
  route.priority = 101;
  route.table = 0;
  route.scope = 0;
  result.routes = {route};
  result.dns = {{"10.233.0.3"}, "cluster.local", {"svc.cluster.local"}, {"ndots:5"}};
  return result;
}

/// What a version cannot say is lost on the way.
AddResult without_extras(AddResult result) {
  result.interfaces[0].mtu = 0;
  result.interfaces[0].pci_id.clear();
  const RouteConfig full = result.routes[0];
  result.routes[0] = {full.dst, full.gateway, {}, {}, {}, {}, {}};
  return result;
}

constexpr std::string_view kDns = R"(    "dns": {
        "nameservers": [
            "10.233.0.3"
        ],
        "domain": "cluster.local",
        "search": [
            "svc.cluster.local"
        ],
        "options": [
            "ndots:5"
        ]
    }
}
)";

std::string golden_before_1_1(std::string_view version, std::string_view family) {
  return R"({
    "cniVersion": ")" +
         std::string(version) + R"(",
    "interfaces": [
        {
            "name": "net1",
            "mac": "02:00:5e:10:00:01",
            "sandbox": "/var/run/netns/cni-1"
        }
    ],
    "ips": [
        {
)" + std::string(family) +
         R"(            "interface": 0,
            "address": "172.16.11.10/24",
            "gateway": "172.16.11.254"
        }
    ],
    "routes": [
        {
            "dst": "172.16.0.0/16",
            "gw": "172.16.11.254"
        }
    ],
)" + std::string(kDns);
}

constexpr std::string_view kGolden_1_1 = R"({
    "cniVersion": "1.1.0",
    "interfaces": [
        {
            "name": "net1",
            "mac": "02:00:5e:10:00:01",
            "mtu": 9000,
            "sandbox": "/var/run/netns/cni-1",
            "pciID": "0000:0b:00.0"
        }
    ],
    "ips": [
        {
            "interface": 0,
            "address": "172.16.11.10/24",
            "gateway": "172.16.11.254"
        }
    ],
    "routes": [
        {
            "dst": "172.16.0.0/16",
            "gw": "172.16.11.254",
            "mtu": 1500,
            "advmss": 1460,
            "priority": 101,
            "table": 0,
            "scope": 0
        }
    ],
)";

/// The field that a refused result names.
std::string refusal(const std::string& json) {
  const auto result = parse_result(json, kNewest);
  INFO(json);
  REQUIRE_FALSE(result);
  CHECK(result.error().code == Code::decode);
  return result.error().msg;
}

}  // namespace

TEST_CASE("the result in each version's shape", "[cni]") {
  const std::string family = "            \"version\": \"4\",\n";
  for (const char* version : {"0.3.0", "0.3.1", "0.4.0"}) {
    CHECK(format_result(example(), unwrap(Version::parse(version))) ==
          golden_before_1_1(version, family));
  }
  CHECK(format_result(example(), {1, 0, 0}) == golden_before_1_1("1.0.0", ""));
  CHECK(format_result(example(), kNewest) == std::string(kGolden_1_1) + std::string(kDns));
}

TEST_CASE("an empty result and a minimal one", "[cni]") {
  CHECK(format_result({}, kNewest) == "{\n    \"cniVersion\": \"1.1.0\"\n}\n");
  AddResult result;
  result.interfaces = {{"net1", "", 0, "", "", ""}};
  result.ips = {{*Prefix::parse("fd00::1/64"), {}, {}}};
  CHECK(contains(format_result(result, {0, 4, 0}), R"("version": "6",)"));
  CHECK_FALSE(contains(format_result(result, {0, 4, 0}), "gateway"));
  CHECK_FALSE(contains(format_result(result, kNewest), "mac"));
}

TEST_CASE("results survive the way there and back", "[cni]") {
  for (const Version& version : kSupportedVersions) {
    const AddResult back = unwrap(parse_result(format_result(example(), version), {0, 3, 0}));
    CHECK((back == (version == kNewest ? example() : without_extras(example()))));
  }
}

TEST_CASE("an IPAM plugin's result", "[cni]") {
  const AddResult result = unwrap(parse_result(
      R"({"cniVersion":"0.3.1","ips":[{"version":"4","interface":0,"address":"172.16.11.10/24",
          "gateway":"172.16.11.254"},{"version":"6","address":"fd00::2/64","gateway":""}],
          "routes":[{"dst":"0.0.0.0/0"}],"dns":{}})",
      kNewest));
  REQUIRE(result.ips.size() == 2);
  CHECK(result.ips[0].address.to_string() == "172.16.11.10/24");
  CHECK_FALSE(result.ips[0].interface);  // there is no interface that it could mean
  CHECK_FALSE(result.ips[1].gateway);
  CHECK(result.routes[0].dst.is_default());
}

TEST_CASE("null counts as absent, as Go's decoder has it", "[cni]") {
  const AddResult result = unwrap(parse_result(
      R"({"cniVersion":null,"interfaces":null,"ips":[{"address":"10.0.0.2/8","gateway":null,
          "interface":null}],"routes":[{"dst":"10.1.0.0/16","table":null}],"dns":null})",
      kNewest));
  CHECK_FALSE(result.routes[0].table);
  CHECK(result.dns == Dns{});
}

TEST_CASE("the version that a result does not name is the configuration's", "[cni]") {
  const char* json = R"({"ips":[{"version":"6","address":"10.0.0.2/8"}]})";
  CHECK(parse_result(json, {1, 0, 0}));
  CHECK_FALSE(parse_result(json, {0, 4, 0}));
}

TEST_CASE("malformed results are refused by the field's name", "[cni]") {
  CHECK(contains(refusal("[]"), "object"));
  CHECK(contains(refusal("null"), "object"));
  CHECK(contains(refusal(R"({"ips":5})"), "ips 5"));
  CHECK(contains(refusal(R"({"ips":[5]})"), "ips[0] 5"));
  CHECK(contains(refusal(R"({"ips":[{}]})"), "ips[0].address"));
  CHECK(contains(refusal(R"({"ips":[{"address":"10.0.0.2"}]})"), "ips[0].address \"10.0.0.2\""));
  CHECK(contains(refusal(R"({"ips":[{"address":["10.0.0.2/8"]}]})"), "ips[0].address"));
  CHECK(contains(refusal(R"({"ips":[{"address":"10.0.0.2/8","gateway":7}]})"), "ips[0].gateway"));
  CHECK(contains(refusal(R"({"ips":[{"address":"10.0.0.2/8","gateway":"x"}]})"), "gateway \"x\""));
  CHECK(contains(refusal(R"({"ips":[{"address":"10.0.0.2/8","interface":-1}]})"), "interface -1"));
  CHECK(contains(refusal(R"({"interfaces":[{"name":"a"}],
                             "ips":[{"address":"10.0.0.2/8","interface":1}]})"),
                 "ips[0].interface 1"));
  CHECK(contains(refusal(R"({"interfaces":[{"name":1}]})"), "interfaces[0].name"));
  CHECK(contains(refusal(R"({"interfaces":[{"mtu":"9000"}]})"), "interfaces[0].mtu"));
  CHECK(contains(refusal(R"({"routes":[{"dst":"10.0.0.0"}]})"), "routes[0].dst"));
  CHECK(contains(refusal(R"({"routes":[{"dst":"10.0.0.1/8"}]})"), "10.0.0.0/8"));
  CHECK(contains(refusal(R"({"routes":[{"dst":"10.0.0.0/8","gw":{}}]})"), "routes[0].gw"));
  CHECK(contains(refusal(R"({"routes":[{"dst":"10.0.0.0/8","table":4294967296}]})"), "table"));
  CHECK(contains(refusal(R"({"routes":[{"dst":"10.0.0.0/8","mtu":1.5}]})"), "routes[0].mtu 1.5"));
  CHECK(contains(refusal(R"({"dns":[]})"), "dns"));
  CHECK(contains(refusal(R"({"dns":{"search":"x"}})"), "dns.search"));
  CHECK(contains(refusal(R"({"dns":{"nameservers":[1]}})"), "dns.nameservers"));
  CHECK(contains(refusal(R"({"dns":{"domain":1}})"), "dns.domain"));
  CHECK(contains(refusal(R"({"cniVersion":"0.2.0"})"), "cniVersion"));
  CHECK(contains(refusal(R"({"cniVersion":"abc"})"), "abc"));
  CHECK(contains(refusal(R"({"cniVersion":1})"), "cniVersion 1"));
  CHECK(contains(refusal(R"({"cniVersion":"0.4.0","ips":[{"version":"6","address":"1.2.3.4/8"}]})"),
                 "ips[0].version"));
  CHECK(contains(refusal("{\"ips\":[}"), "byte 9"));
  CHECK(contains(refusal(""), "not JSON: it is empty"));
  CHECK(contains(refusal("{}x"), "byte 3"));
}

TEST_CASE("error documents", "[cni]") {
  CHECK(format_error({Code::bad_config, 22, "mtu \"1500\": must be an integer", ""}, {0, 4, 0}) ==
        "{\"cniVersion\":\"0.4.0\",\"code\":7,\"msg\":\"mtu \\\"1500\\\": must be an integer\"}\n");
  CHECK(format_error({Code::gateway_unreachable, 0, "net1", "two\nlines"}, kNewest) ==
        "{\"cniVersion\":\"1.1.0\",\"code\":104,\"msg\":\"net1\",\"details\":\"two\\nlines\"}\n");
}

TEST_CASE("an error document is one line of valid JSON whatever the message holds", "[cni]") {
  for (const std::string& text :
       {std::string("\xff\xfe\x80"), std::string("cut \xe2\x80"), std::string("\0\x01\x7f\n\r", 5),
        std::string(3'000'000, '\xc3'), std::string("</script> \" \\")}) {
    const std::string document = format_error({Code::io, 0, text, text}, kNewest);
    CHECK(document.find('\n') == document.size() - 1);
    const auto json = nlohmann::json::parse(document, nullptr, false);
    REQUIRE(json.is_object());
    CHECK(json["code"] == 5);
    CHECK(json["msg"].is_string());
  }
}

TEST_CASE("another plugin's error document", "[cni]") {
  const auto error = parse_error(R"({"code":999,"msg":"no IP left","details":"rail1"})");
  REQUIRE(error);
  CHECK(*error == Error{static_cast<Code>(999), 0, "no IP left", "rail1"});
  CHECK(parse_error(R"({"cniVersion":"1.0.0","code":11,"msg":"","details":null})"));
  CHECK(parse_error(format_error({Code::io, 0, "read", ""}, kNewest))->code == Code::io);
  for (const char* other :
       {"", "rubbish", "[]", "null", "{}", R"({"code":"7","msg":"x"})", R"({"code":7})",
        R"({"code":-1,"msg":"x"})", R"({"code":7,"msg":5})", R"({"code":1.5,"msg":"x"})",
        R"({"code":4294967296,"msg":"x"})", R"({"cniVersion":"1.0.0","ips":[]})"}) {
    INFO(other);
    CHECK_FALSE(parse_error(other));
  }
}
