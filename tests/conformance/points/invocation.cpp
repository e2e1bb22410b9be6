// SPDX-License-Identifier: Apache-2.0
/// \file
/// VERSION, the verb, and the variables that a call comes with.
#include <array>

#include "point.hpp"

namespace conformance {

namespace {

constexpr auto kParameters = "CNI SPEC 1.1.0, section 2, Parameters";
constexpr auto kVersionVerb = "CNI SPEC 1.1.0, section 2, VERSION";
constexpr auto kErrors = "CNI SPEC 1.1.0, section 5, Error";

/// Names that are no names: they would leave their directory, or be taken for options.
constexpr std::array kBadNames{"../up", "-x", ".x", "a/b", "a b", "a\nb", "\xc3\xa4"};

Call version_call() {
  return {.env = {{"CNI_COMMAND", "VERSION"}}, .input = R"({"cniVersion":"1.1.0"})"};
}

void version_answer(Trial& trial) {
  const json answer = trial.add(version_call());
  expect(answer.value("cniVersion", json()).is_string(), "cniVersion, a string", answer.dump());
  const json list = answer.value("supportedVersions", json());
  expect(list.is_array() && !list.empty(), "supportedVersions, a list", answer.dump());
  for (const json& version : list) {
    expect(version.is_string(), "a list of strings", list.dump());
  }
}

void version_known(Trial& trial) {
  const json answer = trial.add(version_call());
  bool is_known = false;
  for (const json& version : answer.value("supportedVersions", json::array())) {
    is_known = is_known || (version.is_string() && parse_version(version.get<std::string>()));
  }
  expect(is_known, "one of 0.3.0, 0.3.1, 0.4.0, 1.0.0 and 1.1.0", answer.dump());
}

void version_any_input(Trial& trial) {
  for (const char* input : {"", "{}", "rubbish", R"({"cniVersion":"9.9.9"})"}) {
    trial.add(version_call().with_input(input));
  }
}

void version_dummies(Trial& trial) {
  trial.add(version_call()
                .with_env("CNI_CONTAINERID", "")
                .with_env("CNI_NETNS", "dummy")
                .with_env("CNI_IFNAME", "dummy")
                .with_env("CNI_PATH", "dummy"));
}

void about(Trial& trial) {
  const Answer answer = trial.silent({});
  expect(!answer.err.empty(), "words about the plugin on standard error", "nothing");
}

void verb_unknown(Trial& trial) {
  const std::string message = trial.refused(trial.call("UPDATE"), {4}).message();
  expect(message.find("CNI_COMMAND") != std::string::npos, "a message that names CNI_COMMAND",
         message);
}

void verb_exact(Trial& trial) {
  for (const char* verb : {"add", "Del", "ADD "}) {
    trial.refused(trial.call(verb), {4});
  }
  expect(trial.link(trial.pod()).is_null(), "no interface", trial.subject().ifname);
}

/// Each of the variables missing, and then each empty, is an error that names it.
void expect_required(Trial& trial, const Call& call, const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    for (const Call& bad : {call.without_env(name), call.with_env(name, "")}) {
      const std::string message = trial.refused(bad, {4}).message();
      expect(message.find(name) != std::string::npos, "a message that names " + name, message);
    }
  }
}

void env_required_add(Trial& trial) {
  expect_required(trial, trial.call("ADD"), {"CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME"});
}

void env_required_check(Trial& trial) {
  const Call call = trial.call("CHECK", trial.pod(), trial.add());
  expect_required(trial, call, {"CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME"});
}

void env_required_del(Trial& trial) {
  expect_required(trial, trial.call("DEL"), {"CNI_CONTAINERID", "CNI_IFNAME"});
}

void env_required_gc(Trial& trial) {
  expect_required(trial, trial.gc_call({}), {"CNI_PATH"});
}

void env_all_named(Trial& trial) {
  const Call call{.env = {{"CNI_COMMAND", "ADD"}}, .input = trial.config().dump()};
  const std::string message = trial.refused(call, {4}).message();
  for (const char* name : {"CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME"}) {
    expect(message.find(name) != std::string::npos, "one message that names all three", message);
  }
}

void env_optional_unset(Trial& trial) {
  trial.add(trial.call("ADD").without_env("CNI_ARGS"));
  trial.ok(trial.call("DEL").without_env("CNI_ARGS").without_env("CNI_NETNS"));
}

void containerid_invalid(Trial& trial) {
  for (const char* name : kBadNames) {
    trial.refused(trial.call("ADD").with_env("CNI_CONTAINERID", name), {4});
  }
}

void containerid_valid(Trial& trial) {
  const Call call = trial.call("ADD").with_env("CNI_CONTAINERID", "0_Pod.a-B");
  trial.add(call);
  trial.ok(call.with_env("CNI_COMMAND", "DEL"));
}

void ifname_invalid(Trial& trial) {
  for (const char* name : {".", "..", "a/b", "a:b", "a b", "a\tb", "sixteen-bytes-xx"}) {
    trial.refused(trial.call("ADD").with_env("CNI_IFNAME", name), {4});
  }
}

void ifname_longest(Trial& trial) {
  const std::string name = "fifteen.bytes-x";
  trial.add(trial.call("ADD").with_env("CNI_IFNAME", name));
  trial.silent(trial.call("DEL").with_env("CNI_IFNAME", name));
}

void invalid_named(Trial& trial) {
  for (const char* name : {"CNI_CONTAINERID", "CNI_IFNAME"}) {
    const std::string message =
        trial.refused(trial.call("ADD").with_env(name, "a/b"), {4}).message();
    expect(message.find(name) != std::string::npos, std::string("a message that names ") + name,
           message);
  }
}

void name_missing(Trial& trial) {
  json config = trial.config();
  config.erase("name");
  for (const char* verb : {"ADD", "DEL"}) {
    trial.refused(trial.call(verb).with_input(config.dump()), {7});
    trial.refused(trial.call(verb).with({{"name", ""}}), {7});
  }
}

void name_invalid(Trial& trial) {
  for (const char* name : kBadNames) {
    trial.refused(trial.call("ADD").with({{"name", name}}), {7});
  }
}

}  // namespace

