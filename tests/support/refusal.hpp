// SPDX-License-Identifier: Apache-2.0
/// \file
/// What holds for every refusal: one error document, a message that names what is wrong and what is
/// allowed, and a world in which nothing has changed.
#pragma once

#include <string>
#include <vector>

#include "support/plugin.hpp"

namespace mvr::test {

/// A node with one rail and a pod, whose calls are to be refused.
class Refusals {
 public:
  Refusals();

  /// ADD of rail 1 as net1.
  /// \param patch merged into the rail's configuration (RFC 7396)
  [[nodiscard]] Call call(const json& patch = json::object()) const;

  /// Runs the call and asserts: exit status 1, one document on standard output with this code, all
  /// of these words in its message, and the same world as before.
  Answer expect_call(const Call& call, int code, const std::vector<std::string>& words) const;

  /// The same for `call(patch)`.
  Answer expect(const json& patch, int code, const std::vector<std::string>& words) const;

  /// Asserts that nothing has changed since this was made.
  void expect_unchanged() const;

  /// To be called after a change that the test itself made.
  void look_again();

  [[nodiscard]] const Pod& pod() const { return pod_; }

 private:
  Scenario scenario_;
  Pod pod_;
  json before_;
};

/// Asserts that standard output holds one error document, in one line, with this code.
void expect_error(const Answer& answer, int code);

/// Asserts that the text has all of these words.
void expect_words(const std::string& text, const std::vector<std::string>& words);

/// True for text that a terminal would obey instead of showing it: control characters other than a
/// newline, those of ISO 8859 (C1) too, and bytes that are no UTF-8.
bool has_raw_control(const std::string& text);

}  // namespace mvr::test
