// SPDX-License-Identifier: Apache-2.0
/// \file
/// All commands; each is in a file of its name.
#pragma once

#include "ops/command.hpp"

namespace mvr::ops {

extern const Command kInspect;
extern const Command kDoctor;
extern const Command kGenerate;
extern const Command kInstall;
extern const Command kValidate;
extern const Command kPlan;
extern const Command kMigrate;
extern const Command kGc;
extern const Command kCompletion;

/// In the order in which help lists them.
std::span<const Command* const> all_commands();

}  // namespace mvr::ops
