// SPDX-License-Identifier: Apache-2.0
#include "fault/support/campaign.hpp"

#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <map>
#include <optional>
#include <string_view>

#include "fault/support/system_calls.hpp"
#include "support/catch.hpp"

namespace mvr::test {

namespace {

/// The number of failed assertions is the exit status of a case, and 77 of them are "skipped".
constexpr int kTooMany = 25;

using Clock = std::chrono::steady_clock;

/// What came of the trials so far.
struct Tally {
  std::map<std::string, std::map<std::string, int>> table = {};  ///< by kind and result, how often
  int count = 0;
  int good = 0;
  Clock::duration slowest = {};
  std::string slowest_kind = {};
};

void note(Tally& tally, const Outcome& outcome, Clock::duration took) {
  const bool is_good = outcome.problem.empty();
  ++tally.count;
  tally.good += is_good ? 1 : 0;
  ++tally.table[outcome.kind][is_good ? outcome.result : "WRONG"];
  if (took > tally.slowest) {
    tally.slowest = took;
    tally.slowest_kind = outcome.kind;
  }
}

void print(const std::string& title, const Tally& tally) {
  using std::chrono::milliseconds;
  std::cout << title << ": " << tally.count << " faults, " << tally.good << " as they should be\n"
            << "  slowest: " << std::chrono::duration_cast<milliseconds>(tally.slowest).count()
            << " ms, " << tally.slowest_kind << '\n';
  for (const auto& [kind, results] : tally.table) {
    std::cout << "  " << kind << ":";
    const char* separator = " ";
    for (const auto& [result, times] : results) {
      std::cout << std::exchange(separator, ", ") << times << ' ' << result;
    }
    std::cout << '\n';
  }
  std::cout << std::flush;
}

/// Those that the short run looks at as well.
bool is_picked(const std::vector<SystemCall>& calls, std::size_t index, std::size_t stride) {
  return is_long() || index % stride == 0 || is_change(calls[index]);
}

bool is_to_stdout(const SystemCall& call) {
  return call.number == SYS_write && call.arguments[0] == STDOUT_FILENO;
}

/// The judge of a stage alone, whose calls are counted from 0 again.
Judge from_stage(Stage stage, const Judge& judge) {
  if (stage == Stage::whole) {
    return judge;
  }
  std::optional<std::size_t> start;
  return [=](std::size_t index, const SystemCall& call) mutable -> Verdict {
    if (start) {
      return judge(index - *start, call);
    }
    if (!is_to_stdout(call)) {
      return {};
    }
    start = index + 1;
    return {.fate = Fate::refused, .error = EPIPE};
  };
}

/// What the fault does to this call, and under which name.
Verdict carry_out(const Fault& fault, const SystemCall& call, std::string& kind) {
  if (fault.fate == Fate::last) {
    kind = name_of(call.number);
    return {.fate = Fate::last};
  }
  const auto& errors = errors_of(call.number);
  const bool is_answer = fault.stage == Stage::way_back && is_to_stdout(call);
  if (errors.empty() || is_answer) {  // another run, another order of calls; or the error document
    return {.has_more = false};
  }
  const int error = errors[fault.variant % errors.size()];
  kind = name_of(call.number) + ' ' + strerrorname_np(error);
  return {.fate = Fate::refused, .error = error, .has_more = false};
}

}  // namespace

bool is_long() {
  const char* chosen = std::getenv("MVR_FAULT");
  return chosen != nullptr && std::string_view(chosen) == "long";
}

Faulted run_faulted(const Command& command, const Fault& fault) {
  Faulted faulted;
  const auto judge = [&](std::size_t index, const SystemCall& entered) -> Verdict {
    return index < fault.index ? Verdict{} : carry_out(fault, entered, faulted.kind);
  };
  faulted.answer = make_answer(run_judged(command, from_stage(fault.stage, judge)));
  return faulted;
}

Faulted run_faulted(const Call& call, const Fault& fault) {
  return run_faulted(make_command(call), fault);
}

Survey survey(const Command& command, Stage stage) {
  Survey survey{stage, {}};
  const auto note = [&](std::size_t, const SystemCall& entered) {
    survey.calls.push_back(entered);
    return Verdict{};
  };
  const Answer answer = make_answer(run_judged(command, from_stage(stage, note)));
  INFO(answer);
  REQUIRE(answer.ok() == (stage == Stage::whole));
  return survey;
}

Survey survey(const Call& call, Stage stage) {
  return survey(make_command(call), stage);
}

std::vector<std::size_t> pick_calls(const Survey& survey, std::size_t stride) {
  std::vector<std::size_t> picked;
  for (std::size_t i = 0; i < survey.calls.size(); i += is_long() ? 1 : stride) {
    picked.push_back(i);
  }
  return picked;
}

std::vector<Fault> plan_kills(const Survey& survey, std::size_t stride) {
  std::vector<Fault> faults;
  for (std::size_t i = 0; i < survey.calls.size(); ++i) {
    if (is_picked(survey.calls, i, stride)) {
      faults.push_back({i, Fate::last, 0, survey.stage});
    }
  }
  return faults;
}

std::vector<Fault> plan_refusals(const Survey& survey, std::size_t stride) {
  std::vector<Fault> faults;
  std::map<std::uint64_t, std::size_t> turns;  // so that each error of a call has its turn
  for (std::size_t i = 0; i < survey.calls.size(); ++i) {
    const std::uint64_t call = survey.calls[i].number;
    const std::size_t count = errors_of(call).size();
    if (count == 0 || !is_picked(survey.calls, i, stride)) {
      continue;
    }
    const std::size_t first = turns[call]++;
    for (std::size_t n = 0; n < (is_long() ? count : 1); ++n) {
      faults.push_back({i, Fate::refused, first + n, survey.stage});
    }
  }
  return faults;
}

void run_trials(const std::string& title, FaultWorld& world, const std::vector<Trial>& trials) {
  Tally tally;
  for (const Trial& attempt : trials) {
    const auto start = Clock::now();
    const Outcome outcome = attempt();
    if (outcome.kind.empty()) {
      continue;
    }
    note(tally, outcome, Clock::now() - start);
    INFO(title << ": " << outcome.kind);
    CHECK(outcome.problem == "");
    if (!outcome.problem.empty()) {
      world.rebuild();
    }
    if (tally.count - tally.good == kTooMany) {
      break;
    }
  }
  print(title, tally);
  CHECK(tally.count > 0);
}

void run_campaign(const std::string& title, FaultWorld& world, const std::vector<Fault>& faults,
                  const std::function<Outcome(const Fault&)>& attempt) {
  std::vector<Trial> trials;
  for (const Fault& fault : faults) {
    trials.emplace_back([&] {
      Outcome outcome = attempt(fault);
      outcome.problem = say("at call " + std::to_string(fault.index) + ": ", outcome.problem);
      return outcome;
    });
  }
  run_trials(title, world, trials);
}

}  // namespace mvr::test
