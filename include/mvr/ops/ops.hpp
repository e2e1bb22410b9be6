// SPDX-License-Identifier: Apache-2.0
/// \file
/// The commands for people who run a node: what the program does without CNI_COMMAND.
#pragma once

namespace mvr::ops {

/// Carries out what the command line asks for. \return the exit status: 0; 1 if it could not be
/// done, or not wholly; 2 for a command line that is none
int run(int argc, char** argv);

}  // namespace mvr::ops
