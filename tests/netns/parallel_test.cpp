// SPDX-License-Identifier: Apache-2.0
/// \file
/// Calls at the same time: of many pods, of one pod's NICs, of one attachment.
#include <algorithm>
#include <set>

#include "support/catch.hpp"
#include "support/link_wanted.hpp"
#include "support/namespaces.hpp"
#include "support/shell.hpp"

using namespace mvr::test;

namespace {

/// Starts all of them, then waits for all.
std::vector<Answer> run_at_once(const std::vector<Call>& calls) {
  std::vector<Process> processes;
  processes.reserve(calls.size());
  for (const Call& call : calls) {
    processes.emplace_back(make_command(call));
  }
  std::vector<Answer> answers;
  for (Process& process : processes) {
    answers.push_back(make_answer(process.wait()));
  }
  return answers;
}

void check_all_ok(const std::vector<Answer>& answers) {
  for (const Answer& answer : answers) {
    INFO(answer);
    CHECK(answer.ok());
  }
}

/// The same calls for the other verb, with what ADD has answered.
std::vector<Call> turn_into_del(std::vector<Call> calls, const std::vector<Answer>& answers) {
  for (std::size_t i = 0; i < calls.size(); ++i) {
    calls[i].verb = "DEL";
    calls[i].config["prevResult"] = answers[i].body;
  }
  return calls;
}

/// ADDs of one pod's NICs, each on a rail of its own.
std::vector<Call> calls_of_one_pod(const Runtime& runtime, const Lines& names) {
  std::vector<Call> calls;
  for (std::size_t i = 0; i < names.size(); ++i) {
    calls.push_back(runtime.call("ADD", names[i], rail_config(static_cast<int>(i) + 1)));
  }
  return calls;
}

/// What a pod must have whose NICs took the tables in an order of their own.
std::vector<WantedNic> nics_by_table(const Lines& names, int host = 10) {
  std::vector<WantedNic> nics;
  for (std::size_t i = 0; i < names.size(); ++i) {
    nics.push_back({static_cast<int>(i) + 1, names[i], table_of("pod", names[i]), host});
  }
  std::sort(nics.begin(), nics.end(),
            [](const WantedNic& a, const WantedNic& b) { return a.table < b.table; });
  return nics;
}

}  // namespace

TEST_CASE("sixteen pods on one master at once", "[parallel]") {
  constexpr int kPods = 16;
  Scenario scenario({.rails = 1});
  std::vector<std::string> names;
  std::vector<Pod> pods;
  std::vector<Call> calls;
  for (int i = 0; i < kPods; ++i) {
    names.push_back("pod" + std::to_string(i));
    pods.push_back(scenario.add_pod(names.back()));
    calls.push_back(
        Runtime(pods.back(), "container" + std::to_string(i)).call("ADD", "net1", rail_config(1)));
  }
  const json before = snapshot_world(names);
  const std::vector<Answer> answers = run_at_once(calls);
  check_all_ok(answers);

  std::set<std::string> addresses;
  std::set<std::string> macs;
  for (int i = 0; i < kPods; ++i) {
    const json& body = answers.at(static_cast<std::size_t>(i)).body;
    const std::string address = body.at("ips").at(0).at("address");
    addresses.insert(address);
    macs.insert(body.at("interfaces").at(0).at("mac").get<std::string>());
    const int host = std::stoi(address.substr(std::string("172.16.11.").size()));
    check_routing(pods.at(static_cast<std::size_t>(i)), {{1, "net1", 101, host}});
  }
  CHECK(addresses.size() == kPods);
  CHECK(macs.size() == kPods);
  CHECK(count_journals() == kPods);

  check_all_ok(run_at_once(turn_into_del(calls, answers)));
  CHECK(difference(before, snapshot_world(names)).empty());
}

