// SPDX-License-Identifier: Apache-2.0
#include "mvr/base/text.hpp"

#include <array>

#include "mvr/base/error.hpp"
#include "support/catch.hpp"

using namespace mvr;

namespace {

using Pieces = std::vector<std::string_view>;

}  // namespace

TEST_CASE("a word is nearly another one", "[text]") {
  constexpr std::array<std::string_view, 4> kWords{"gc", "inspect", "install", "doctor"};
  CHECK(mvr::find_similar("inspekt", kWords) == "inspect");
  CHECK(mvr::find_similar("instal", kWords) == "install");
  CHECK(mvr::find_similar("docotr", kWords) == "doctor");
  CHECK(mvr::find_similar("gd", kWords) == "gc");
  CHECK(mvr::find_similar("xy", kWords).empty());
  CHECK(mvr::find_similar("", kWords).empty());
  CHECK(mvr::find_similar(std::string(1000, 'x'), kWords).empty());
}

TEST_CASE("text is split at every separator", "[text]") {
  CHECK(split("a:b", ':') == Pieces{"a", "b"});
  CHECK(split("a::b", ':') == Pieces{"a", "", "b"});
  CHECK(split(":", ':') == Pieces{"", ""});
  CHECK(split("", ':') == Pieces{""});
  CHECK(split("abc", ':') == Pieces{"abc"});
}

TEST_CASE("parts are joined with a separator between them", "[text]") {
  CHECK(join({"a", "b", "c"}, ", ") == "a, b, c");
  CHECK(join({"a"}, ", ") == "a");
  CHECK(join({}, ", ").empty());
  CHECK(join({"", ""}, ",") == ",");
}

TEST_CASE("only ASCII letters become lower case", "[text]") {
  CHECK(to_lower("AZaz09[@`{") == "azaz09[@`{");
  CHECK(to_lower("Ä") == "Ä");
}

TEST_CASE("printable text has neither control characters nor open quotes", "[text]") {
  CHECK(printable("plain") == "plain");
  CHECK(printable("a\"b\\c") == R"(a\"b\\c)");
  CHECK(printable("\n\x1b\x7f") == R"(\x0a\x1b\x7f)");
  CHECK(printable(std::string_view("\0", 1)) == R"(\x00)");
  CHECK(printable("ü") == "ü");
}

TEST_CASE("printable text is cut at its limit, of input bytes", "[text]") {
  CHECK(printable("abcd", 4) == "abcd");
  CHECK(printable("abcde", 4) == "abcd…");
  CHECK(printable("\n\n\n", 2) == R"(\x0a\x0a…)");
  CHECK(printable("a", 0) == "…");
}

TEST_CASE("text as JSON is valid whatever it holds", "[text]") {
  CHECK(json_string("plain ü") == R"("plain ü")");
  CHECK(json_string("a\"b\\c") == R"("a\"b\\c")");
  CHECK(json_string("\n\x1b\x7f") == R"("\u000a\u001b\u007f")");
  CHECK(json_string("abcde", 4) == R"("abcd…")");
  // No character, one that is too long, a surrogate, one beyond Unicode, half a one.
  for (const char* text : {"\xff", "\xc0\xaf", "\xe0\x80\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80",
                           "\xf0\x80\x80\x80", "\xe2\x82"}) {
    INFO(to_hex(reinterpret_cast<const std::uint8_t*>(text), std::string_view(text).size()));
    CHECK(json_string(text).find_first_not_of("\\ufd\"") == std::string::npos);
  }
  CHECK(json_string("\xe0\xa0\x80\xed\x9f\xbf\xf0\x90\x80\x80\xf4\x8f\xbf\xbf") ==
        "\"\xe0\xa0\x80\xed\x9f\xbf\xf0\x90\x80\x80\xf4\x8f\xbf\xbf\"");
}

TEST_CASE("bytes are shown as two digits each", "[text]") {
  const std::array<std::uint8_t, 3> bytes{0x00, 0x0f, 0xa5};
  CHECK(to_hex(bytes.data(), bytes.size()) == "000fa5");
  CHECK(to_hex(bytes.data(), 0).empty());
}

TEST_CASE("a number is the whole text or nothing", "[text]") {
  CHECK(parse_number<int>("17") == 17);
  CHECK(parse_number<int>("-17") == -17);
  CHECK(parse_number<std::uint8_t>("255") == 255);
  CHECK(parse_number<std::uint8_t>("ff", 16) == 255);
  for (const char* text : {"", " 1", "1 ", "+1", "1.0", "0x1", "a", "99999999999"}) {
    INFO(text);
    CHECK_FALSE(parse_number<int>(text));
  }
  CHECK_FALSE(parse_number<std::uint8_t>("256"));
  CHECK_FALSE(parse_number<std::uint32_t>("-1"));
}

TEST_CASE("an error grows outwards and may change its number", "[text]") {
  Error error = sys_error(Code::io, 2, "open /x");
  CHECK(error.msg == "open /x: No such file or directory (ENOENT)");
  error = std::move(error).in("read").as(Code::routing);
  CHECK(error == Error{Code::routing, 2, "read: open /x: No such file or directory (ENOENT)"});
  CHECK(sys_error(Code::io, 9999, "x").msg == "x: unknown error (9999)");
}
