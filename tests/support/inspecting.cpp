// SPDX-License-Identifier: Apache-2.0
#include "support/inspecting.hpp"

#include <filesystem>

#include "support/catch.hpp"
#include "support/namespaces.hpp"

namespace mvr::test {

Output inspect(const std::vector<std::string>& options) {
  std::vector<std::string> argv{plugin_path(), "inspect", "--state-dir", std::string(kStateDir)};
  argv.insert(argv.end(), options.begin(), options.end());
  return run({.argv = std::move(argv), .env = {{"PATH", "/usr/bin:/bin"}}, .clean_env = true});
}

json inspect_json(std::vector<std::string> options) {
  options.emplace_back("--json");
  const Output output = inspect(options);
  INFO(output.out << output.err);
  json document = json::parse(output.out, nullptr, false);
  REQUIRE(document.is_object());
  CHECK(output.err.empty());
  CHECK(output.status == (document["healthy"] == true ? 0 : 1));
  return document;
}

json only_nic(const json& document) {
  REQUIRE(document["pods"].size() == 1);
  REQUIRE(document["pods"][0]["nics"].size() == 1);
  return document["pods"][0]["nics"][0];
}

std::string problems_of(const json& object) {
  std::string text;
  for (const json& problem : object["problems"]) {
    CHECK_FALSE(problem["remedy"].get<std::string>().empty());
    text += problem["what"].get<std::string>() + '\n';
  }
  return text;
}

std::string journal_file() {
  return std::filesystem::directory_iterator(kStateDir)->path().string();
}

PodWithNic::PodWithNic(const json& patch) : OnePod({.rails = 2}) {
  add_or_fail(runtime, 1, patch);
}

}  // namespace mvr::test
