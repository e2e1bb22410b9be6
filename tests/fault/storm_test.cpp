// SPDX-License-Identifier: Apache-2.0
/// \file
/// Many pods whose NICs come and go at once and at random, some by calls that are killed, while gc
/// looks for what those have left.
#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <map>
#include <random>
#include <set>

#include "fault/support/campaign.hpp"
#include "support/catch.hpp"
#include "support/namespaces.hpp"
#include "support/plugin.hpp"
#include "support/world.hpp"

using namespace mvr::test;

namespace {

struct Size {
  int pods;
  int nics;
  std::chrono::seconds time;
};

Size size_of_storm() {
  return is_long() ? Size{64, 8, std::chrono::seconds(180)} : Size{8, 4, std::chrono::seconds(5)};
}

/// MVR_SEED, or another one each time.
unsigned choose_seed() {
  const char* chosen = std::getenv("MVR_SEED");
  return chosen != nullptr ? static_cast<unsigned>(std::stoul(chosen)) : std::random_device()();
}

/// What a runtime knows of one NIC.
struct Slot {
  Call call;  ///< with the verb to come
  int rail = 0;
  std::string address = {};
  json result = {};  ///< of the ADD, while the NIC is there
};

class Storm {
 public:
  Storm(const Size& size, unsigned seed) : random_(seed), scenario_({.rails = size.nics}) {
    for (int p = 0; p < size.pods; ++p) {
      const Pod pod = scenario_.add_pod("pod" + std::to_string(p));
      pods_.push_back(pod.name);
      for (int n = 1; n <= size.nics; ++n) {
        json config = rail_config(n);
        config["conflictProbe"] = {{"interval", "1ms"}};
        config["hostRuleTable"] = 500;
        const Runtime runtime(pod, "container" + std::to_string(p));
        slots_.push_back({runtime.call("ADD", "net" + std::to_string(n), config), n});
      }
    }
    before_ = snapshot_world(pods_);
  }

  /// Some calls at once, each for another NIC.
  void blow() {
    constexpr std::size_t kAtOnce = 6;
    std::shuffle(slots_.begin(), slots_.end(), random_);
    std::vector<Process> processes;
    processes.reserve(kAtOnce);
    for (std::size_t i = 0; i < std::min(kAtOnce, slots_.size()); ++i) {
      processes.emplace_back(make_command(slots_[i].call));
    }
    if (throw_dice(4)) {
      const timespec moment{0, throw_dice(2) ? 500'000L * pick(20) : 1'000'000L * pick(40)};
      nanosleep(&moment, nullptr);
      processes.front().signal(SIGKILL);
    }
    if (throw_dice(3)) {
      collect();
    }
    std::vector<Answer> answers;
    for (std::size_t i = 0; i < processes.size(); ++i) {
      answers.push_back(make_answer(processes[i].wait()));
      free_address(slots_[i]);
    }
    for (std::size_t i = 0; i < answers.size(); ++i) {
      note(slots_[i], answers[i]);
    }
    check_one();
  }

  /// Every NIC's DEL, until it is gone.
  void calm_down() {
    for (Slot& slot : slots_) {
      slot.call.verb = "DEL";
      free_address(slot);
      note(slot, run_plugin(slot.call));
    }
  }

  [[nodiscard]] std::string changes() const { return difference(before_, snapshot_world(pods_)); }
  [[nodiscard]] const std::map<std::string, int>& counts() const { return counts_; }

 private:
  int pick(int limit) { return std::uniform_int_distribution<>(1, limit)(random_); }
  bool throw_dice(int sides) { return pick(sides) == 1; }

  void collect() {
    const Output gc = run_gc();
    ++counts_["gc"];
    INFO(gc.out << gc.err);
    CHECK(gc.status == 0);
  }

  /// A NIC that is there is whole, whatever has been undone beside it.
  void check_one() {
    const auto found = std::find_if(slots_.begin(), slots_.end(),
                                    [](const Slot& slot) { return !slot.result.is_null(); });
    if (found != slots_.end()) {
      Call check = found->call;
      check.verb = "CHECK";
      check.config["prevResult"] = found->result;
      ++counts_["CHECK"];
      CHECK(failure(run_plugin(check)) == "");
    }
  }

  /// Another NIC may have it as soon as this one is on its way out.
  void free_address(Slot& slot) {
    taken_[slot.rail].erase(slot.address);
    slot.address.clear();
    slot.result = nullptr;
  }

  void note(Slot& slot, const Answer& answer) {
    const bool is_killed = answer.status == -SIGKILL;
    ++counts_[slot.call.verb + (is_killed ? " killed" : "")];
    INFO(slot.call.verb << ' ' << slot.call.ifname << ' ' << slot.call.container_id << '\n'
                        << answer);
    CHECK((answer.ok() || is_killed));
    if (slot.call.verb == "ADD" && answer.ok()) {
      slot.address = answer.body.at("ips").at(0).at("address");
      slot.result = answer.body;
      CHECK(taken_[slot.rail].insert(slot.address).second);
    }
    slot.call.verb = slot.call.verb == "ADD" || is_killed ? "DEL" : "ADD";
  }

  std::mt19937 random_;
  Scenario scenario_;
  std::vector<std::string> pods_;
  std::vector<Slot> slots_;
  json before_;
  std::map<int, std::set<std::string>> taken_;  ///< addresses of each rail
  std::map<std::string, int> counts_;
};

void print(const Storm& storm, const std::string& title) {
  int calls = 0;
  for (const auto& [kind, count] : storm.counts()) {
    calls += count;
  }
  std::cout << title << ": " << calls << " calls\n";
  for (const auto& [kind, count] : storm.counts()) {
    std::cout << "  " << kind << ": " << count << '\n';
  }
}

}  // namespace

TEST_CASE("many pods' NICs come and go at random", "[storm]") {
  const Size size = size_of_storm();
  const unsigned seed = choose_seed();
  INFO("MVR_SEED=" << seed);
  Storm storm(size, seed);
  const auto end = std::chrono::steady_clock::now() + size.time;
  while (std::chrono::steady_clock::now() < end) {
    storm.blow();
  }
  storm.calm_down();
  CHECK(storm.changes() == "");
  print(storm, std::to_string(size.pods) + " pods of " + std::to_string(size.nics) +
                   " NICs, MVR_SEED=" + std::to_string(seed));
}