TEST_CASE("four NICs of one pod at once", "[parallel]") {
  constexpr int kRounds = 5;
  const Lines names{"net1", "ib0", "net3", "rail.4"};
  OnePod world({.rails = 4});
  for (int round = 0; round < kRounds; ++round) {
    INFO("round " << round);
    const std::vector<Call> calls = calls_of_one_pod(world.runtime, names);
    const std::vector<Answer> answers = run_at_once(calls);
    check_all_ok(answers);
    check_routing(world.pod, nics_by_table(names, 10 + round));
    CHECK(table_of("pod", "net1") == 101);
    CHECK(table_of("pod", "net3") == 103);
    CHECK(std::set{table_of("pod", "ib0"), table_of("pod", "rail.4")} == std::set{165U, 166U});

    check_all_ok(run_at_once(turn_into_del(calls, answers)));
    REQUIRE(world.changes().empty());
  }
}

TEST_CASE("all NICs of a pod with custom names at once get tables of their own", "[parallel]") {
  const Lines names{"ib0", "ib1", "ib2", "ib3", "ib4", "ib5", "ib6", "ib7"};
  OnePod world({.rails = 8});
  const std::vector<Call> calls = calls_of_one_pod(world.runtime, names);
  const std::vector<Answer> answers = run_at_once(calls);
  check_all_ok(answers);
  const std::vector<WantedNic> nics = nics_by_table(names);
  check_routing(world.pod, nics);
  for (std::size_t i = 0; i < nics.size(); ++i) {
    CHECK(nics[i].table == 165 + i);
  }
  check_all_ok(run_at_once(turn_into_del(calls, answers)));
  CHECK(world.changes().empty());
}

TEST_CASE("a NIC that goes while another one comes leaves that one whole", "[parallel]") {
  constexpr int kRounds = 6;
  OnePod world({.rails = 2});
  add_or_fail(world.runtime, 1);
  for (int round = 0; round < kRounds; ++round) {
    INFO("round " << round);
    const int going = round % 2 + 1;
    const int coming = 3 - going;
    const std::string name = "net" + std::to_string(coming);
    const Call add = world.runtime.call("ADD", name, rail_config(coming));
    check_all_ok(run_at_once(
        {world.runtime.call("DEL", "net" + std::to_string(going), rail_config(going)), add}));
    const WantedNic left{coming, name, static_cast<unsigned>(100 + coming),
                         std::stoi(read_addresses("pod", name).at(0).substr(10))};
    check_routing(world.pod, {left});
  }
}

TEST_CASE("ADD and DEL of one attachment at once end in all or nothing", "[parallel]") {
  constexpr int kRounds = 12;
  OnePod world;
  for (int round = 0; round < kRounds; ++round) {
    INFO("round " << round);
    const Call add = world.runtime.call("ADD", "net1", rail_config(1));
    const Call del = world.runtime.call("DEL", "net1", rail_config(1));
    const std::vector<Answer> answers =
        run_at_once(round % 2 == 0 ? std::vector{add, del} : std::vector{del, add});
    const Answer& added = answers.at(round % 2 == 0 ? 0 : 1);
    INFO(added << '\n' << answers.at(round % 2 == 0 ? 1 : 0));
    if (added.ok() && !world.changes().empty()) {
      Call check = add;
      check.verb = "CHECK";
      check.config["prevResult"] = added.body;
      check_ok(run_plugin(check));
    } else {
      CHECK(world.changes().empty());
    }
    check_ok(run_plugin(del));
    REQUIRE(world.changes().empty());
  }
}

TEST_CASE("ADD of one attachment twice at once makes it once", "[parallel]") {
  constexpr int kRounds = 6;
  OnePod world;
  for (int round = 0; round < kRounds; ++round) {
    INFO("round " << round);
    const Call add = world.runtime.call("ADD", "net1", rail_config(1));
    const std::vector<Answer> answers = run_at_once({add, add});
    INFO(answers.at(0) << '\n' << answers.at(1));
    CHECK(answers.at(0).ok() != answers.at(1).ok());
    CHECK(read_addresses("pod", "net1").size() == 1);
    CHECK(count_journals() == 1);
    CHECK(snapshot_leases().size() == 1);
    Call check = add;
    check.verb = "CHECK";
    check.config["prevResult"] = answers.at(answers.at(0).ok() ? 0 : 1).body;
    check_ok(run_plugin(check));
    check.verb = "DEL";
    check_ok(run_plugin(check));
    REQUIRE(world.changes().empty());
  }
}
