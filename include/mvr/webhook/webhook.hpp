// SPDX-License-Identifier: Apache-2.0
/// \file
/// The admission webhook: pods get their rails by one annotation.
#pragma once

namespace mvr::webhook {

/// Serves until SIGTERM or SIGINT. \return the exit status: 0; 1 if it could not begin; 2 for a
/// command line that is none
int run(int argc, char** argv);

}  // namespace mvr::webhook
