// SPDX-License-Identifier: Apache-2.0
/// \file
/// Which version a call is in, and which verbs it has; and the shape of errors.
#include "point.hpp"

namespace conformance {

namespace {

constexpr auto kVersion = "CNI SPEC 1.1.0, section 1, cniVersion";
constexpr auto kErrors = "CNI SPEC 1.1.0, section 5, Error";

/// A call that fails in any plugin, for a reason that has nothing to do with the configuration.
Call failing_call(Trial& trial) {
  return trial.call("ADD").with_env("CNI_NETNS", "/run/netns/no-such-pod");
}

void version_answered(Trial& trial) {
  const json result = trial.add();
  expect(result.value("cniVersion", "") == to_text(trial.version()),
         "cniVersion " + std::string(to_text(trial.version())), result.dump());
}

void version_unsupported(Trial& trial) {
  for (const char* version : {"9.9.9", "1.2.0", "0.9.0"}) {
    trial.refused(trial.call("ADD").with({{"cniVersion", version}}), {1});
    trial.refused(trial.call("DEL").with({{"cniVersion", version}}), {1});
  }
}

void version_malformed(Trial& trial) {
  for (const char* version : {"abc", "1.2.3.4.5", "1.0.0-x"}) {
    trial.refused(trial.call("ADD").with({{"cniVersion", version}}), {1, 6});
  }
  trial.refused(trial.call("ADD").with({{"cniVersion", 1}}), {6});
}

void version_absent(Trial& trial) {
  json config = trial.config();
  config.erase("cniVersion");
  const Answer answer = trial.run(trial.call("ADD").with_input(config.dump()));
  if (!answer.ok()) {
    expect(answer.code() == 1, "0.1.0, or an error with code 1", answer.out);
    return;
  }
  expect(answer.document.is_object() && !answer.document.contains("interfaces"),
         "a result in the shape of 0.1.0", answer.out);
}

void check_below(Trial& trial) {
  trial.refused(trial.call("CHECK"), {1});
}

void gc_below(Trial& trial) {
  trial.need_support(Version::v1_1_0);
  trial.refused(trial.gc_call({}), {1});
}

void status_below(Trial& trial) {
  trial.need_support(Version::v1_1_0);
  trial.refused(trial.node_call("STATUS"), {1});
}

void error_document(Trial& trial) {
  const Answer answer = trial.refused(failing_call(trial));
  expect(answer.document.is_object(), "one JSON object on standard output",
         answer.out.empty() ? "nothing" : answer.out);
}

void error_fields(Trial& trial) {
  const json error = trial.refused(failing_call(trial)).document;
  expect(error.is_object() && error.value("code", json()).is_number_integer(), "code, a number",
         error.dump());
  expect(error.value("msg", json()).is_string() && !error.at("msg").get<std::string>().empty(),
         "msg, some words", error.dump());
  expect(error.value("details", json("")).is_string(), "details, if any, a text", error.dump());
}

void error_code(Trial& trial) {
  // 8 is in libcni's list, if not in the specification's.
  const std::set<int> reserved{1, 2, 3, 4, 5, 6, 7, 8, 11, 50, 51};
  const Answer answer = trial.refused(failing_call(trial));
  expect(reserved.contains(answer.code()) || answer.code() >= 100,
         "a code of the specification, or 100 and more", answer.out);
}

void error_version(Trial& trial) {
  const json error = trial.refused(failing_call(trial)).document;
  expect(error.is_object() && error.value("cniVersion", json()) == to_text(trial.version()),
         "cniVersion " + std::string(to_text(trial.version())), error.dump());
}

}  // namespace

Points version_points() {
  return {
      {"version-answered", Level::must, kEach, "The result is in the configuration's version",
       kVersion, version_answered},
      {"version-unsupported", Level::should, kOnce, "An unsupported version is code 1", kErrors,
       version_unsupported},
      {"version-malformed", Level::should, kOnce, "What is no version is code 1 or 6", kErrors,
       version_malformed},
      {"version-absent", Level::custom, kOnce,
       "A configuration without cniVersion is 0.1.0: that, or code 1", "libcni practice (skel)",
       version_absent},
      {"check-below-0.4", Level::should, kBefore04, "CHECK before 0.4.0 is code 1",
       "libcni practice (skel)", check_below},
      {"gc-below-1.1", Level::should, kBefore11, "GC before 1.1.0 is code 1",
       "libcni practice (skel)", gc_below},
      {"status-below-1.1", Level::should, kBefore11, "STATUS before 1.1.0 is code 1",
       "libcni practice (skel)", status_below},
      {"error-document", Level::must, kEach,
       "After a failure there is one JSON object on standard output, and nothing else", kErrors,
       error_document},
      {"error-fields", Level::must, kEach, "An error has a code, a message, perhaps details",
       kErrors, error_fields},
      {"error-code", Level::must, kOnce, "Codes below 100 are the specification's", kErrors,
       error_code},
      {"error-version", Level::should, kEach, "An error says in which version it is", kErrors,
       error_version},
  };
}

}  // namespace conformance
