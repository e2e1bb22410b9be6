// SPDX-License-Identifier: Apache-2.0
#include "support/golden.hpp"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string_view>

#include "mvr/base/text.hpp"
#include "support/catch.hpp"
#include "support/unit_dir.hpp"

namespace mvr::test {

namespace {

std::filesystem::path path_of(const std::string& path) {
  return std::filesystem::path(MVR_SOURCE_DIR "/tests/golden") / path;
}

}  // namespace

std::string read_golden(const std::string& path) {
  return read_text(path_of(path));
}

void check_golden(const std::string& path, const std::string& text) {
  const std::filesystem::path file = path_of(path);
  const char* wanted = std::getenv("MVR_GOLDEN");
  if (wanted != nullptr && std::string_view(wanted) == "write") {
    std::filesystem::create_directories(file.parent_path());
    write_text(file, text);
    return;
  }
  const std::string golden = read_golden(path);
  const auto found = split(text, '\n');
  const auto expected = split(golden, '\n');
  const auto [one, other] = std::ranges::mismatch(found, expected);
  const bool is_same = one == found.end() && other == expected.end();
  INFO("tests/golden/" << path << ", line " << one - found.begin() + 1
                       << "\nexpected: " << (other == expected.end() ? "(the end)" : *other)
                       << "\nfound:    " << (one == found.end() ? "(the end)" : *one));
  CHECK(is_same);
}

}  // namespace mvr::test
