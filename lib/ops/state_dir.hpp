// SPDX-License-Identifier: Apache-2.0
/// \file
/// The option by which commands find the journals.
#pragma once

#include <string>

#include "mvr/base/error.hpp"
#include "ops/command.hpp"

namespace mvr::ops {

/// What is wrong with a path that somebody has typed, wherever it leads; or empty.
std::string check_state_dir(const std::string& value);

inline constexpr Flag kStateDirFlag{
    .name = "state-dir",
    .value = "DIR",
    .help = "where the journals are; else stateDir of the node's defaults file",
    .check = check_state_dir};

/// The directory of the option, which must be there, or the node's, which need not. Fails with what
/// to correct.
Result<std::string> find_state_dir(const Arguments& arguments);

}  // namespace mvr::ops
