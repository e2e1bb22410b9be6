// SPDX-License-Identifier: Apache-2.0
/// \file
/// Delegation to an IPAM plugin: who is called, and with what.
#include <algorithm>
#include <filesystem>

#include "point.hpp"
#include "world.hpp"

namespace conformance {

namespace {

constexpr auto kDelegation = "CNI SPEC 1.1.0, section 4";

std::string verbs_of(const Trial& trial) {
  std::string verbs;
  for (const IpamCall& call : trial.ipam().calls()) {
    verbs += (verbs.empty() ? "" : ", ") + call.verb();
  }
  return verbs.empty() ? "no call" : verbs;
}

std::vector<IpamCall> some_calls(const Trial& trial, const std::string& verb) {
  std::vector<IpamCall> calls = trial.ipam().calls(verb);
  expect(!calls.empty(), "IPAM called with " + verb, verbs_of(trial));
  return calls;
}

/// The first and the last of IPAM's calls with a verb differ where a plugin repeats one in an older
/// version, for an IPAM plugin that does not know the configuration's.
IpamCall first_call(const Trial& trial, const std::string& verb) {
  return some_calls(trial, verb).front();
}

IpamCall last_call(const Trial& trial, const std::string& verb) {
  return some_calls(trial, verb).back();
}

void ipam_on_add(Trial& trial) {
  trial.need_ipam();
  trial.add();
  first_call(trial, "ADD");
}

void ipam_on_check(Trial& trial) {
  trial.need_ipam();
  const json result = trial.add();
  trial.silent(trial.call("CHECK", trial.pod(), result));
  first_call(trial, "CHECK");
}

void ipam_on_del(Trial& trial) {
  trial.need_ipam();
  trial.silent(trial.call("DEL", trial.pod(), trial.add()));
  first_call(trial, "DEL");
}

void ipam_on_gc(Trial& trial) {
  trial.need_ipam();
  trial.silent(trial.gc_call({}));
  first_call(trial, "GC");
}

void ipam_on_status(Trial& trial) {
  trial.need_ipam();
  trial.silent(trial.node_call("STATUS"));
  first_call(trial, "STATUS");
}

void ipam_environment(Trial& trial) {
  trial.need_ipam();
  const Call call =
      trial.call("ADD")
          .with_env("CNI_ARGS", "IgnoreUnknown=1;CONFORMANCE=x")
          .with_env("TRACEPARENT", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
          .with_env("CONFORMANCE", "two words; and more");
  trial.add(call);
  const Environment env = first_call(trial, "ADD").env;
  for (const auto& [name, value] : call.env) {
    const auto found = env.find(name);
    expect(found != env.end() && found->second == value,
           std::string(name).append("=").append(value),
           found == env.end() ? "no such variable" : found->second);
  }
}

void ipam_input(Trial& trial) {
  trial.need_ipam();
  const Call call = trial.call("ADD").with({{"args", {{"cni", {{"labels", {"a", "b"}}}}}}});
  trial.add(call);
  const IpamCall ipam = first_call(trial, "ADD");
  expect(json::parse(ipam.input, nullptr, false) == call.config(), call.input, ipam.input);
}

void ipam_input_del(Trial& trial) {
  trial.need_ipam();
  const Call call = trial.call("DEL", trial.pod(), trial.add());
  trial.silent(call);
  const IpamCall ipam = first_call(trial, "DEL");
  expect(json::parse(ipam.input, nullptr, false) == call.config(), call.input, ipam.input);
}

void ipam_input_bytes(Trial& trial) {
  trial.need_ipam();
  const Call call = trial.call("ADD").with_input(trial.config().dump(3) + "\n");
  trial.add(call);
  const IpamCall ipam = first_call(trial, "ADD");
  expect(ipam.input == call.input, call.input, ipam.input);
}

void ipam_stderr(Trial& trial) {
  trial.need_ipam();
  const Answer answer = trial.ok(trial.call("ADD"));
  expect(answer.err.find(kRecorderWords) != std::string::npos,
         std::string("IPAM's line '") + kRecorderWords + "' on standard error", answer.err);
}

void ipam_path(Trial& trial) {
  trial.need_ipam();
  const std::filesystem::path odd = std::filesystem::path(kOwnDir) / "odd";
  std::filesystem::create_directories(odd / trial.subject().ipam_type());
  const std::string& path = trial.ipam().path();
  trial.add(trial.call("ADD").with_env(
      "CNI_PATH", "/no/such/directory:" + odd.string() + ":" + path + ":" + path));
  first_call(trial, "ADD");
}

void ipam_dns(Trial& trial) {
  trial.need_ipam();
  if (trial.config().contains("dns")) {
    throw NotApplicable("the configuration has a dns of its own");
  }
  // IPAM's own answer for an address that is free again, and a dns in it.
  trial.primed_view();
  json given = json::parse(last_call(trial, "ADD").output);
  const json dns{{"nameservers", {"192.0.2.53"}}, {"search", {"conformance.example"}}};
  given["cniVersion"] = to_text(trial.version());
  given["dns"] = dns;
  trial.ipam().answer("ADD", 0, given);
  const json result = trial.add();
  expect(result.value("dns", json()) == dns, dns.dump(), result.dump());
}

/// The addresses in a result, of IPAM's or the plugin's.
std::set<std::string> addresses_in(const json& result) {
  std::set<std::string> addresses;
  for (const json& address : result.value("ips", json::array())) {
    addresses.insert(address.value("address", ""));
  }
  return addresses;
}

void ipam_addresses(Trial& trial) {
  trial.need_ipam();
  const json result = trial.add();
  const json given = json::parse(last_call(trial, "ADD").output);
  for (const std::string& address : addresses_in(given)) {
    expect(addresses_in(result).contains(address), "IPAM's " + address + " in the result",
           result.dump());
  }
}

void ipam_once(Trial& trial) {
  trial.need_ipam();
  trial.silent(trial.call("DEL", trial.pod(), trial.add()));
  for (const char* verb : {"ADD", "DEL"}) {
    const std::vector<IpamCall> calls = trial.ipam().calls(verb);
    const auto successes = std::ranges::count(calls, 0, &IpamCall::status);
    expect(successes == 1, std::string("one successful ") + verb, verbs_of(trial));
  }
}

}  // namespace

Points ipam_points() {
  return {
      {"ipam-on-add", Level::must, kEach, "ADD calls IPAM", kDelegation, ipam_on_add},
      {"ipam-on-check", Level::must, kEachFrom04, "CHECK calls IPAM", kDelegation, ipam_on_check},
      {"ipam-on-del", Level::must, kEach, "DEL calls IPAM", kDelegation, ipam_on_del},
      {"ipam-on-gc", Level::must, kFrom11, "GC calls IPAM", kDelegation, ipam_on_gc},
      {"ipam-on-status", Level::must, kFrom11, "STATUS calls IPAM", kDelegation, ipam_on_status},
      {"ipam-environment", Level::must, kOnce,
       "IPAM gets the runtime's environment, unknown variables included", kDelegation,
       ipam_environment},
      {"ipam-input", Level::must, kEach, "IPAM gets the whole configuration on ADD", kDelegation,
       ipam_input},
      {"ipam-input-del", Level::must, kEach,
       "IPAM gets the whole configuration on DEL, prevResult included", kDelegation,
       ipam_input_del},
      {"ipam-input-bytes", Level::custom, kOnce, "IPAM gets the configuration byte by byte",
       "libcni practice (invoke)", ipam_input_bytes},
      {"ipam-stderr", Level::should, kOnce, "What IPAM writes to standard error comes out there",
       kDelegation, ipam_stderr},
      {"ipam-path", Level::custom, kOnce,
       "CNI_PATH can have directories that are missing, doubled, or have a directory of that name",
       "libcni practice (FindInPath), Multus", ipam_path},
      {"ipam-dns", Level::should, kEach, "The result has the dns that IPAM gave",
       "CNI SPEC 0.4.0, Result", ipam_dns},
      {"ipam-addresses", Level::must, kEach, "The result has the addresses that IPAM gave",
       "CNI SPEC 1.1.0, section 5, Delegated plugins", ipam_addresses},
      {"ipam-once", Level::custom, kOnce, "IPAM is asked to succeed once on ADD and once on DEL",
       "libcni practice (invoke)", ipam_once},
  };
}

}  // namespace conformance
