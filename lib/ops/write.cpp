// SPDX-License-Identifier: Apache-2.0
#include "ops/write.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "ops/document.hpp"

namespace mvr::ops {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kWidth = 88;
constexpr std::size_t kIndent = 2;

/// Those that come first, then those that come last; all others are between, by their letters.
constexpr std::array<std::string_view, 22> kFirst = {
    "apiVersion", "kind",       "metadata", "cniVersion", "cniVersions",  "name",
    "namespace",  "labels",     "type",     "mode",       "capabilities", "deviceID",
    "master",     "vlan",       "mtu",      "mac",        "podMACPrefix", "rdma",
    "subnet",     "rangeStart", "rangeEnd", "address"};
constexpr std::array<std::string_view, 4> kLast = {"dns", "ipam", "plugins", "spec"};

std::size_t rank(std::string_view key) {
  const auto* const first = std::ranges::find(kFirst, key);
  const auto* const last = std::ranges::find(kLast, key);
  const auto place = static_cast<std::size_t>(first - kFirst.begin());
  return last == kLast.end() ? place
                             : kFirst.size() + 1 + static_cast<std::size_t>(last - kLast.begin());
}

std::vector<std::string> order_keys(const Json& object) {
  std::vector<std::string> keys;
  for (auto it = object.begin(); it != object.end(); ++it) {
    keys.push_back(it.key());
  }
  std::ranges::stable_sort(keys, {}, rank);
  return keys;
}

/// JSON takes characters as they are that YAML has not, or takes for line ends: DEL, those from
/// U+0080 to U+009F, U+2028 and U+2029, U+FEFF, and the last two of the plane. \return how many
/// bytes such a one has here; 0 = it is none
std::size_t count_unfit(std::string_view text) {
  const auto byte = [&](std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
  };
  if (byte(0) == 0x7f) {
    return 1;
  }
  if (byte(0) == 0xc2 && byte(1) < 0xa0) {
    return 2;
  }
  const bool is_separator = byte(0) == 0xe2 && byte(1) == 0x80 && (byte(2) | 1U) == 0xa9;
  const bool is_mark = byte(0) == 0xef && byte(1) == 0xbb && byte(2) == 0xbf;
  const bool is_last = byte(0) == 0xef && byte(1) == 0xbf && byte(2) >= 0xbe;
  return is_separator || is_mark || is_last ? 3 : 0;
}

/// Both JSON and YAML.
std::string quote(const Json& value) {
  const std::string text = value.dump(-1, ' ', false, Json::error_handler_t::replace);
  std::string fit;
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t unfit = count_unfit(std::string_view(text).substr(i));
    if (unfit == 0) {
      fit += text[i++];
      continue;
    }
    const std::string escaped = Json(text.substr(i, unfit)).dump(-1, ' ', /*ensure_ascii=*/true);
    fit += escaped.substr(1, escaped.size() - 2);
    i += unfit;
  }
  return fit;
}

/// The value in one line: `{ "a": [1, 2] }`.
std::string write_inline(const Json& value) {
  if (!value.is_structured() || value.empty()) {
    return quote(value);
  }
  std::string text;
  if (value.is_array()) {
    for (const Json& element : value) {
      text += (text.empty() ? "" : ", ") + write_inline(element);
    }
    return '[' + text + ']';
  }
  for (const std::string& key : order_keys(value)) {
    text += (text.empty() ? "" : ", ") + quote(key) + ": " + write_inline(value.at(key));
  }
  return "{ " + text + " }";
}

/// A document and a list of plugins are never in one line.
bool fits(const std::string& text, std::size_t column, std::size_t depth) {
  return depth > 0 && column + text.size() <= kWidth;
}

std::string write_lines(const Json& value, std::size_t depth, std::size_t column) {
  std::string one_line = write_inline(value);
  const bool has_plugins = value.is_object() && value.contains("plugins");
  if (!value.is_structured() || value.empty() || (fits(one_line, column, depth) && !has_plugins)) {
    return one_line;
  }
  const std::string margin((depth + 1) * kIndent, ' ');
  std::string text;
  if (value.is_array()) {
    for (const Json& element : value) {
      text +=
          (text.empty() ? "\n" : ",\n") + margin + write_lines(element, depth + 1, margin.size());
    }
    return '[' + text + '\n' + std::string(depth * kIndent, ' ') + ']';
  }
  for (const std::string& key : order_keys(value)) {
    const std::string head = margin + quote(key) + ": ";
    text +=
        (text.empty() ? "\n" : ",\n") + head + write_lines(value.at(key), depth + 1, head.size());
  }
  return '{' + text + '\n' + std::string(depth * kIndent, ' ') + '}';
}

