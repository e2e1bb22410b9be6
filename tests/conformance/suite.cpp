// SPDX-License-Identifier: Apache-2.0
#include "suite.hpp"

#include <algorithm>
#include <stdexcept>

namespace conformance {

namespace {

using std::chrono::steady_clock;

/// A point makes a few calls that end in milliseconds, and some that are slow in slow plugins.
constexpr int kCallsInTime = 4;

json to_json(State state, const std::string& expected, const std::string& found,
             const std::vector<std::string>& calls) {
  return {{"state", static_cast<int>(state)},
          {"expected", expected},
          {"found", found},
          {"calls", calls}};
}

/// In the world: the result as text, since it has to come out of another process.
std::string try_here(const Point& point, const Subject& subject, Version version) {
  Trial trial(subject, version);
  json outcome;
  try {
    point.run(trial);
    outcome = to_json(State::passed, "", "", trial.log());
  } catch (const Failed& failure) {
    outcome = to_json(State::failed, failure.what(), failure.found, trial.log());
  } catch (const NotApplicable& reason) {
    outcome = to_json(State::skipped, reason.what(), "", trial.log());
  } catch (const json::exception& error) {
    outcome = to_json(State::failed, "JSON of the documented types", error.what(), trial.log());
  } catch (const std::exception& error) {
    outcome = to_json(State::failed, "a trial that can be made", error.what(), trial.log());
  }
  return outcome.dump(-1, ' ', false, json::error_handler_t::replace);
}

Outcome try_version(const Point& point, const Subject& subject, const WorldOptions& world,
                    Version version) {
  Outcome outcome{.version = std::string(to_text(version))};
  try {
    const json text = json::parse(in_new_world(world, subject.timeout_s * kCallsInTime,
                                               [&] { return try_here(point, subject, version); }));
    outcome.state = static_cast<State>(text.at("state").get<int>());
    outcome.expected = text.at("expected");
    outcome.found = text.at("found");
    outcome.calls = text.at("calls").get<std::vector<std::string>>();
  } catch (const std::runtime_error& error) {
    outcome.state = State::failed;
    outcome.expected = "a trial that can be made";
    outcome.found = error.what();
  }
  return outcome;
}

}  // namespace

std::vector<Version> supported_versions(const Subject& subject) {
  const json answer = json::parse(
      in_new_world({}, subject.timeout_s,
                   [&] {
                     const Call call{.env = {{"CNI_COMMAND", "VERSION"}}, .input = "{}"};
                     return make_call(subject.plugin, call, subject.timeout_s).out;
                   }),
      nullptr, false);
  const json list =
      answer.is_object() ? answer.value("supportedVersions", json::array()) : json::array();
  std::vector<Version> supported;
  std::ranges::copy_if(kVersions, std::back_inserter(supported), [&](Version version) {
    return std::ranges::find(list, json(to_text(version))) != list.end();
  });
  return supported;
}

Outcome try_point(const Point& point, const Subject& subject, const WorldOptions& world) {
  const auto start = steady_clock::now();
  Outcome outcome{.state = State::skipped,
                  .expected = "the plugin supports none of " + to_text(point.versions)};
  for (const Version version : versions_to_try(point.versions, subject.supported)) {
    outcome = try_version(point, subject, world, version);
    if (outcome.state != State::passed) {
      break;
    }
  }
  outcome.time = std::chrono::duration_cast<std::chrono::milliseconds>(steady_clock::now() - start);
  return outcome;
}

}  // namespace conformance
