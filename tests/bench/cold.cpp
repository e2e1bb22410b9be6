// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <unistd.h>

#include <iostream>

#include "bench/parts.hpp"
#include "bench/table.hpp"
#include "mvr/base/fd.hpp"
#include "support/catch.hpp"

namespace mvr::bench {

namespace {

constexpr const char* kWarm = "from the page cache";
constexpr const char* kCold = "from disk";

/// The file's pages go, nobody else's.
void forget_pages(const std::string& path) {
  const Fd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  REQUIRE(fsync(file.get()) == 0);
  REQUIRE(posix_fadvise(file.get(), 0, 0, POSIX_FADV_DONTNEED) == 0);
}

Contestant make_cold(Contestant contestant) {
  for (auto& [verb, run] : contestant.verbs) {
    run = [warm = run](Meter& meter) {
      forget_pages(test::plugin_path());
      warm(meter);
    };
  }
  return contestant;
}

Contestant make_both(const Place& place, const std::string& name) {
  Contestant contestant = make_ours(name, "", place, {make_config(place.rail, false, true)});
  contestant.verbs.merge(make_start(name, "", test::plugin_path()).verbs);
  return contestant;
}

}  // namespace

json measure_cold(const Options& options) {
  test::Scenario scenario({.rails = 1});
  const Samples samples =
      run_rounds({make_both({scenario.add_pod("warm")}, kWarm),
                  make_cold(make_both({scenario.add_pod("cold")}, kCold))},
                 {.most_rounds = options.is_quick ? 5 : 30, .time = std::chrono::seconds(15)});
  json rows = json::array();
  for (const Verb verb : {Verb::start, Verb::add}) {
    for (const char* name : {kWarm, kCold}) {
      rows.push_back(make_row(samples, name, verb, kWarm));
    }
  }
  return rows;
}

void print_cold(const json& figures) {
  std::cout << "Our program's file in the page cache, or not\n";
  Table table({"the file comes", "verb", "median ms", "p90 ms", "x warm", "major faults"});
  for (const json& row : figures) {
    table.add({row.at("name"), row.at("verb"), show(row.at("wall_ms").at("median")),
               show(row.at("wall_ms").at("p90")), show(row.at("of_reference")),
               show(row.at("major_faults"), 0)});
  }
  std::cout << table.text() << '\n';
}

}  // namespace mvr::bench
