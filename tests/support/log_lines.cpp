// SPDX-License-Identifier: Apache-2.0
#include "support/log_lines.hpp"

#include <algorithm>
#include <cstdlib>

#include "mvr/base/text.hpp"
#include "support/catch.hpp"

namespace mvr::test {

namespace {

/// Reads one field after another from a line.
class Reader {
 public:
  explicit Reader(std::string_view line) : line_(line), rest_(line) {}

  LogLine read() {
    while (!rest_.empty()) {
      const std::string key = read_key();
      const std::string value = starts_with('"') ? read_quoted() : read_word();
      if (!fields_.emplace(key, value).second) {
        reject("a key comes twice");
      }
      if (!rest_.empty()) {
        expect(' ');
      }
    }
    return std::move(fields_);
  }

 private:
  [[noreturn]] void reject(const char* why) const {
    FAIL(why << " in " << line_);
    std::abort();  // FAIL does not return
  }

  [[nodiscard]] bool starts_with(char c) const { return !rest_.empty() && rest_.front() == c; }

  void expect(char c) {
    if (!starts_with(c)) {
      reject("malformed");
    }
    rest_.remove_prefix(1);
  }

  std::string take(std::size_t count) {
    const std::string text(rest_.substr(0, count));
    rest_.remove_prefix(text.size());
    return text;
  }

  std::string read_key() {
    const std::size_t end =
        rest_.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_");
    const std::string key = take(std::min(end, rest_.size()));
    if (key.empty()) {
      reject("no key");
    }
    expect('=');
    return key;
  }

  std::string read_word() {
    std::string word = take(std::min(rest_.find(' '), rest_.size()));
    if (word.empty() || word.find_first_of("\"\\=") != std::string::npos) {
      reject("a value should be quoted");
    }
    return word;
  }

  std::string read_quoted() {
    std::string value;
    expect('"');
    while (!starts_with('"')) {
      if (starts_with('\\') && rest_.size() > 1 && (rest_[1] == '"' || rest_[1] == '\\')) {
        rest_.remove_prefix(1);
      }
      if (rest_.empty()) {
        reject("an open quote");
      }
      value += take(1);
    }
    expect('"');
    return value;
  }

  std::string_view line_;
  std::string_view rest_;
  LogLine fields_ = {};
};

}  // namespace

std::vector<LogLine> read_log(const std::string& text) {
  std::vector<LogLine> lines;
  REQUIRE((text.empty() || text.ends_with('\n')));
  for (const std::string_view line : split(text, '\n')) {
    if (line.empty()) {
      continue;
    }
    lines.push_back(Reader(line).read());
    INFO(line);
    REQUIRE(lines.back().count("time") == 1);
    REQUIRE(lines.back().count("level") == 1);
    REQUIRE(lines.back().count("msg") == 1);
  }
  return lines;
}

}  // namespace mvr::test
