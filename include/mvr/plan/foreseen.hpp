// SPDX-License-Identifier: Apache-2.0
/// \file
/// The kernel as it would become: for saying what would be done without doing it.
#pragma once

#include <memory>

#include "mvr/plan/kernel.hpp"

namespace mvr::plan {

/// Reads what is there by `now`, which must outlive it, and changes nothing: every change succeeds.
/// Links that are made so can be read as they would look, with indexes that no link has; routes,
/// rules, addresses and sysctls cannot. What only the kernel can refuse is not refused.
std::unique_ptr<Kernel> foresee_kernel(Kernel& now);

}  // namespace mvr::plan
