// SPDX-License-Identifier: Apache-2.0
/// \file
/// The plugin's log, read as strictly as a log collector would.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace mvr::test {

/// The fields of one line: quotes removed, \" and \\ resolved; \xNN stays as it is written.
using LogLine = std::map<std::string, std::string>;

/// Every line of the text. The test fails if a line is not made of `key=value` and `key="value"`
/// alone, if a key comes twice, or if a line lacks time, level or msg.
std::vector<LogLine> read_log(const std::string& text);

}  // namespace mvr::test
