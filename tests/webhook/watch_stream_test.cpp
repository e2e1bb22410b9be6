// SPDX-License-Identifier: Apache-2.0
#include "webhook/watch_stream.hpp"

#include "support/print.hpp"

using mvr::Code;
using mvr::test::unwrap;
using mvr::webhook::WatchEvent;
using mvr::webhook::WatchStream;
using Type = WatchEvent::Type;

namespace {

constexpr std::string_view kAdded =
    R"({"type":"ADDED","object":{"metadata":{"name":"a","resourceVersion":"7"}}})";

/// What is said of one line.
mvr::Result<std::optional<WatchEvent>> read(const std::string& line) {
  WatchStream stream(1000);
  stream.add(line + '\n');
  return stream.next();
}

}  // namespace

TEST_CASE("events come line by line, however they are cut", "[watch]") {
  const std::string text = std::string(kAdded) + "\n\n" + std::string(kAdded) + "\r\n";
  for (std::size_t step = 1; step <= text.size(); ++step) {
    WatchStream stream(1000);
    int count = 0;
    for (std::size_t i = 0; i < text.size(); i += step) {
      stream.add(text.substr(i, step));
      while (const auto event = unwrap(stream.next())) {
        CHECK(event->type == Type::added);
        CHECK(event->version == "7");
        CHECK(event->object["metadata"]["name"] == "a");
        ++count;
      }
    }
    CHECK(count == 2);
    CHECK(stream.pending() == 0);
  }
}

TEST_CASE("each type is known, and what is not is passed over", "[watch]") {
  const auto type_of = [](const std::string& type) {
    return unwrap(
        read(R"({"type":")" + type + R"(","object":{"metadata":{"resourceVersion":"1"}}})"));
  };
  CHECK(type_of("MODIFIED")->type == Type::modified);
  CHECK(type_of("DELETED")->type == Type::deleted);
  CHECK(type_of("BOOKMARK")->type == Type::bookmark);
  CHECK_FALSE(type_of("RENAMED"));
  const auto error = unwrap(read(R"({"type":"ERROR","object":{"code":410}})"));
  CHECK(error->type == Type::error);
  CHECK(error->version.empty());
}

TEST_CASE("a line that is no event is an error", "[watch]") {
  for (const char* line :
       {"nonsense", "[]", "1", "{}", R"({"type":"ADDED"})", R"({"type":1,"object":{}})",
        R"({"type":"ADDED","object":[]})", R"({"type":"ADDED","object":{}})",
        R"({"type":"ADDED","object":{"metadata":{"resourceVersion":7}}})",
        R"({"type":"ADDED","object":{"metadata":{"resourceVersion":"7"}}} x)"}) {
    INFO(line);
    const auto event = read(line);
    REQUIRE_FALSE(event);
    CHECK(event.error().code == Code::decode);
  }
}

TEST_CASE("a line may be as long as the limit, complete or not", "[watch]") {
  const std::string line(kAdded);
  WatchStream exact(line.size());
  exact.add(line);
  CHECK_FALSE(unwrap(exact.next()));
  exact.add("\n");
  CHECK(unwrap(exact.next()));
  WatchStream shorter(line.size() - 1);
  shorter.add(line);
  CHECK_FALSE(shorter.next());
  WatchStream complete(line.size() - 1);
  complete.add(line + '\n');
  CHECK_FALSE(complete.next());
}

TEST_CASE("many lines take no more memory than what is still to come", "[watch]") {
  WatchStream stream(1000);
  for (int i = 0; i < 1000; ++i) {
    stream.add(std::string(kAdded) + '\n' + "{\"ty");
    CHECK(unwrap(stream.next()));
    CHECK_FALSE(unwrap(stream.next()));
    CHECK(stream.pending() == 4);
    stream.add("pe\":\"X\",\"object\":{}}\n");
    CHECK_FALSE(unwrap(stream.next()));
  }
}
