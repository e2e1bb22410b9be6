// SPDX-License-Identifier: Apache-2.0
#include "webhook/list_page.hpp"

#include <vector>

#include <nlohmann/json.hpp>

#include "support/print.hpp"

using mvr::test::unwrap;
using mvr::webhook::percent_encode;
using mvr::webhook::read_page;
using mvr::webhook::read_status;
using nlohmann::json;

namespace {

mvr::Result<mvr::webhook::ListPage> read(const std::string& text, std::vector<json>& objects) {
  return read_page(text, [&](const json& object) { objects.push_back(object); });
}

}  // namespace

TEST_CASE("the objects of a page are handed over one by one", "[list]") {
  const json one = {{"metadata", {{"name", "a"}, {"items", {{{"b", 1}}}}}},
                    {"spec", {{"c", {1, {{"d", 2}}}}}}};
  const json two = {{"metadata", {{"name", "b"}}}};
  for (const bool is_first : {true, false}) {
    const std::string items = "\"items\":" + json{one, two}.dump();
    const std::string metadata = R"("metadata":{"resourceVersion":"9","continue":"x=="})";
    std::vector<json> objects;
    const auto page = unwrap(
        read('{' + (is_first ? items + ',' + metadata : metadata + ',' + items) + '}', objects));
    CHECK(objects == std::vector{one, two});
    CHECK(page.version == "9");
    CHECK(page.continuation == "x==");
    CHECK(page.count == 2);
  }
}

TEST_CASE("a page may be empty", "[list]") {
  for (const char* items : {"[]", "null", "{}", "[1,[2],null]"}) {
    std::vector<json> objects;
    const auto page = unwrap(read(
        R"({"metadata":{"resourceVersion":"9"},"items":)" + std::string(items) + '}', objects));
    CHECK(page.count == 0);
    CHECK(page.continuation.empty());
  }
}

TEST_CASE("what is no list is refused", "[list]") {
  for (const char* text :
       {"", "[]", "{}", "null", R"({"items":[{}]})", R"({"metadata":[],"items":[]})",
        R"({"metadata":{"resourceVersion":"9"},"items":[{})"}) {
    INFO(text);
    std::vector<json> objects;
    CHECK_FALSE(read(text, objects));
  }
}

TEST_CASE("a continuation may hold anything", "[list]") {
  CHECK(percent_encode("aZ0-._~") == "aZ0-._~");
  CHECK(percent_encode("a+b/c=&\xff") == "a%2bb%2fc%3d%26%ff");
}

TEST_CASE("a refusal says what its Status says, else what it begins with", "[list]") {
  CHECK(read_status(R"({"kind":"Status","message":"no rights"})") == "no rights");
  CHECK(read_status("<html>\n") == "<html>\\x0a");
  CHECK(read_status(R"({"message":1})").find("message") != std::string::npos);
  CHECK(read_status(std::string(100'000, 'x')).size() < 1000);
}
