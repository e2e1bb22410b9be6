// SPDX-License-Identifier: Apache-2.0
/// \file
/// Long output compared with files that people have read.
#pragma once

#include <string>

namespace mvr::test {

/// The text of a file; fails the test if there is none. \param path below tests/golden
std::string read_golden(const std::string& path);

/// Fails the test case, with the first line that differs, if the text is not what the file holds.
/// With MVR_GOLDEN=write in the environment the file is written instead: read the difference in
/// git before it is committed. \param path below tests/golden
void check_golden(const std::string& path, const std::string& text);

}  // namespace mvr::test
