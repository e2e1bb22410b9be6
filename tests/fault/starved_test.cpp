// SPDX-License-Identifier: Apache-2.0
/// \file
/// Calls that have too little of something from some moment on, and nobody to talk to.
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>

#include "fault/support/campaign.hpp"
#include "fault/support/outcomes.hpp"
#include "fault/support/system_calls.hpp"
#include "support/catch.hpp"
#include "support/namespaces.hpp"

using namespace mvr::test;

namespace {

json everything() {
  return {{"podDefaultRouteNic", "net1"}, {"hostRuleTable", 500}};
}

/// The plugin as a shell starts it, after these commands.
Answer run_in_shell(const Call& call, const std::string& commands) {
  Command command = make_command(call);
  command.argv = {"/bin/sh", "-c", commands, command.argv.at(0)};
  return make_answer(run(command));
}

Outcome name_kind(std::string kind, Outcome outcome) {
  outcome.kind = std::move(kind);
  return outcome;
}

/// What the dynamic loader says when it has not got far enough for us to answer.
bool has_not_begun(const Answer& answer) {
  return answer.status == 127;
}

/// ADD that may fail at any point and may not have been able to take all back.
Outcome judge_starved_add(const FaultWorld& world, const Answer& added) {
  if (has_not_begun(added)) {
    return {.result = "not begun", .problem = world.find_traces()};
  }
  return added.ok() ? judge_success(world, added) : judge_way_back(world, added);
}

Outcome judge_starved_del(const FaultWorld& world, const Answer& removed) {
  if (has_not_begun(removed)) {
    return {.result = "not begun", .problem = run_del(world)};
  }
  return judge_del(world, removed);
}

/// A stateDir of its own, with so much room.
class SmallStateDir {
 public:
  explicit SmallStateDir(const std::string& options) {
    std::filesystem::create_directories(kStateDir);
    REQUIRE(mount("tmpfs", kPath, "tmpfs", 0, ("mode=700," + options).c_str()) == 0);
  }
  SmallStateDir(const SmallStateDir&) = delete;
  SmallStateDir& operator=(const SmallStateDir&) = delete;
  ~SmallStateDir() { umount2(kPath, MNT_DETACH); }

 private:
  const char* kPath = kStateDir.data();
};

Trial with_small_state(const FaultWorld& world, const std::string& options) {
  return [&world, options] {
    const SmallStateDir dir(options);
    const Answer added = world.run("ADD");
    return name_kind(options,
                     added.ok() ? judge_success(world, added) : judge_failure(world, added));
  };
}

/// ADD, or DEL of what an ADD has made, by a shell.
Trial by_shell(const FaultWorld& world, const std::string& verb, const std::string& kind,
               const std::string& commands) {
  return [&world, verb, kind, commands] {
    const bool is_del = verb == "DEL";
    const std::string before = is_del ? say("ADD: ", failure(world.run("ADD"))) : std::string();
    const Answer answer = run_in_shell(world.call(verb), commands);
    Outcome outcome = is_del ? judge_starved_del(world, answer) : judge_starved_add(world, answer);
    outcome.problem = before + say(commands + ": ", outcome.problem);
    return name_kind(verb + " with " + kind, outcome);
  };
}

std::vector<Trial> with_limits(const FaultWorld& world, const std::string& option, int first,
                               int last, int step) {
  std::vector<Trial> trials;
  for (int n = first; n <= last; n += step) {
    const std::string limit = "ulimit " + option + ' ';
    for (const char* verb : {"ADD", "DEL"}) {
      trials.push_back(by_shell(world, verb, limit, limit + std::to_string(n) + "; exec \"$0\""));
    }
  }
  return trials;
}

/// Something that is used up, and how the calls that need it fail then.
struct Shortage {
  std::vector<std::string> calls;
  int error;
};

std::string to_string(const Shortage& shortage) {
  std::string text;
  for (const std::string& call : shortage.calls) {
    text += call + ' ';
  }
  return "all " + text + strerrorname_np(shortage.error);
}

bool is_hit(const Shortage& shortage, std::uint64_t call) {
  return std::find(shortage.calls.begin(), shortage.calls.end(), name_of(call)) !=
         shortage.calls.end();
}

/// The answer and the log are always heard.
bool is_spoken(const SystemCall& call) {
  return call.number == SYS_write && call.arguments[0] <= STDERR_FILENO;
}

Trial with_shortage(const FaultWorld& world, const Shortage& shortage, std::size_t from) {
  return [&world, shortage, from] {
    const auto judge = [&](std::size_t index, const SystemCall& entered) -> Verdict {
      const bool fails = index >= from && is_hit(shortage, entered.number) && !is_spoken(entered);
      return fails ? Verdict{Fate::refused, shortage.error} : Verdict{};
    };
    const Answer added = make_answer(run_judged(make_command(world.call("ADD")), judge));
    Outcome outcome = judge_starved_add(world, added);
    outcome.problem = say("from call " + std::to_string(from) + ": ", outcome.problem);
    return name_kind(to_string(shortage), outcome);
  };
}

/// From some of the calls on that it hits; from each if `is_long`.
std::vector<Trial> with_shortages(const FaultWorld& world, const Survey& add,
                                  const std::vector<Shortage>& shortages) {
  constexpr std::size_t kFew = 5;
  std::vector<Trial> trials;
  for (const Shortage& shortage : shortages) {
    std::vector<std::size_t> hits;
    for (std::size_t i = 0; i < add.calls.size(); ++i) {
      if (is_hit(shortage, add.calls[i].number)) {
        hits.push_back(i);
      }
    }
    INFO(*shortage.calls.begin());
    REQUIRE_FALSE(hits.empty());
    const std::size_t stride = is_long() ? 1 : std::max<std::size_t>(hits.size() / kFew, 1);
    for (std::size_t i = 0; i < hits.size(); i += stride) {
      trials.push_back(with_shortage(world, shortage, hits[i]));
    }
  }
  return trials;
}

/// Standard streams that are closed, full, or read by nobody, as a shell makes them.
struct Streams {
  const char* kind;
  const char* commands;
  bool is_heard;
};

constexpr const char* kBrokenPipe =
    "mkfifo /run/test/pipe; exec 3<>/run/test/pipe 4>/run/test/pipe 3<&-; rm /run/test/pipe; ";

const std::array kStreams{
    Streams{"closed stdout", "exec \"$0\" >&-", false},
    Streams{"full stdout", "exec \"$0\" >/dev/full", false},
    Streams{"a broken pipe as stdout", "exec \"$0\" >&4 4>&-", false},
    Streams{"closed stderr", "exec \"$0\" 2>&-", true},
    Streams{"full stderr", "exec \"$0\" 2>/dev/full", true},
    Streams{"a broken pipe as stderr", "exec \"$0\" 2>&4 4>&-", true},
    Streams{"closed stdin", "exec \"$0\" <&-", true},
    Streams{"no streams", "exec \"$0\" <&- >&- 2>&-", false},
};

/// Who is not heard has failed, and has taken everything back.
Outcome judge_add(const FaultWorld& world, const Streams& streams, const Answer& added) {
  if (streams.is_heard) {
    return added.ok() ? judge_success(world, added) : judge_failure(world, added);
  }
  std::string problem = added.status == 1 ? "" : "status " + std::to_string(added.status) + '\n';
  problem += world.find_traces() + run_del(world);
  return {.result = "refused, nothing left", .problem = problem};
}

/// DEL prints nothing when it succeeds.
Outcome judge_unheard_del(const FaultWorld& world, const Streams& streams, const Answer& removed) {
  Outcome outcome = judge_del(world, removed);
  if (!streams.is_heard && removed.status == 1) {
    outcome.problem = world.find_traces();
  }
  return outcome;
}

Trial with_streams(const FaultWorld& world, const Streams& streams, const std::string& verb) {
  return [&world, &streams, verb] {
    const std::string commands = kBrokenPipe + std::string(streams.commands);
    if (verb == "DEL") {
      REQUIRE(failure(world.run("ADD")) == "");
    }
    const Answer answer = run_in_shell(world.call(verb), commands);
    const auto judge = verb == "DEL" ? judge_unheard_del : judge_add;
    return name_kind(verb + " with " + streams.kind, judge(world, streams, answer));
  };
}

}  // namespace

