// SPDX-License-Identifier: Apache-2.0
/// \file
/// One call of a plugin, as a runtime makes it: variables, standard input, and what came back.
#pragma once

#include <map>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "program.hpp"

namespace conformance {

using nlohmann::json;

struct Call {
  Environment env = {};    ///< all of it but PATH
  std::string input = {};  ///< the network configuration, or what a point sends instead

  /// The configuration as a value, to be changed and put back.
  [[nodiscard]] json config() const { return json::parse(input); }

  /// The same call with a difference.
  [[nodiscard]] Call with_env(const std::string& name, const std::string& value) const;
  [[nodiscard]] Call without_env(const std::string& name) const;
  [[nodiscard]] Call with_input(const std::string& text) const;

  /// \param patch top-level keys of the configuration to set
  [[nodiscard]] Call with(const json& patch) const;
};

struct Answer {
  int status = 0;  ///< as in Output
  std::string out = {};
  std::string err = {};
  json document = {};  ///< `out` parsed; discarded if it is not exactly one JSON document

  [[nodiscard]] bool ok() const { return status == 0; }

  /// The error document's; 0 and "" without one.
  [[nodiscard]] int code() const;
  [[nodiscard]] std::string message() const;
};

/// Makes the call. Can be called by several threads.
Answer make_call(const std::string& plugin, const Call& call, int timeout_s);

/// The call as a shell would make it, and its answer: for people to read and to repeat.
std::string describe(const std::string& plugin, const Call& call, const Answer& answer);

}  // namespace conformance
