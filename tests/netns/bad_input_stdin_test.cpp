// SPDX-License-Identifier: Apache-2.0
// Standard input that is no configuration at all.
#include "support/catch.hpp"
#include "support/namespaces.hpp"
#include "support/plugin.hpp"
#include "support/refusal.hpp"

using namespace mvr::test;

namespace {

/// ADD with exactly these bytes on standard input.
void refuse(const Refusals& refusals, const std::string& input, int code,
            const std::vector<std::string>& words) {
  Call call = refusals.call();
  call.input = input;
  INFO(input.substr(0, 100));
  const Answer answer = refusals.expect_call(call, code, words);
  CHECK(answer.message().size() < 1000);
  CHECK(answer.body.at("cniVersion").is_string());
}

/// `text` as often as that.
std::string repeat(const std::string& text, std::size_t count) {
  std::string result;
  result.reserve(text.size() * count);
  for (std::size_t i = 0; i < count; ++i) {
    result += text;
  }
  return result;
}

}  // namespace

TEST_CASE("what is no JSON is refused with the place", "[bad-input]") {
  const Refusals refusals;
  refuse(refusals, "", 6, {"network configuration", "not JSON: it is empty"});
  refuse(refusals, "no JSON", 6, {"not JSON", "byte 2"});
  refuse(refusals, "\x1b[31m", 6, {"not JSON", "byte 1"});
  refuse(refusals, "\xff\xfe{\0}\0", 6, {"not JSON"});
  refuse(refusals, std::string("{\"name\":\"a\"}\0", 13), 6, {"byte 13 is zero"});
  refuse(refusals, "{\"name\":\"\xff\"}", 6, {"not JSON"});
}

TEST_CASE("half of a configuration is refused", "[bad-input]") {
  const Refusals refusals;
  const std::string whole = rail_config(1).dump();
  refuse(refusals, whole.substr(0, whole.size() / 2), 6, {"not JSON"});
  refuse(refusals, whole.substr(0, whole.size() - 1), 6,
         {"ends too early, after byte " + std::to_string(whole.size() - 1)});
}

TEST_CASE("anything around the one document is refused", "[bad-input]") {
  const Refusals refusals;
  const std::string whole = rail_config(1).dump();
  refuse(refusals, whole + "x", 6, {"not JSON", "byte " + std::to_string(whole.size() + 1)});
  refuse(refusals, whole + whole, 6, {"not JSON"});
  refuse(refusals, whole + "]", 6, {"not JSON"});
  refuse(refusals, "\xef\xbb\xbf" + whole, 6, {"byte order mark"});
  refuse(refusals, "// a comment\n" + whole, 6, {"not JSON"});
}

TEST_CASE("white space around the document is none of these", "[bad-input]") {
  Scenario scenario({.rails = 1});
  Call call = Runtime(scenario.add_pod("pod")).call("ADD", "net1", rail_config(1));
  call.input = "\r\n\t " + call.config.dump(2) + "\n\n ";
  const Answer answer = run_plugin(call);
  INFO(answer);
  CHECK(answer.ok());
}

TEST_CASE("a document that is no object is refused", "[bad-input]") {
  const Refusals refusals;
  refuse(refusals, "null", 6, {"null: must be a JSON object"});
  refuse(refusals, "[]", 6, {"[]: must be a JSON object"});
  refuse(refusals, "\"text\"", 6, {"\"text\": must be a JSON object"});
  refuse(refusals, "17", 6, {"17: must be a JSON object"});
}

TEST_CASE("deep nesting is refused before it is followed", "[bad-input]") {
  const Refusals refusals;
  refuse(refusals, repeat("[", 200'000), 6, {"nested deeper than"});
  refuse(refusals, repeat("{\"a\":", 200'000), 6, {"nested deeper than"});
  refuse(refusals, R"({"name":"gpu1","args":)" + repeat("[", 200'000) + repeat("]", 200'000) + "}",
         6, {"nested deeper than", "levels at byte"});
}

TEST_CASE("a name of three megabytes is refused in a short message", "[bad-input]") {
  const Refusals refusals;
  json config = rail_config(1);
  config["name"] = std::string(3'000'000, 'x');
  refuse(refusals, config.dump(), 7, {"name \"xxx", "at most 255 letters, digits"});
  config["name"] = "gpu1";
  config["mode"] = std::string(3'000'000, 'x');
  refuse(refusals, config.dump(), 7, {"mode \"xxx", "\"bridge\""});
}

TEST_CASE("an input of 17 MiB is refused", "[bad-input]") {
  const Refusals refusals;
  json config = rail_config(1);
  config["args"] = {{"padding", std::string(17 << 20, 'x')}};
  refuse(refusals, config.dump(), 5, {"more than 16777216 bytes"});
}

TEST_CASE("an input of 15 MiB is read", "[bad-input]") {
  const Refusals refusals;
  Call call = refusals.call({{"mode", "ipvlan"}});
  call.config["args"] = {{"padding", std::string(15 << 20, 'x')}};
  refusals.expect_call(call, 7, {"mode \"ipvlan\""});
}

TEST_CASE("a runtime that closes standard input gets an answer", "[bad-input]") {
  isolate();
  const Output output = run({.argv = {"sh", "-c", "exec \"$0\" <&-", plugin_path()},
                             .env = {{"CNI_COMMAND", "STATUS"}, {"CNI_PATH", kCniPath}}});
  expect_error(make_answer(output), 6);
}
