// SPDX-License-Identifier: Apache-2.0
#include "ops/screen.hpp"

#include <errno.h>
#include <sys/ioctl.h>
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

/// 0 = no terminal, or one that does not say.
std::size_t find_width() {
  winsize size{};
  const bool is_known =
      ::isatty(STDOUT_FILENO) == 1 && ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0;
  return is_known ? size.ws_col : 0;
}

/// The first line of a text: up to the last blank within the width, or the first one behind it.
std::string_view first_line(std::string_view text, std::size_t width) {
  std::size_t last = std::string_view::npos;
  for (std::size_t at = text.find(' '); at != std::string_view::npos; at = text.find(' ', at + 1)) {
    if (width_of(text.substr(0, at)) > width) {
      return text.substr(0, last != std::string_view::npos ? last : at);
    }
    last = at;
  }
  return width_of(text) <= width ? text : text.substr(0, last);
}

/// For the end of the process, which no command knows of.
bool& lost_reader() {
  static bool is_lost = false;
  return is_lost;
}

}  // namespace

bool has_lost_reader() {
  return lost_reader();
}

bool print_out(std::string_view text) {
  const Result<void> done = write_all(STDOUT_FILENO, text);
  if (!done && done.error().sys_errno == EPIPE) {
    lost_reader() = true;
  } else if (!done) {
    print_err("macvlan-rdma: standard output: " + done.error().msg + '\n');
  }
  return done.has_value();
}

void print_err(std::string_view text) {
  static_cast<void>(write_all(STDERR_FILENO, text));
}

Painter::Painter() : is_coloured_(wants_colours()), width_(find_width()) {
}

std::string Painter::fold(std::size_t begin, Colour colour, std::string_view text) const {
  constexpr std::size_t kLeast = 20;
  if (width_ < begin + kLeast) {
    return paint(colour, text);
  }
  std::string lines;
  while (!text.empty()) {
    const std::string_view line = first_line(text, width_ - begin);
    lines += (lines.empty() ? "" : '\n' + std::string(begin, ' ')) + paint(colour, line);
    text.remove_prefix(std::min(text.size(), line.size() + 1));
  }
  return lines;
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

std::string count_of(std::size_t count, const std::string& thing) {
  return std::to_string(count) + ' ' + thing + (count == 1 ? "" : "s");
}

}  // namespace mvr::ops
