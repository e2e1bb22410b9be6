// SPDX-License-Identifier: Apache-2.0
#include "ops/screen.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "mvr/base/fd.hpp"
#include "mvr/base/text.hpp"

namespace mvr::ops {
namespace {

std::string_view code_of(Colour colour) {
  switch (colour) {
    case Colour::good:
      return "32";
    case Colour::warning:
      return "33";
    case Colour::bad:
      return "31";
    case Colour::faint:
      return "2";
    case Colour::strong:
      return "1";
    case Colour::none:
      break;
  }
  return "";
}

bool wants_colours() {
  const char* none = std::getenv("NO_COLOR");
  const char* terminal = std::getenv("TERM");
  return ::isatty(STDOUT_FILENO) == 1 && (none == nullptr || *none == '\0') &&
         terminal != nullptr && std::string_view(terminal) != "dumb";
}

}  // namespace

bool print_out(std::string_view text) {
  const Result<void> done = write_all(STDOUT_FILENO, text);
  if (!done) {
    print_err("macvlan-rdma: standard output: " + done.error().msg + '\n');
  }
  return done.has_value();
}

void print_err(std::string_view text) {
  static_cast<void>(write_all(STDERR_FILENO, text));
}

Painter::Painter() : is_coloured_(wants_colours()) {
}

std::string Painter::paint(Colour colour, std::string_view text) const {
  const std::string_view code = code_of(colour);
  if (!is_coloured_ || code.empty() || text.empty()) {
    return std::string(text);
  }
  return "\x1b[" + std::string(code) + 'm' + std::string(text) + "\x1b[0m";
}

std::string make_line(std::string_view text) {
  constexpr std::size_t kLongest = 64UL * 1024;
  const std::string shown = printable(text, kLongest);
  std::string line;
  for (std::size_t i = 0; i < shown.size(); ++i) {
    const bool is_escape =
        shown[i] == '\\' && i + 1 < shown.size() && (shown[i + 1] == '"' || shown[i + 1] == '\\');
    i += is_escape ? 1U : 0U;
    line += shown[i];
  }
  return line;
}

std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(
      text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0U) != 0x80U; }));
}

std::string pad_right(std::string_view text, std::size_t width) {
  const std::size_t columns = width_of(text);
  return std::string(text) + std::string(columns < width ? width - columns : 0, ' ');
}

}  // namespace mvr::ops
