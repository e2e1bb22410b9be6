// SPDX-License-Identifier: Apache-2.0
/// \file
/// A program of whose system calls one is its last, or one fails though nothing is wrong.
#pragma once

#include <cstddef>
#include <functional>

#include "support/shell.hpp"
#include "support/tracee.hpp"

namespace mvr::test {

/// What becomes of a system call.
enum class Fate {
  happens,
  refused,  ///< it does not happen and fails
  last,     ///< it does not happen, and nothing after it: the program is killed
};

struct Verdict {
  Fate fate = Fate::happens;
  int error = 0;         ///< errno of a refused call
  bool has_more = true;  ///< false: nothing happens to the calls after this one
};

/// Asked at each system call of the program itself, in order, counted from 0 at its first
/// instruction: not at those of its children and of the dynamic loader.
using Judge = std::function<Verdict(std::size_t index, const SystemCall& call)>;

/// Runs a program to its end. If it was killed, what its death has orphaned, such as an IPAM
/// plugin, has ended as well when this returns, and whatever else was started here.
Output run_judged(const Command& command, const Judge& judge);

}  // namespace mvr::test
