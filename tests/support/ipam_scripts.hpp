// SPDX-License-Identifier: Apache-2.0
/// \file
/// IPAM plugins that misbehave, as shell scripts in a directory to be put into CNI_PATH. Each notes
/// its calls, so that a test can see whether a lease would have been given back.
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace mvr::test {

class FakeIpam {
 public:
  /// \param name the `ipam.type` that finds it
  explicit FakeIpam(std::string name = "fake");

  /// ADD prints `result`; the other verbs succeed.
  void answer(const nlohmann::json& result) const;

  /// ADD answers with one address of rail 1 and its gateway.
  void answer_address(const std::string& address_with_length, const std::string& gateway) const;

  /// `verb` ends with this error document and status 1; the other verbs succeed.
  void fail(const std::string& verb, int code, const std::string& message) const;

  /// `verb` runs these lines of shell; the other verbs succeed.
  void script(const std::string& verb, const std::string& lines) const;

  void print_rubbish() const { script("ADD", "echo 'this is { no JSON'"); }
  void print_nothing() const { script("ADD", ":"); }
  void print_huge() const { script("ADD", "yes '{\"cniVersion\":\"1.0.0\"}' | head -c 100000000"); }
  void die_by_signal() const { script("ADD", "kill -9 $$"); }

  /// Never ends by itself.
  void hang() const { script("ADD", "exec sleep 1000"); }

  /// Takes this long, then answers.
  void answer_slowly(double seconds, const nlohmann::json& result) const;

  /// CNI_PATH that has this plugin alone.
  [[nodiscard]] std::string dir() const { return dir_; }

  /// The `ipam` section that selects it.
  [[nodiscard]] nlohmann::json section() const { return {{"type", name_}}; }

  /// The verbs it was called with so far, in order.
  [[nodiscard]] std::vector<std::string> calls() const;

  /// What it got on standard input in its last call, byte for byte.
  [[nodiscard]] std::string last_input() const;

 private:
  std::string name_;
  std::string dir_;
};

}  // namespace mvr::test
