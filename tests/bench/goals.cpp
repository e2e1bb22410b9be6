// SPDX-License-Identifier: Apache-2.0
#include <iostream>

#include "bench/parts.hpp"
#include "bench/table.hpp"

namespace mvr::bench {

namespace {

json make_goal(const std::string& text, double value, double limit) {
  return {{"goal", text}, {"value", value}, {"limit", limit}, {"is_reached", value <= limit}};
}

json ours_in(const json& effort, const std::string& verb) {
  for (const json& row : effort) {
    if (row.at("name") == "ours" && row.at("verb") == verb) {
      return row;
    }
  }
  return {};
}

}  // namespace

json judge(const Samples& samples, const json& effort) {
  const auto wall = [&](const std::string& name, Verb verb) {
    return series_of(samples.at({name, verb}), &Sample::wall_ms);
  };
  const auto cpu = [&](const std::string& name, Verb verb) {
    return series_of(samples.at({name, verb}), &Sample::cpu_ms);
  };
  const auto own = [&](Verb verb) {
    return subtract(wall("ours", verb), wall("host-local", verb));
  };
  const json add = ours_in(effort, "ADD");
  return {
      make_goal("ADD, of the chain's",
                median(divide(wall("ours", Verb::add), wall("chain", Verb::add))), 0.40),
      make_goal("ADD without IPAM, of the floor's",
                median(divide(own(Verb::add), wall("floor", Verb::add))), 1.25),
      make_goal("ADD's CPU time, of the chain's",
                median(divide(cpu("ours", Verb::add), cpu("chain", Verb::add))), 0.40),
      make_goal("DEL without IPAM, of RTM_DELLINK's",
                median(divide(own(Verb::del), wall("floor", Verb::del))), 1.10),
      make_goal("ADD's own system calls", add.at("own_system_calls"), 120),
      make_goal("ADD's own peak memory, KiB", add.at("own_peak_kib"), 4096),
      make_goal("CHECK without IPAM, ms", median(own(Verb::check)), 1.0),
      make_goal("start, of an empty static program's",
                median(divide(wall("VERSION", Verb::start), wall("empty", Verb::start))), 1.15)};
}

void print_goals(const json& goals) {
  Table table({"goal", "is", "should be at most", ""}, true);
  for (const json& goal : goals) {
    const int digits = goal.at("limit") < 10 ? 3 : 0;  // counts, and ratios
    table.add({goal.at("goal"), show(goal.at("value"), digits), show(goal.at("limit"), digits),
               goal.at("is_reached") ? "✓" : "✗"});
  }
  std::cout << table.text() << '\n';
}

}  // namespace mvr::bench