TEST_CASE("ADD with a state directory that is soon full leaves nothing", "[starved]") {
  FaultWorld world({.patch = everything()});
  std::vector<Trial> trials;
  for (const char* options : {"size=4k", "size=8k", "size=12k", "nr_inodes=1", "nr_inodes=2",
                              "nr_inodes=3", "nr_inodes=4"}) {
    trials.push_back(with_small_state(world, options));
  }
  run_trials("stateDir soon full", world, trials);
}

TEST_CASE("calls with few open files", "[starved]") {
  FaultWorld world({.patch = everything(), .has_elder = true});
  run_trials("few open files", world, with_limits(world, "-n", 3, 32, is_long() ? 1 : 2));
}

TEST_CASE("calls with little memory", "[starved]") {
  FaultWorld world({.patch = {{"ipam", nullptr}}, .has_elder = true});
  run_trials("little memory", world, with_limits(world, "-d", 240, 420, is_long() ? 1 : 6));
}

TEST_CASE("ADD when something is used up for good", "[starved]") {
  FaultWorld world({.patch = everything(), .has_elder = true});
  const Survey add = survey_add(world);
  const std::vector<Shortage> shortages{{{"openat"}, EMFILE},
                                        {{"openat", "write"}, ENOSPC},
                                        {{"write"}, EIO},
                                        {{"sendmsg", "sendto"}, ENOBUFS},
                                        {{"recvmmsg", "recvfrom"}, ENOMEM},
                                        {{"setns"}, ENOMEM},
                                        {{"brk", "mmap"}, ENOMEM},
                                        {{"vfork", "clone"}, EAGAIN},
                                        {{"pipe2", "socket", "openat"}, ENFILE},
                                        {{"flock"}, ENOLCK},
                                        {{"ppoll", "poll"}, ENOMEM},
                                        {{"renameat", "renameat2"}, EIO},
                                        {{"newfstatat"}, EIO},
                                        {{"read"}, EIO}};
  run_trials("used up", world, with_shortages(world, add, shortages));
}

TEST_CASE("calls without somebody to talk to", "[starved]") {
  FaultWorld world({.patch = everything(), .has_elder = true});
  std::vector<Trial> trials;
  for (const Streams& streams : kStreams) {
    for (const char* verb : {"ADD", "DEL"}) {
      trials.push_back(with_streams(world, streams, verb));
    }
  }
  run_trials("streams", world, trials);
}
