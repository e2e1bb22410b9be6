// SPDX-License-Identifier: Apache-2.0
/// \file
/// Programs run without a shell, with a limit to their time and an environment of our choice.
#pragma once

#include <chrono>
#include <map>
#include <string>
#include <vector>

namespace conformance {

using Environment = std::map<std::string, std::string>;

/// Where system programs are; the only variable that every program gets.
inline constexpr const char* kSearchPath =
    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

struct Command {
  std::vector<std::string> argv;              ///< looked up in our PATH when the first has no slash
  std::string input = {};                     ///< its standard input, by a pipe
  Environment env = {{"PATH", kSearchPath}};  ///< the whole environment
  std::chrono::milliseconds timeout{30'000};  ///< then it and its process group are killed
};

struct Output {
  int status = 0;  ///< the exit status, or minus the signal that ended it; 127 = could not be run
  std::string out = {};
  std::string err = {};
};

/// Runs a program to its end. What it leaves running in the background is not waited for. May be
/// called by several threads at the same time.
Output run(const Command& command);

}  // namespace conformance
