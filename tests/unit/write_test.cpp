// SPDX-License-Identifier: Apache-2.0
#include "ops/write.hpp"

#include "ops/document.hpp"
#include "support/print.hpp"

using namespace mvr::ops;
using namespace mvr::test;
using nlohmann::json;

namespace {

json read_back(const std::string& text) {
  const auto documents = unwrap(parse_documents(text));
  REQUIRE(documents.size() == 1);
  return documents.front().value;
}

}  // namespace

TEST_CASE("YAML is written as people do", "[write]") {
  const json value{{"kind", "List"},
                   {"apiVersion", "v1"},
                   {"items", {{{"b", 1}, {"a", {"x", "172.16.11.0/24"}}}, json::array({1, 2})}},
                   {"text", "{\n  \"a\": 1\n}\n"},
                   {"empty", json::object()},
                   {"nothing", nullptr}};
  CHECK(write_yaml(value) ==
        "apiVersion: v1\n"
        "kind: List\n"
        "empty: {}\n"
        "items:\n"
        "  - a:\n"
        "      - x\n"
        "      - 172.16.11.0/24\n"
        "    b: 1\n"
        "  - - 1\n"
        "    - 2\n"
        "nothing: null\n"
        "text: |\n"
        "  {\n"
        "    \"a\": 1\n"
        "  }\n");
}

TEST_CASE("strings are quoted where others would read something else", "[write]") {
  for (const char* text : {"",
                           "yes",
                           "No",
                           "on",
                           "true",
                           "null",
                           "~",
                           "1",
                           "1.5",
                           "0x10",
                           "1:30",
                           "2026-01-02",
                           "a: b",
                           "a #b",
                           "- a",
                           "a:",
                           " a",
                           "a ",
                           "*a",
                           "&a",
                           "!a",
                           "%a",
                           "@a",
                           "`a",
                           "{a",
                           "[a",
                           "\"",
                           "'",
                           "a\tb",
                           "\x7f",
                           "é",
                           "\xc2\x80",
                           "\xc2\x85",
                           "a\xe2\x80\xa8 b",
                           "\xef\xbb\xbf",
                           "\xef\xbf\xbf",
                           "\xf0\x9f\x98\x80",
                           "a\r\nb",
                           "\n",
                           "a\n\nb\n\n",
                           " a\nb",
                           "\na\n",
                           "---",
                           "..."}) {
    INFO(text);
    CHECK(write_yaml(json(text)).find('"') != std::string::npos);
    CHECK(read_back(write_yaml(json(text))) == text);
    CHECK(read_back(write_yaml(json{{"key", text}, {text, 1}, {"list", {text, {{text, text}}}}})) ==
          json{{"key", text}, {text, 1}, {"list", {text, {{text, text}}}}});
  }
  for (const char* text : {"a", "net1", "k8s.v1.cni.cncf.io/resourceName", "10.233.64.0/18", "v1",
                           "/run/x", "a:b", "Trainer_0-1"}) {
    CHECK(write_yaml(json(text)) == std::string(text) + '\n');
  }
}

TEST_CASE("texts of several lines stand in blocks, and are read as they were", "[write]") {
  for (const char* text : {"a\nb", "a\nb\n", "a\n\n  b: c\n # d\n", "{\n}\n"}) {
    const json value{{"x", {{{"config", text}}}}};
    CHECK(write_yaml(value).find("config: |") != std::string::npos);
    CHECK(read_back(write_yaml(value)) == value);
  }
}

TEST_CASE("JSON has short values in one line, and known keys in their order", "[write]") {
  const json value{{"ipam",
                    {{"type", "host-local"},
                     {"ranges",
                      {{{{"gateway", "172.16.11.254"},
                         {"rangeEnd", "172.16.11.200"},
                         {"rangeStart", "172.16.11.1"},
                         {"subnet", "172.16.11.0/24"}}}}}}},
                   {"serviceCIDR", {"10.233.0.0/18"}},
                   {"cniVersion", "1.0.0"},
                   {"type", "macvlan-rdma"},
                   {"name", "rail1"}};
  CHECK(write_json(value) ==
        "{\n"
        "  \"cniVersion\": \"1.0.0\",\n"
        "  \"name\": \"rail1\",\n"
        "  \"type\": \"macvlan-rdma\",\n"
        "  \"serviceCIDR\": [\"10.233.0.0/18\"],\n"
        "  \"ipam\": {\n"
        "    \"type\": \"host-local\",\n"
        "    \"ranges\": [\n"
        "      [\n"
        "        {\n"
        "          \"subnet\": \"172.16.11.0/24\",\n"
        "          \"rangeStart\": \"172.16.11.1\",\n"
        "          \"rangeEnd\": \"172.16.11.200\",\n"
        "          \"gateway\": \"172.16.11.254\"\n"
        "        }\n"
        "      ]\n"
        "    ]\n"
        "  }\n"
        "}\n");
  CHECK(json::parse(write_json(value)) == value);
  CHECK(write_json(json::object()) == "{}\n");
}
