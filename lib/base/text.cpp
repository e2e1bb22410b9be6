// SPDX-License-Identifier: Apache-2.0
#include "mvr/base/text.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

namespace mvr {
namespace {

/// The fewest letters to insert, remove or replace that make one text of the other (Levenshtein).
std::size_t edit_distance(std::string_view from, std::string_view to) {
  std::vector<std::size_t> row(to.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < from.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i + 1);
    for (std::size_t j = 0; j < to.size(); ++j) {
      const std::size_t replaced = diagonal + (from[i] == to[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, diagonal + 1});
    }
  }
  return row.back();
}

/// Bytes of the UTF-8 character that the text begins with, by its first byte; 0 if none begins so.
std::size_t character_length(std::uint8_t first) {
  if (first < 0x80) {
    return 1;
  }
  if (first < 0xc2 || first > 0xf4) {
    return 0;
  }
  if (first < 0xe0) {
    return 2;
  }
  return first < 0xf0 ? 3 : 4;
}

/// Whether the second byte leaves the character in its shortest form, no surrogate, and in Unicode.
/// \source RFC 3629, section 4
bool is_second_byte(std::uint8_t first, std::uint8_t second) {
  switch (first) {
    case 0xe0:
      return second >= 0xa0;
    case 0xed:
      return second < 0xa0;
    case 0xf0:
      return second >= 0x90;
    case 0xf4:
      return second < 0x90;
    default:
      return true;
  }
}

/// Bytes of the first character if a terminal shows it; 0 for a control character, which it obeys,
/// and for what is no UTF-8. U+0080 to U+009F are controls as well: U+009B is ESC and "[" in one.
std::size_t visible_length(std::string_view text) {
  const auto byte = [text](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const std::size_t length = character_length(byte(0));
  if (length > text.size() || byte(0) < 0x20 || byte(0) == 0x7f) {
    return 0;
  }
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0U) != 0x80) {
      return 0;
    }
  }
  const bool is_high_control = byte(0) == 0xc2 && byte(1) < 0xa0;
  const bool is_bad = is_high_control || (length > 1 && !is_second_byte(byte(0), byte(1)));
  return is_bad ? 0 : length;
}

/// The text character by character: as it is, or by `escape` where it is none that can be shown.
template <typename Escape>
std::string escape_text(std::string_view text, std::size_t limit, Escape escape) {
  std::string safe;
  std::string_view rest = text.substr(0, limit);
  while (!rest.empty()) {
    const std::size_t length = visible_length(rest);
    if (length == 0) {
      safe += escape(static_cast<std::uint8_t>(rest.front()));
    } else {
      safe += rest.front() == '"' || rest.front() == '\\' ? "\\" : "";
      safe += rest.substr(0, length);
    }
    rest.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return text.size() > limit ? safe + "…" : safe;
}

}  // namespace

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> pieces;
  for (;;) {
    const std::size_t end = text.find(separator);
    pieces.push_back(text.substr(0, end));
    if (end == std::string_view::npos) {
      return pieces;
    }
    text.remove_prefix(end + 1);
  }
}

std::string join(const std::vector<std::string>& parts, std::string_view separator) {
  std::string text;
  for (const std::string& part : parts) {
    if (&part != parts.data()) {
      text += separator;
    }
    text += part;
  }
  return text;
}

char to_lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

std::string to_lower(std::string_view text) {
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(), [](char c) { return to_lower(c); });
  return lower;
}

std::string to_hex(const std::uint8_t* bytes, std::size_t count) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  text.reserve(2 * count);
  for (std::size_t i = 0; i < count; ++i) {
    text += kDigits[bytes[i] >> 4U];
    text += kDigits[bytes[i] & 0xfU];
  }
  return text;
}

std::string_view find_similar(std::string_view word, std::span<const std::string_view> known) {
  constexpr std::size_t kLongest = 64;
  std::size_t least = 3;
  std::string_view best;
  for (const std::string_view name : word.size() <= kLongest ? known : known.first(0)) {
    const std::size_t distance = edit_distance(word, name);
    if (distance < least && distance < name.size()) {
      least = distance;
      best = name;
    }
  }
  return best;
}

std::string printable(std::string_view text, std::size_t limit) {
  return escape_text(text, limit, [](std::uint8_t byte) { return "\\x" + to_hex(&byte, 1); });
}

std::string json_string(std::string_view text, std::size_t limit) {
  const auto escape = [](std::uint8_t byte) {
    return byte < 0x80 ? "\\u00" + to_hex(&byte, 1) : std::string("\\ufffd");
  };
  return '"' + escape_text(text, limit, escape) + '"';
}

}  // namespace mvr
