// SPDX-License-Identifier: Apache-2.0
#include "unit/netconf_fixture.hpp"

using mvr::Code;
using mvr::Error;
using mvr::cni::defaults_path;
using mvr::cni::downgrade_netconf;
using mvr::cni::format_error;
using mvr::cni::guess_version;
using mvr::cni::parse_netconf;
using mvr::cni::Version;
using namespace mvr::cni::test;

TEST_CASE("names and versions without which no verb goes on", "[cni][netconf]") {
  CHECK(hard_error(R"({"cniVersion":"1.0.0"})").code == Code::bad_config);
  CHECK(contains(hard_error(R"({"cniVersion":"1.0.0"})").msg, "missing network name"));
  CHECK(hard_error(R"({"cniVersion":"1.0.0","name":"a/b"})").code == Code::bad_config);
  const Error old = hard_error(R"({"cniVersion":"0.2.0","name":"a"})");
  CHECK(old.code == Code::incompatible_version);
  CHECK(contains(old.msg, "0.3.0, 0.3.1, 0.4.0, 1.0.0, 1.1.0"));
  CHECK(contains(hard_error(R"({"name":"a"})").msg, "missing"));
  CHECK(hard_error(R"({"name":"a"})").code == Code::incompatible_version);
  CHECK(hard_error(R"({"name":"a","cniVersion":"1.0"})").code == Code::incompatible_version);
  CHECK(hard_error(R"({"name":"a","cniVersion":"1.2.3.4.5"})").code == Code::decode);
  CHECK(hard_error(R"({"name":"a","cniVersion":1})").code == Code::decode);
}

TEST_CASE("what is not JSON is refused with its position", "[cni][netconf]") {
  for (const std::string& bad :
       {std::string(), std::string("null"), std::string("[]"), std::string("\"x\""),
        std::string("rubbish"), config().substr(0, 30), config() + "x", config() + config(),
        "\xef\xbb\xbf" + config(), config() + '\0', std::string("{\"name\":\"\xff\"}"),
        std::string("{\"name\":\"\\ud800\"}"), std::string("{'name':1}"), std::string("{\"a\":1,}"),
        std::string("{\"a\":1e999}")}) {
    INFO(bad);
    CHECK(hard_error(bad).code == Code::decode);
  }
  CHECK(contains(hard_error(R"({"a":1,})").msg, "byte 8"));
  CHECK(contains(hard_error(R"({"a":)").msg, "too early, after byte 5"));
  CHECK(contains(hard_error("\xef\xbb\xbf{}").msg, "byte order mark"));
}

TEST_CASE("deep nesting is refused before it is parsed", "[cni][netconf]") {
  const auto nested = [](std::size_t levels) {
    return "\"x\":" + std::string(levels, '[') + std::string(levels, ']');
  };
  CHECK(warnings(nested(127)).size() == 1);  // the object itself is a level
  CHECK(hard_error(config(nested(128))).code == Code::decode);
  CHECK(hard_error(std::string(200'000, '[')).code == Code::decode);
  CHECK(hard_error(config(nested(200'000))).code == Code::decode);
  CHECK(contains(hard_error(std::string(200'000, '[')).msg, "nested"));
  CHECK(
      warnings("\"x\":\"" + std::string(500, '[') + "\\\"" + std::string(500, '{') + '"').size() ==
      1);  // within a string they are no brackets
}

TEST_CASE("every refusal fits into an error document", "[cni][netconf]") {
  for (const std::string& json :
       {config("\"mode\":\"\\u0001\\u007f\xc3\xa4\""), config("\"\\n\xc3\xa4\":1,\"strict\":true"),
        std::string("{\"name\":\"\xff\xfe\"}"),
        R"({"cniVersion":"1.0.0","name":")" + std::string(3'000'000, '\xc3') + "\"}",
        config("\"" + std::string(63, 'k') + "\xe2\x82\xac\":1,\"strict\":true")}) {
    const auto parsed = parse_netconf(json, "{}");
    const Error error = parsed ? parsed->problems.at(0) : parsed.error();
    const std::string document = format_error(error, kNewest);
    CHECK(Json::parse(document, nullptr, false).is_object());
    CHECK(document.find('\n') == document.size() - 1);
    CHECK(document.size() < 1000);
  }
}

TEST_CASE("the defaults file's path", "[cni][netconf]") {
  const std::string standard = "/etc/cni/macvlan-rdma.json";
  CHECK(defaults_path(config()) == standard);
  CHECK(defaults_path(config(R"("defaultsFile":"/x/y")")) == "/x/y");
  CHECK(defaults_path(config(R"("DefaultsFile":"/x/y")")) == "/x/y");
  for (const char* bad : {"5", "null", "\"x\"", "\"/../x\"", "\"\""}) {
    CHECK(defaults_path(config(std::string("\"defaultsFile\":") + bad)) == standard);
  }
  CHECK(defaults_path("rubbish") == standard);
}

TEST_CASE("a version for the error document", "[cni][netconf]") {
  CHECK(guess_version(R"({"cniVersion":"0.3.1"})") == Version{0, 3, 1});
  for (const char* other : {"", "rubbish", "[]", "{}", R"({"cniVersion":"9.0.0"})",
                            R"({"cniVersion":4})", R"({"cniVersion":"0.3.1")"}) {
    INFO(other);
    CHECK(guess_version(other) == kNewest);
  }
}

TEST_CASE("a configuration for a plugin that knows no 1.1.0", "[cni][netconf]") {
  const std::string json = R"({"cniVersion":"1.1.0","name":"n","ipam":{"type":"host-local"},
      "big":9007199254740993,"prevResult":{"cniVersion":"1.1.0",
      "interfaces":[{"name":"net1","mtu":9000}],"routes":[{"dst":"0.0.0.0/0","table":5}]}})";
  const Json old = Json::parse(unwrap(downgrade_netconf(json)), nullptr, false);
  CHECK(old == Json::parse(R"({"cniVersion":"1.0.0","name":"n","ipam":{"type":"host-local"},
      "big":9007199254740993,"prevResult":{"cniVersion":"1.0.0","interfaces":[{"name":"net1"}],
      "routes":[{"dst":"0.0.0.0/0"}]}})"));
  CHECK(unwrap(downgrade_netconf(config())) == config());  // it is old enough
  CHECK_FALSE(downgrade_netconf("rubbish"));
}

TEST_CASE("a prevResult that cannot be read goes down as it is", "[cni][netconf]") {
  const char* json = R"({"cniVersion":"1.1.0","prevResult":{"ips":5}})";
  CHECK(unwrap(downgrade_netconf(json)) == R"({"cniVersion":"1.0.0","prevResult":{"ips":5}})");
  CHECK(unwrap(downgrade_netconf(R"({"cniVersion":"1.1.0","prevResult":null})")) ==
        R"({"cniVersion":"1.0.0","prevResult":null})");
}
