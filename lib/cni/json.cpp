// SPDX-License-Identifier: Apache-2.0
#include "cni/json.hpp"

#include <algorithm>
#include <optional>

#include <nlohmann/json.hpp>

#include "mvr/base/text.hpp"

namespace mvr::cni {
namespace {

/// Accepts every event and keeps the position of the first error.
struct PositionFinder {
  std::size_t position = 0;

  // NOLINTBEGIN(readability-convert-member-functions-to-static): the interface of a SAX handler
  bool null() { return true; }
  bool boolean(bool) { return true; }
  bool number_integer(Json::number_integer_t) { return true; }
  bool number_unsigned(Json::number_unsigned_t) { return true; }
  bool number_float(Json::number_float_t, const std::string&) { return true; }
  bool string(std::string&) { return true; }
  bool binary(Json::binary_t&) { return true; }
  bool start_object(std::size_t) { return true; }
  bool key(std::string&) { return true; }
  bool end_object() { return true; }
  bool start_array(std::size_t) { return true; }
  bool end_array() { return true; }
  // NOLINTEND(readability-convert-member-functions-to-static)
  bool parse_error(std::size_t at, const std::string&, const Json::exception&) {
    position = at;
    return false;
  }
};

/// Shows the text just before a position, so that the place is found in a file of one long line.
std::string describe(std::string_view text, std::size_t position) {
  constexpr std::size_t kShown = 24;
  const std::size_t end = std::min(position, text.size());
  const std::size_t begin = end - std::min(end, kShown);
  return "byte " + std::to_string(position) + ", at the end of \"" +
         printable(text.substr(begin, end - begin)) + '"';
}

/// The position of the first bracket beyond kMaxDepth. It is looked for before parsing: the parser
/// keeps a stack entry for each level.
std::optional<std::size_t> find_too_deep(std::string_view text) {
  int depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string && c == '\\') {
      ++i;
    } else if (c == '"') {
      in_string = !in_string;
    } else if (!in_string && (c == '[' || c == '{')) {
      if (++depth > kMaxDepth) {
        return i + 1;
      }
    } else if (!in_string && (c == ']' || c == '}')) {
      --depth;
    }
  }
  return std::nullopt;
}

}  // namespace

Result<void> check_text(std::string_view text) {
  // The library skips a byte order mark and takes a zero byte for the end.
  if (text.starts_with("\xef\xbb\xbf")) {
    return fail(Code::decode, "not JSON: byte 1 begins a byte order mark");
  }
  if (const std::size_t zero = text.find('\0'); zero != std::string_view::npos) {
    return fail(Code::decode, "not JSON: byte " + std::to_string(zero + 1) + " is zero");
  }
  if (const auto position = find_too_deep(text)) {
    return fail(Code::decode, "not acceptable JSON: nested deeper than " +
                                  std::to_string(kMaxDepth) + " levels at byte " +
                                  std::to_string(*position));
  }
  return {};
}

Error syntax_error(std::string_view text) {
  if (text.find_first_not_of(" \t\r\n") == std::string_view::npos) {
    return {Code::decode, 0, "not JSON: it is empty"};
  }
  PositionFinder finder;
  Json::sax_parse(text, &finder);
  if (finder.position > text.size()) {
    return {Code::decode, 0,
            "not JSON: it ends too early, after byte " + std::to_string(text.size())};
  }
  return {Code::decode, 0, "not JSON: " + describe(text, finder.position)};
}

Result<Json> parse_json(std::string_view text) {
  MVR_TRY(check_text(text));
  Json document = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (document.is_discarded()) {
    return fail(syntax_error(text));
  }
  return document;
}

Result<Json> parse_object(std::string_view text) {
  Result<Json> document = parse_json(text);
  if (document && !document->is_object()) {
    return fail(Code::decode, show(*document) + ": must be a JSON object");
  }
  return document;
}

bool equals_ignoring_case(std::string_view left, std::string_view right) {
  return std::ranges::equal(left, right, [](char a, char b) { return to_lower(a) == to_lower(b); });
}

std::string show(const Json& value) {
  constexpr std::size_t kShown = 100;
  constexpr auto kReplace = Json::error_handler_t::replace;
  std::string text = value.dump(-1, ' ', /*ensure_ascii=*/true, kReplace);
  if (text.size() > kShown) {
    text.resize(kShown);
    text += "…";
  }
  return text;
}

Member find_member(const Json& object, std::string_view name) {
  if (!object.is_object()) {
    return {};
  }
  if (const auto it = object.find(name); it != object.end()) {
    return {it.key(), &it.value()};
  }
  for (auto it = object.begin(); it != object.end(); ++it) {
    if (equals_ignoring_case(it.key(), name)) {
      return {it.key(), &it.value()};
    }
  }
  return {};
}

const Json* find_value(const Json& object, std::string_view name) {
  const Json* value = find_member(object, name).value;
  return value == nullptr || value->is_null() ? nullptr : value;
}

const std::string* as_string(const Json* value) {
  return value == nullptr ? nullptr : value->get_ptr<const std::string*>();
}

}  // namespace mvr::cni
