// SPDX-License-Identifier: Apache-2.0
/// \file
/// Files that are named on the command line.
#pragma once

#include <string>

#include "mvr/base/error.hpp"

namespace mvr::ops {

/// The text of a file of at most 16 MiB; "-" is standard input. A pipe is fine. Fails with
/// Code::io, saying what the path is instead.
Result<std::string> read_input(const std::string& path);

/// Its error without the name, for who has said that already.
std::string without_name(const Error& error);

}  // namespace mvr::ops
