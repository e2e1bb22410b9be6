// SPDX-License-Identifier: Apache-2.0
/// \file
/// What may come of a call to which something has happened: each looks at the world, sees to it
/// that net1 is gone afterwards, and says what is wrong.
#pragma once

#include <string>

#include "fault/support/campaign.hpp"

namespace mvr::test {

/// What is wrong with the answer of a call that has failed.
std::string find_flaws(const Answer& answer);

/// DEL without prevResult; what it says if it fails.
std::string run_del(const FaultWorld& world);

/// The calls of an ADD, which is undone again. Of several: one may have had to wait, in a loop.
Survey survey_add(const FaultWorld& world, Stage stage = Stage::whole);

/// The calls of a DEL.
Survey survey_del(const FaultWorld& world);

/// ADD has got over it: the NIC is whole, and DEL removes it.
Outcome judge_success(const FaultWorld& world, const Answer& added);

/// ADD has failed: it has taken everything back, and DEL finds nothing.
Outcome judge_failure(const FaultWorld& world, const Answer& added);

/// ADD has failed, and perhaps its way back too: DEL does the rest.
Outcome judge_way_back(const FaultWorld& world, const Answer& added);

/// After a DEL that got over it nothing is left; after one that failed, the next one does the rest.
Outcome judge_del(const FaultWorld& world, const Answer& removed);

}  // namespace mvr::test
