// SPDX-License-Identifier: Apache-2.0
#include "ops/document.hpp"

#include "support/print.hpp"

using mvr::Code;
using mvr::ops::Document;
using mvr::ops::parse_documents;
using namespace mvr::test;
using nlohmann::json;

namespace {

Document read_one(const std::string& text) {
  auto documents = unwrap(parse_documents(text));
  REQUIRE(documents.size() == 1);
  return documents.front();
}

std::string refusal_of(const std::string& text) {
  const auto read = parse_documents(text);
  REQUIRE_FALSE(read);
  CHECK(read.error().code == Code::decode);
  return read.error().msg;
}

}  // namespace

TEST_CASE("JSON and YAML are read alike", "[document]") {
  const json wanted{{"mtu", 9000}, {"strict", true}, {"master", {"a", "b"}}, {"x", nullptr}};
  CHECK(read_one(R"({"mtu": 9000, "strict": true, "master": ["a", "b"], "x": null})").value ==
        wanted);
  CHECK(read_one("{\n\t\"mtu\": 9000,\n\t\"strict\": true,\n\t\"master\": [\"a\",\t\"b\"],\n\t"
                 "\"x\": null\n}\n")
            .value == wanted);
  CHECK(read_one("mtu: 9000  # jumbo\nstrict: true\nmaster: [a, b]\nx: ~\n").value == wanted);
}

TEST_CASE("plain scalars have types, quoted ones are strings", "[document]") {
  CHECK(read_one("[1, -2, +3, 1.5, 1e3, null, Null, '1', \"true\", yes, 0x10, 1.2.3.4, 0b:00]")
            .value ==
        json{1, -2, 3, 1.5, 1e3, nullptr, nullptr, "1", "true", "yes", "0x10", "1.2.3.4", "0b:00"});
  CHECK(read_one("a:\nb: ''\n").value == json{{"a", nullptr}, {"b", ""}});
  CHECK(read_one("config: |\n  {\n    \"a\": 1\n  }\n").value.at("config") == "{\n  \"a\": 1\n}\n");
}

TEST_CASE("a key that is there twice hides nothing", "[document]") {
  const auto stream = mvr::ops::read_documents("a: {x: |\n  1\n  2\n}\nb: 1\na:\n  y: 2\nb: 3\n");
  CHECK(stream.error);  // "|" is nothing inside braces
  const auto read =
      mvr::ops::read_documents("a:\n  x: '1\n    2'\nb: 1\na:\n  y: 2\nb: 3\n---\n*c");
  REQUIRE(read.documents.size() == 1);
  const Document& document = read.documents[0];
  CHECK(document.value == json{{"a", {{"y", 2}}}, {"b", 3}});
  REQUIRE(document.repeats.size() == 2);
  CHECK(document.repeats[0].msg == "line 5: the key \"a\" is there already, in line 1");
  CHECK(document.repeats[1].msg == "line 7: the key \"b\" is there already, in line 4");
  CHECK(document.place_of("/a/y").line == 6);
  CHECK(document.place_of("/a/x").line == 5);
  CHECK(document.sources.empty());
  REQUIRE(read.error);
  CHECK(read.error->msg.starts_with("line 9: aliases"));
}

TEST_CASE("each value has its place", "[document]") {
  const Document document = read_one("a: 1\nlist:\n  - x\n  - b/c~d: 2\n");
  CHECK(document.place_of("/a").line == 1);
  CHECK(document.place_of("/list").line == 2);
  CHECK(document.place_of("/list/0").line == 3);
  CHECK(document.place_of("/list/1/b~1c~0d").line == 4);
  CHECK(document.place_of("/list/1/b~1c~0d").column == 5);
  CHECK(document.place_of("/list/1/missing/far").line == 4);
  CHECK(document.place_of("/nothing").line == 1);
}

TEST_CASE("a string of several lines has them as they are in the file", "[document]") {
  const Document document = read_one(
      "µ: 'x'\na: |-\n  one\n   two\n\nb: 'it''s\n\n  two'\nc:\n  \"say \\\"\n  so\\n\"\n"
      "d: \"one\"\ne: plain\n  text\nf: >\n\n  folded\n  text\n");
  CHECK(document.sources.at("/a").line == 3);
  CHECK(document.sources.at("/a").text.starts_with("  one\n   two\n"));
  CHECK(document.sources.at("/b").line == 6);
  CHECK(document.sources.at("/b").text == "it's\n\n  two");
  CHECK(document.sources.at("/c").line == 10);
  CHECK(document.sources.at("/c").text == "say \"\n  so ");
  CHECK(document.sources.at("/d").line == 12);
  CHECK(document.sources.at("/d").text.empty());
  CHECK_FALSE(document.sources.contains("/e"));
  CHECK(document.sources.at("/f").line == 16);
  CHECK(document.sources.at("/f").text == "\n  folded\n  text\n");
}

TEST_CASE("a file has several documents, or none", "[document]") {
  const auto documents = unwrap(parse_documents("a: 1\n---\n---\nb: 2\n...\n"));
  REQUIRE(documents.size() == 3);
  CHECK(documents[0].value == json{{"a", 1}});
  CHECK(documents[1].value == nullptr);
  CHECK(documents[2].value == json{{"b", 2}});
  CHECK(documents[2].place_of("/b").line == 4);
  CHECK(unwrap(parse_documents("")).empty());
  CHECK(unwrap(parse_documents("# nothing\n")).empty());
}

TEST_CASE("what is no document is refused with its line", "[document]") {
  CHECK(refusal_of("a: 1\n\tb: 2\n").starts_with("line 2: "));
  CHECK(refusal_of("a: 1\nb: [1, 2\n").starts_with("line 3: "));
  CHECK(refusal_of("{\"a\": 1\n \"b\": 2}").starts_with("line 2: "));
  CHECK(refusal_of("a: 1\nb: 2\na: 3\n") == "line 3: the key \"a\" is there already, in line 1");
  CHECK(refusal_of("a: &x 1\nb: *x\n").starts_with("line 2: aliases"));
  CHECK(refusal_of("a: \"\\xzz\"\n").starts_with("line 1: "));
  CHECK(refusal_of("? [a, b]\n: 1\n").starts_with("line 1: a key must be a word"));
  CHECK(refusal_of(std::string("a: \xff\xfe\n")).starts_with("line 1: "));
  CHECK(refusal_of(std::string(100, '[')).find("more than 64 levels") != std::string::npos);
}
