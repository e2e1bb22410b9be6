// SPDX-License-Identifier: Apache-2.0
/// \file
/// Something happens to one system call of a verb after another, and what came of it is counted.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "fault/support/fault_world.hpp"
#include "support/fault.hpp"

namespace mvr::test {

/// With MVR_FAULT=long nothing is left out.
bool is_long();

/// Which part of a program's run.
enum class Stage {
  whole,
  way_back,  ///< after its answer was refused by who reads it; ADD then takes back all it has made
};

/// A system call of a program and what is to happen to it.
struct Fault {
  std::size_t index = 0;  ///< in the stage, counted from 0
  Fate fate = Fate::last;
  std::size_t variant = 0;  ///< of the errors that the refused call can have, which one
  Stage stage = Stage::whole;
};

/// A program to which it has happened.
struct Faulted {
  Answer answer;
  std::string kind;  ///< "sendto" or "sendto ENOBUFS"; empty if it has not come to that call
};

Faulted run_faulted(const Command& command, const Fault& fault);
Faulted run_faulted(const Call& call, const Fault& fault);

/// The system calls of an undisturbed run, or of an undisturbed way back.
struct Survey {
  Stage stage = Stage::whole;
  std::vector<SystemCall> calls;
};
Survey survey(const Command& command, Stage stage = Stage::whole);
Survey survey(const Call& call, Stage stage = Stage::whole);

/// Every `stride`-th call; each if `is_long`.
std::vector<std::size_t> pick_calls(const Survey& survey, std::size_t stride);

/// Kills at those calls that change something, and at every `stride`-th; at each if `is_long`.
std::vector<Fault> plan_kills(const Survey& survey, std::size_t stride);

/// Refuses those calls, if they can fail, with one of their errors; with each of them if `is_long`.
std::vector<Fault> plan_refusals(const Survey& survey, std::size_t stride);

/// What came of one fault.
struct Outcome {
  std::string kind = {};     ///< of the fault; empty if it has not happened
  std::string result = {};   ///< what is good about it: "nothing left"
  std::string problem = {};  ///< what is wrong; empty if nothing is
};

/// Tries one fault after the other and reports what is wrong, in a world made anew after that.
/// Prints the table of what happened, a line "TITLE: N faults, M as they should be" first.
void run_campaign(const std::string& title, FaultWorld& world, const std::vector<Fault>& faults,
                  const std::function<Outcome(const Fault&)>& attempt);

/// The same for things that happen to a program other than to its system calls.
using Trial = std::function<Outcome()>;
void run_trials(const std::string& title, FaultWorld& world, const std::vector<Trial>& trials);

}  // namespace mvr::test
