// SPDX-License-Identifier: Apache-2.0
/// \file
/// The benchmark: see scripts/bench, which builds and runs it.
/// Usage: bench [--quick] [--seconds N] [--json FILE] [--verbs] [--cold] [--growth]
#define CATCH_CONFIG_RUNNER
#include <sched.h>
#include <sys/mman.h>
#include <sys/utsname.h>

#include <array>
#include <fstream>
#include <iostream>
#include <set>
#include <thread>

#include "bench/parts.hpp"
#include "mvr/base/fd.hpp"
#include "mvr/base/text.hpp"
#include "support/catch.hpp"

namespace {

using mvr::bench::json;

struct Request {
  mvr::bench::Options options = {};
  std::set<std::string> parts = {};
  std::string json_file = {};
};

/// What the only test case below is to do; Catch2 hands it nothing.
Request& request() {
  static Request instance;
  return instance;
}

/// False where the arguments are not as above.
bool parse(const std::vector<std::string>& arguments) {
  const std::set<std::string> parts{"verbs", "cold", "growth"};
  for (auto argument = arguments.begin(); argument != arguments.end(); ++argument) {
    const bool has_value = argument + 1 != arguments.end();
    if (*argument == "--quick") {
      request().options = {.is_quick = true, .time = std::chrono::seconds(5)};
    } else if (*argument == "--seconds" && has_value) {
      const auto seconds = mvr::parse_number<unsigned>(*++argument);
      if (!seconds) {
        return false;
      }
      request().options.time = std::chrono::seconds(*seconds);
    } else if (*argument == "--json" && has_value) {
      request().json_file = *++argument;
    } else if (argument->starts_with("--") && parts.contains(argument->substr(2))) {
      request().parts.insert(argument->substr(2));
    } else {
      return false;
    }
  }
  if (request().parts.empty()) {
    request().parts = parts;
  }
  return true;
}

/// With all that we start, before whatever else this machine does; false where that is refused.
bool become_urgent() {
  const sched_param parameter{.sched_priority = 1};
  return sched_setscheduler(0, SCHED_RR, &parameter) == 0;
}

json describe_machine(bool is_urgent) {
  utsname name{};
  uname(&name);
  return {{"kernel", name.release},
          {"architecture", name.machine},
          {"scheduling", is_urgent ? "SCHED_RR" : "SCHED_OTHER"},
          {"processors", std::thread::hardware_concurrency()}};
}

void print_machine(const json& machine) {
  const bool is_urgent = machine.at("scheduling") == "SCHED_RR";
  std::cout << "Linux " << machine.at("kernel").get<std::string>() << ", "
            << machine.at("processors") << " processors; "
            << (is_urgent ? "measured before all other work, by SCHED_RR\n\n"
                          : "other work is not kept away: SCHED_RR is refused\n\n");
}

}  // namespace

TEST_CASE("bench") {
  const Request& wanted = request();
  json figures{{"machine", describe_machine(become_urgent())}};
  print_machine(figures["machine"]);
  if (wanted.parts.contains("verbs")) {
    figures["verbs"] = mvr::bench::measure_verbs(wanted.options);
    mvr::bench::print_verbs(figures["verbs"]);
  }
  if (wanted.parts.contains("cold")) {
    figures["cold"] = mvr::bench::measure_cold(wanted.options);
    mvr::bench::print_cold(figures["cold"]);
  }
  if (wanted.parts.contains("growth")) {
    figures["growth"] = mvr::bench::measure_growth(wanted.options);
    mvr::bench::print_growth(figures["growth"]);
  }
  if (!wanted.json_file.empty()) {
    std::ofstream file(wanted.json_file);
    REQUIRE(file << figures.dump(2) << '\n');
  }
}

int main(int argc, char** argv) {
  if (!parse({argv + 1, argv + argc})) {
    std::cerr
        << "usage: bench [--quick] [--seconds N] [--json FILE] [--verbs] [--cold] [--growth]\n";
    return 2;
  }
  // Catch2's report is for whom something went wrong.
  const mvr::Fd report(memfd_create("report", MFD_CLOEXEC));
  const std::string path = "/proc/self/fd/" + std::to_string(report.get());
  const std::array<const char*, 3> arguments{argv[0], "--out", path.c_str()};
  Catch::Session session;
  const bool is_understood = session.applyCommandLine(arguments.size(), arguments.data()) == 0;
  if (is_understood && session.run() == 0) {
    return 0;
  }
  std::cerr << std::ifstream(path).rdbuf();
  return 1;
}
