// SPDX-License-Identifier: Apache-2.0
/// \file
/// The CNI plugin as a runtime calls it.
#pragma once

#include <string>

#include "mvr/cni/environment.hpp"

namespace mvr::plugin {

/// Carries out the CNI_COMMAND of the environment: reads the configuration from `in`, writes the
/// one document that the protocol asks for to `out`. \return the exit status: 0, or 1 after an
/// error document \source CNI specification 1.1.0, section 2
int run(const cni::GetEnv& get_env, int in, int out);

/// What the program is and how a runtime calls it, for someone who runs it by hand.
std::string about_text();

}  // namespace mvr::plugin
