// SPDX-License-Identifier: Apache-2.0
/// \file
/// IPAM that fails or talks nonsense: the error is passed on and nothing is left.
#include "point.hpp"

namespace conformance {

namespace {

constexpr auto kDelegation = "CNI SPEC 1.1.0, section 4";
constexpr int kCode = 123;
constexpr auto kWords = "conformance: no address today";

/// Makes IPAM fail with a code of its own.
void fail_ipam(Trial& trial, const std::string& verb, int code = kCode) {
  trial.need_ipam();
  trial.ipam().answer(verb, 1,
                      {{"cniVersion", to_text(trial.version())}, {"code", code}, {"msg", kWords}});
}

/// Each of these is an answer that no plugin can do anything with.
std::vector<json> useless_results(const std::string& version) {
  const json bad_address{{"version", "4"}, {"address", "no address"}};
  return {json::array(),
          {{"cniVersion", version}, {"ips", json::array({bad_address})}},
          {{"cniVersion", version}, {"ips", "192.0.2.5/24"}}};
}

void ipam_error_code(Trial& trial) {
  fail_ipam(trial, "ADD");
  trial.refused(trial.call("ADD"), {kCode});
}

void ipam_error_words(Trial& trial) {
  fail_ipam(trial, "ADD");
  const std::string message = trial.refused(trial.call("ADD")).message();
  expect(message.find(kWords) != std::string::npos, std::string("a message with ") + kWords,
         message);
}

void ipam_error_undone(Trial& trial) {
  trial.need_ipam();
  const View before = trial.primed_view();
  fail_ipam(trial, "ADD");
  trial.refused(trial.call("ADD"));
  expect_same(before, trial.view(), "after the failed ADD");
}

void ipam_error_released(Trial& trial) {
  fail_ipam(trial, "ADD");
  trial.refused(trial.call("ADD"));
  expect(!trial.ipam().calls("DEL").empty(), "DEL of IPAM after its failed ADD", "no DEL");
}

void ipam_useless_refused(Trial& trial) {
  trial.need_ipam();
  for (const json& result : useless_results(std::string(to_text(trial.version())))) {
    trial.ipam().answer("ADD", 0, result);
    trial.refused(trial.call("ADD"));
  }
}

void ipam_useless_undone(Trial& trial) {
  trial.need_ipam();
  const View before = trial.primed_view();
  for (const json& result : useless_results(std::string(to_text(trial.version())))) {
    trial.ipam().answer("ADD", 0, result);
    trial.refused(trial.call("ADD"));
    expect_same(before, trial.view(), "after IPAM's " + result.dump());
  }
}

void ipam_missing(Trial& trial) {
  trial.need_ipam();
  const View before = trial.primed_view();
  json ipam = trial.config().at("ipam");
  ipam["type"] = "conformance-no-such-ipam";
  trial.refused(trial.call("ADD").with({{"ipam", ipam}}));
  expect_same(before, trial.view(), "after the failed ADD");
}

void ipam_check_error(Trial& trial) {
  trial.need_ipam();
  const json result = trial.add();
  fail_ipam(trial, "CHECK");
  trial.refused(trial.call("CHECK", trial.pod(), result));
}

void ipam_del_error(Trial& trial) {
  trial.need_ipam();
  const json result = trial.add();
  fail_ipam(trial, "DEL");
  trial.refused(trial.call("DEL", trial.pod(), result));
}

void ipam_del_retried(Trial& trial) {
  trial.need_ipam();
  const Call del = trial.call("DEL", trial.pod(), trial.add());
  fail_ipam(trial, "DEL");
  trial.run(del);
  trial.ipam().answer_itself("DEL");
  trial.silent(del);
  const std::set<std::string> leases = trial.ipam().leases();
  expect(leases.empty(), "the address given back by the second DEL", json(leases).dump());
  expect(trial.link(trial.pod()).is_null(), "no interface", trial.link(trial.pod()).dump());
}

void ipam_status_error(Trial& trial) {
  fail_ipam(trial, "STATUS", 50);
  trial.refused(trial.node_call("STATUS"));
}

void ipam_gc_error(Trial& trial) {
  fail_ipam(trial, "GC");
  trial.refused(trial.gc_call({}));
}

}  // namespace

Points ipam_failure_points() {
  return {
      {"ipam-error-code", Level::custom, kEach, "IPAM's error code is ADD's",
       "libcni practice (invoke)", ipam_error_code},
      {"ipam-error-words", Level::custom, kOnce, "IPAM's words are in ADD's message",
       "libcni practice (invoke)", ipam_error_words},
      {"ipam-error-undone", Level::custom, kOnce,
       "When IPAM fails, ADD leaves nothing on the host and in the pod",
       "Multus, kubelet: no DEL is sure to follow", ipam_error_undone},
      {"ipam-error-released", Level::should, kOnce, "When IPAM's ADD fails, its DEL is called",
       kDelegation, ipam_error_released},
      {"ipam-useless-refused", Level::must, kOnce, "ADD that cannot use IPAM's answer is an error",
       "CNI SPEC 1.1.0, section 5, Delegated plugins", ipam_useless_refused},
      {"ipam-useless-undone", Level::should, kOnce,
       "ADD that cannot use IPAM's answer leaves nothing, at IPAM either", kDelegation,
       ipam_useless_undone},
      {"ipam-missing", Level::should, kOnce,
       "ADD without the IPAM plugin in CNI_PATH is an error and leaves nothing", kDelegation,
       ipam_missing},
      {"ipam-check-error", Level::should, kFrom04, "When IPAM's CHECK fails, CHECK fails",
       kDelegation, ipam_check_error},
      {"ipam-del-error", Level::should, kOnce, "When IPAM's DEL fails, DEL fails", kDelegation,
       ipam_del_error},
      {"ipam-del-retried", Level::should, kOnce,
       "DEL after one in which IPAM failed does what is left to do", kDelegation, ipam_del_retried},
      {"ipam-status-error", Level::must, kFrom11, "When IPAM's STATUS fails, STATUS fails",
       "CNI SPEC 1.1.0, section 2, STATUS", ipam_status_error},
      {"ipam-gc-error", Level::should, kFrom11, "When IPAM's GC fails, GC fails", kDelegation,
       ipam_gc_error},
  };
}

}  // namespace conformance
