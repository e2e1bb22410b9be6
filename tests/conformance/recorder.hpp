// SPDX-License-Identifier: Apache-2.0
/// \file
/// A program that takes the IPAM plugin's place: it writes down each call and lets the plugin
/// itself answer, or gives an answer that was prepared.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "plugin.hpp"

namespace conformance {

/// What the recorder writes to standard error, a line for each call.
inline constexpr const char* kRecorderWords = "conformance: IPAM is called";

/// What the IPAM plugin was called with, and what it said.
struct IpamCall {
  Environment env = {};
  std::string input = {};
  std::string output = {};
  int status = 0;

  [[nodiscard]] std::string verb() const;
};

class Recorder {
 public:
  /// Nothing is recorded without a type.
  /// \param type the configuration's `ipam.type`, "" if it has none
  /// \param path CNI_PATH, in which the plugin itself is looked for; throws std::runtime_error if
  /// it
  ///        is not there
  Recorder(const std::string& type, const std::string& path);

  /// CNI_PATH with the recorder in front.
  [[nodiscard]] const std::string& path() const { return path_; }

  /// In the order in which they were made.
  [[nodiscard]] std::vector<IpamCall> calls() const;

  /// Those of one verb.
  [[nodiscard]] std::vector<IpamCall> calls(const std::string& verb) const;

  /// From now on a verb is answered by this, until `answer_itself`.
  void answer(const std::string& verb, int status, const json& document) const;
  void answer_itself(const std::string& verb) const;

  /// What IPAM gave and has not been asked to take back, as "container/interface".
  [[nodiscard]] std::set<std::string> leases() const;

 private:
  std::string calls_;    ///< directory with one for each call, by number
  std::string answers_;  ///< directory of the prepared answers, by verb
  std::string path_;
};

}  // namespace conformance
