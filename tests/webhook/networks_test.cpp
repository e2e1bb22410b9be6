// SPDX-License-Identifier: Apache-2.0
/// \file
/// The two forms of the annotation that lists a pod's networks.
#include "webhook/networks.hpp"

#include <nlohmann/json.hpp>

#include "support/catch.hpp"

using mvr::webhook::append_networks;
using mvr::webhook::parse_networks;

namespace {

/// "space/name@interface" of each entry.
std::string entries(const std::string& text) {
  const auto list = parse_networks(text, "training");
  if (!list) {
    return "error: " + list.error().msg;
  }
  std::string shown;
  for (const auto& one : list->entries) {
    shown += (shown.empty() ? "" : " ") + one.full_name();
    shown += one.interface.empty() ? "" : '@' + one.interface;
  }
  return shown;
}

std::string append(const std::string& text, const std::vector<mvr::webhook::Selection>& more) {
  return append_networks(parse_networks(text, "training").value(), more);
}

}  // namespace

TEST_CASE("a list with commas", "[networks]") {
  CHECK(entries("") == "");
  CHECK(entries(" \n") == "");
  CHECK(entries("a") == "training/a");
  CHECK(entries("a,default/b@eth1,\n c @ eth2 ") == "training/a default/b@eth1 training/c@eth2");
  CHECK(entries(" default/a ,\tdefault/b\n") == "default/a default/b");
}

TEST_CASE("a list of objects", "[networks]") {
  CHECK(entries("[]") == "");
  CHECK(entries(R"([{"name":"a"},{"name":"b","namespace":"default","interface":"eth1"}])") ==
        "training/a default/b@eth1");
  CHECK(entries(R"([{"Name":"a","NAMESPACE":"x","mac":"02:00:00:00:00:01","ips":["10.0.0.1"]}])") ==
        "x/a");
}

TEST_CASE("what Multus would not take is an error", "[networks]") {
  for (const char* bad : {"a,", ",", "a,,b", "a/b/c", "a@b@c", "default/", "default/@eth1", "{}",
                          "[", "[7]", "[null]", "[{}]", R"([{"name":""}])", R"([{"name":3}])",
                          R"("a")", R"({"name":"a"})", R"([{"name":"a"}] x)"}) {
    INFO(bad);
    CHECK_THAT(entries(bad), Catch::StartsWith("error: "));
  }
  CHECK(parse_networks(std::string(10'000, '"'), "x").error().msg.size() < 300);
  CHECK(parse_networks(std::string(10'000, '/'), "x").error().msg.size() < 300);
}

TEST_CASE("more networks are put behind, in the form that is there", "[networks]") {
  const std::vector<mvr::webhook::Selection> more{{"default", "x"}, {"default", "y"}};
  CHECK(append("", more) == "default/x, default/y");
  CHECK(append("a", more) == "a, default/x, default/y");
  CHECK(append("a,b@eth1", more) == "a,b@eth1,default/x,default/y");
  CHECK(append("a,\n  b\n", more) == "a,\n  b, default/x, default/y");
  CHECK(append("[]", more) ==
        R"([{"name":"x","namespace":"default"},{"name":"y","namespace":"default"}])");
  CHECK(append("[ { \"name\": \"a\" }\n]\n", more) ==
        "[ { \"name\": \"a\" },"
        R"({"name":"x","namespace":"default"},{"name":"y","namespace":"default"}])");
}

TEST_CASE("a name that does not fit between commas makes a list of objects", "[networks]") {
  CHECK(append("", {{"default", "rail.1"}}) == R"([{"name":"rail.1","namespace":"default"}])");
  CHECK(append("a@eth1, b", {{"default", "rail.1"}}) ==
        R"([{"name":"a","namespace":"training","interface":"eth1"},)"
        R"({"name":"b","namespace":"training"},{"name":"rail.1","namespace":"default"}])");
  CHECK(append("a", {{"default", "7-x"}}) == "a, default/7-x");
}

TEST_CASE("what is appended is read again as what it was", "[networks]") {
  for (const char* text : {"", "a", "a,b", "[]", R"([{"name":"a]","namespace":"["}])"}) {
    const std::string once = append(text, {{"default", "x"}, {"other", "y.z"}});
    INFO(once);
    const std::string before = entries(text);
    CHECK(entries(once) == before + (before.empty() ? "" : " ") + "default/x other/y.z");
  }
}
