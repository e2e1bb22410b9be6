// SPDX-License-Identifier: Apache-2.0
#include "mvr/base/log.hpp"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>

#include "mvr/base/text.hpp"

namespace mvr {
namespace {

constexpr std::size_t kMaxValue = 4096;

std::string_view to_string(LogLevel level) {
  constexpr std::array<std::string_view, 4> kNames = {"debug", "info", "warn", "error"};
  return kNames.at(static_cast<std::size_t>(level));
}

/// With zeros in front, so that it has this many digits.
std::string pad(std::int64_t number, std::size_t digits) {
  const std::string text = std::to_string(number);
  return text.size() < digits ? std::string(digits - text.size(), '0') + text : text;
}

/// RFC 3339 in UTC with microseconds. gmtime_r(3) would read the machine's time zone first.
std::string now() {
  using namespace std::chrono;
  const auto time = floor<microseconds>(system_clock::now());
  const auto day = floor<days>(time);
  const year_month_day date(day);
  const auto in_day = (time - day).count();
  const auto seconds = in_day / 1'000'000;
  return pad(static_cast<int>(date.year()), 4) + '-' + pad(static_cast<unsigned>(date.month()), 2) +
         '-' + pad(static_cast<unsigned>(date.day()), 2) + 'T' + pad(seconds / 3600, 2) + ':' +
         pad(seconds / 60 % 60, 2) + ':' + pad(seconds % 60, 2) + '.' + pad(in_day % 1'000'000, 6) +
         'Z';
}

bool is_word(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return c > ' ' && c != '"' && c != '=' && c != '\\' && c != '\x7f';
  });
}

/// One pair of a line, with what stands between it and the pair before.
std::string format_pair(LogFormat format, std::string_view key, std::string_view value) {
  if (format == LogFormat::text) {
    return format_field(key, value);
  }
  return ',' + json_string(key) + ':' + json_string(value, kMaxValue);
}

}  // namespace

std::string format_field(std::string_view key, std::string_view value) {
  std::string field(" ");
  field.append(key).append("=");
  return value.size() <= kMaxValue && is_word(value)
             ? field.append(value)
             : field + '"' + printable(value, kMaxValue) + '"';
}

Result<void> Log::open(const std::string& path) {
  constexpr mode_t kMode = S_IRUSR | S_IWUSR | S_IRGRP;
  Fd file(::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC,
                 kMode));
  if (!file) {
    return fail(sys_error(Code::io, errno, "logFile " + path));
  }
  file_ = std::move(file);
  return {};
}

void Log::add_context(std::string_view key, std::string_view value) {
  if (!value.empty()) {
    context_.emplace_back(key, value);
  }
}

void Log::line(LogLevel level, std::string_view message,
               std::initializer_list<Field> fields) const {
  if (!has(level)) {
    return;
  }
  if (reader_) {
    reader_(level, message);
    return;
  }
  std::string text = format_pair(format_, "time", now()) +
                     format_pair(format_, "level", to_string(level)) +
                     format_pair(format_, "msg", message);
  for (const auto& [key, value] : context_) {
    text += format_pair(format_, key, value);
  }
  for (const auto& [key, value] : fields) {
    text += value.empty() ? "" : format_pair(format_, key, value);
  }
  // The first pair has nothing before it.
  text.front() = '{';
  text += format_ == LogFormat::json ? "}\n" : "\n";
  const std::string_view line =
      format_ == LogFormat::json ? text : std::string_view(text).substr(1);
  static_cast<void>(write_all(file_ ? file_.get() : STDERR_FILENO, line));
}

}  // namespace mvr
