// SPDX-License-Identifier: Apache-2.0
/// \file
/// Output for people: plain in a pipe, with a few colours on a terminal.
#pragma once

#include <string>
#include <string_view>

namespace mvr::ops {

/// To standard output. False if it could not be written, which standard error then says of a full
/// disk; a reader that has gone knows it.
bool print_out(std::string_view text);

/// True if something was printed for a reader that had gone.
bool has_lost_reader();

void print_err(std::string_view text);

enum class Colour { none, good, warning, bad, faint, strong };

/// Paints words if standard output is a terminal, and neither NO_COLOR nor TERM=dumb is set; breaks
/// long lines if it is a terminal.
/// \source no-color.org; ECMA-48, Select Graphic Rendition
class Painter {
 public:
  /// As the environment and the terminal have it.
  Painter();
  /// \param width of the lines; 0 = without end, as in a pipe
  explicit Painter(bool is_coloured, std::size_t width = 0)
      : is_coloured_(is_coloured), width_(width) {}

  [[nodiscard]] std::string paint(Colour colour, std::string_view text) const;

  [[nodiscard]] std::size_t width() const { return width_; }

  /// A text that begins in column `begin` of a line, painted, and broken at blanks where the line
  /// would be too long; what follows stands below it, from column `begin` on.
  [[nodiscard]] std::string fold(std::size_t begin, Colour colour, std::string_view text) const;

 private:
  bool is_coloured_;
  std::size_t width_;
};

/// A text that cites others, for one line of a terminal: as printable(), but quotes and backslashes
/// stay, of which our own sentences have many.
std::string make_line(std::string_view text);

/// Characters of UTF-8, one column each.
std::size_t width_of(std::string_view text);

/// The text with blanks behind it, up to this many characters (of UTF-8, one column each).
std::string pad_right(std::string_view text, std::size_t width);

/// "1 file", "2 files"
std::string count_of(std::size_t count, const std::string& thing);

}  // namespace mvr::ops
