// SPDX-License-Identifier: Apache-2.0
/// \file
/// The system calls that the plugin makes, and how each can fail.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "support/tracee.hpp"

namespace mvr::test {

/// Errors that a call can have though its caller has made no mistake, the likeliest first; none for
/// one that never fails.
const std::vector<int>& errors_of(std::uint64_t number);

/// "openat"; "#428" for one that is in no table of ours.
std::string name_of(std::uint64_t number);

/// Whether the call may change something outside of the process.
bool is_change(const SystemCall& call);

}  // namespace mvr::test
