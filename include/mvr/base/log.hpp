// SPDX-License-Identifier: Apache-2.0
/// \file
/// The log: one line an event, to standard error or a file. Only the plugin and the webhook log.
#pragma once

#include <functional>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mvr/base/fd.hpp"

namespace mvr {

enum class LogLevel { debug, info, warn, error };

/// `key=value` pairs, or a JSON object.
enum class LogFormat { text, json };

class Log {
 public:
  using Field = std::pair<std::string_view, std::string_view>;

  /// To standard error.
  Log() = default;

  /// Sends what follows to a file, made 0640 if missing; symbolic links are not followed.
  /// Fails with Code::io; then the log stays where it was.
  Result<void> open(const std::string& path);

  /// Hands what follows to a function instead: messages without their fields.
  void divert(std::function<void(LogLevel, std::string_view)> reader) {
    reader_ = std::move(reader);
  }

  void set_level(LogLevel level) { level_ = level; }
  void set_format(LogFormat format) { format_ = format; }
  [[nodiscard]] bool has(LogLevel level) const { return level >= level_; }

  /// Fields that every line bears from now on, such as the container's.
  void add_context(std::string_view key, std::string_view value);

  /// Writes a line by one write(2), so that lines of several processes or threads do not mix.
  /// Fields without a value are left out; values of more than a word are quoted, control characters
  /// escaped. Failures are ignored: a full disk must not fail a pod.
  void line(LogLevel level, std::string_view message,
            std::initializer_list<Field> fields = {}) const;

 private:
  Fd file_;
  std::function<void(LogLevel, std::string_view)> reader_;
  LogLevel level_ = LogLevel::info;
  LogFormat format_ = LogFormat::text;
  std::vector<std::pair<std::string, std::string>> context_;
};

/// One `key=value` pair as the log writes it, with a space before.
std::string format_field(std::string_view key, std::string_view value);

}  // namespace mvr