Points invocation_points() {
  return {
      {"version-answer", Level::must, kOnce, "VERSION prints cniVersion and a list of versions",
       kVersionVerb, version_answer},
      {"version-known", Level::must, kOnce, "VERSION lists a released version from 0.3.0 on",
       kVersionVerb, version_known},
      {"version-any-input", Level::custom, kOnce, "VERSION does not look at standard input",
       "libcni practice (skel)", version_any_input},
      {"version-dummies", Level::custom, kOnce,
       "VERSION does not look at the container's variables, which runtimes fill with dummies",
       "libcni practice (GetVersionInfo)", version_dummies},
      {"about", Level::custom, kOnce,
       "Without CNI_COMMAND: words on standard error, nothing on standard output, success",
       "libcni practice (skel)", about},
      {"verb-unknown", Level::must, kOnce, "An unknown verb is code 4 and names CNI_COMMAND",
       kErrors, verb_unknown},
      {"verb-exact", Level::custom, kOnce, "Verbs are upper case, exactly",
       "libcni practice (skel)", verb_exact},
      {"env-required-add", Level::must, kOnce,
       "ADD without a required variable, or with an empty one, is code 4 and names it", kParameters,
       env_required_add},
      {"env-required-check", Level::must, kFrom04,
       "CHECK without a required variable, or with an empty one, is code 4 and names it",
       kParameters, env_required_check},
      {"env-required-del", Level::must, kOnce,
       "DEL without a required variable is code 4 and names it; CNI_NETNS is not required",
       kParameters, env_required_del},
      {"env-required-gc", Level::must, kFrom11, "GC without CNI_PATH is code 4 and names it",
       "CNI SPEC 1.1.0, section 2, GC", env_required_gc},
      {"env-all-named", Level::must, kOnce, "All missing variables are named in one message",
       kErrors, env_all_named},
      {"env-optional-unset", Level::must, kOnce,
       "ADD and DEL need no CNI_ARGS, and DEL no CNI_NETNS", kParameters, env_optional_unset},
      {"containerid-invalid", Level::must, kOnce, "A malformed container ID is code 4", kParameters,
       containerid_invalid},
      {"containerid-valid", Level::must, kOnce,
       "Letters, digits, '_', '.' and '-' are fine in a container ID", kParameters,
       containerid_valid},
      {"ifname-invalid", Level::must, kOnce, "A name that Linux would not take is code 4",
       kParameters, ifname_invalid},
      {"ifname-longest", Level::must, kOnce, "An interface name can have 15 bytes", kParameters,
       ifname_longest},
      {"invalid-named", Level::must, kOnce, "The message about a malformed variable names it",
       kErrors, invalid_named},
      {"name-missing", Level::must, kOnce, "ADD and DEL without a network name are code 7",
       "CNI SPEC 1.1.0, section 1", name_missing},
      {"name-invalid", Level::must, kOnce, "A malformed network name is code 7",
       "CNI SPEC 1.1.0, section 1", name_invalid},
  };
}

}  // namespace conformance