/// Words that other readers of YAML take for booleans.
bool is_reserved(std::string text) {
  std::ranges::transform(text, text.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  constexpr std::array<std::string_view, 6> kWords = {"yes", "no", "on", "off", "y", "n"};
  return std::ranges::find(kWords, text) != kWords.end();
}

bool is_plain_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("_./-:@").find(c) != std::string_view::npos;
}

/// "1:30", "0x10" and "2026-01-02" are numbers and dates to some; addresses are to nobody.
bool may_begin_word(const std::string& text) {
  const char first = text.front();
  const bool is_address = std::ranges::count(text, '.') > 1 && text.find(':') == std::string::npos;
  return (first >= 'a' && first <= 'z') || (first >= 'A' && first <= 'Z') || first == '/' ||
         (first >= '0' && first <= '9' && is_address);
}

/// Without quotes, if it is read as this string then.
std::string write_word(const std::string& text) {
  const bool is_plain = !text.empty() && may_begin_word(text) && text.back() != ':' &&
                        std::ranges::all_of(text, is_plain_char) && !is_reserved(text);
  if (is_plain) {
    const auto read = parse_documents(text);
    if (read && read->size() == 1 && read->front().value == Json(text)) {
      return text;
    }
  }
  return quote(text);
}

bool is_printable(const std::string& text) {
  return std::ranges::all_of(text, [](char c) { return c == '\n' || (c >= ' ' && c <= '~'); });
}

/// Nothing for a text that cannot stand behind "|" as it is.
std::string write_block(const std::string& text, const std::string& margin) {
  const std::size_t last = text.find_last_not_of('\n');
  const bool may = text.find('\n') != std::string::npos && last != std::string::npos &&
                   text.front() != ' ' && text.front() != '\n' && text.size() - last <= 2 &&
                   is_printable(text);
  if (!may) {
    return {};
  }
  std::string block = text.ends_with('\n') ? "|" : "|-";
  for (std::size_t begin = 0; begin <= last;) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    block += '\n' + (end > begin ? margin : "") + text.substr(begin, end - begin);
    begin = end + 1;
  }
  return block;
}

std::string write_scalar(const Json& value, const std::string& margin) {
  if (!value.is_string()) {
    return quote(value);
  }
  const auto& text = value.get_ref<const std::string&>();
  const std::string block = write_block(text, margin);
  return block.empty() ? write_word(text) : block;
}

/// Behind a key or a dash. \param depth of what is below
std::string write_value(const Json& value, std::size_t depth, bool is_item);

std::string write_members(const Json& object, std::size_t depth) {
  std::string text;
  for (const std::string& key : order_keys(object)) {
    text += (text.empty() ? "" : '\n' + std::string(depth * kIndent, ' ')) + write_word(key) + ':' +
            write_value(object.at(key), depth, false);
  }
  return text;
}

std::string write_items(const Json& array, std::size_t depth) {
  std::string text;
  for (const Json& element : array) {
    text += (text.empty() ? "" : '\n' + std::string(depth * kIndent, ' ')) + '-' +
            write_value(element, depth, true);
  }
  return text;
}

std::string write_value(const Json& value, std::size_t depth, bool is_item) {
  const std::string margin((depth + 1) * kIndent, ' ');
  if (!value.is_structured() || value.empty()) {
    return ' ' + write_scalar(value, margin);
  }
  const std::string text =
      value.is_array() ? write_items(value, depth + 1) : write_members(value, depth + 1);
  return is_item ? ' ' + text : '\n' + margin + text;
}

}  // namespace

std::string write_yaml(const Json& value) {
  if (!value.is_structured() || value.empty()) {
    return write_scalar(value, "  ") + '\n';
  }
  return (value.is_array() ? write_items(value, 0) : write_members(value, 0)) + '\n';
}

std::string write_json(const Json& value) {
  return write_lines(value, 0, 0) + '\n';
}

}  // namespace mvr::ops
