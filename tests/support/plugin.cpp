// SPDX-License-Identifier: Apache-2.0
#include "support/plugin.hpp"

#include <array>
#include <cstdlib>
#include <ostream>

#include "support/catch.hpp"
#include "support/namespaces.hpp"

namespace mvr::test {

namespace {

/// Tells a sanitizer or the coverage run-time where to write; not for the plugin itself.
constexpr std::array kToolVariables{"ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS", "GCOV_PREFIX",
                                    "GCOV_PREFIX_STRIP"};

std::string nic(int n) {
  return "net" + std::to_string(n);
}

}  // namespace

int Answer::code() const {
  return body.is_object() ? body.value("code", 0) : 0;
}

std::string Answer::message() const {
  return body.is_object() ? body.value("msg", "") : "";
}

std::string Answer::details() const {
  return body.is_object() ? body.value("details", "") : "";
}

std::ostream& operator<<(std::ostream& out, const Answer& answer) {
  return out << "status " << answer.status << "\nstdout: " << answer.out.substr(0, 4096)
             << "\nstderr: " << answer.err.substr(0, 4096);
}

Command make_command(const Call& call) {
  std::map<std::string, std::string> env{{"CNI_COMMAND", call.verb},
                                         {"CNI_CONTAINERID", call.container_id},
                                         {"CNI_NETNS", call.netns},
                                         {"CNI_IFNAME", call.ifname},
                                         {"CNI_ARGS", call.args},
                                         {"CNI_PATH", call.cni_path},
                                         {"PATH", "/usr/sbin:/usr/bin:/sbin:/bin"}};
  for (const char* name : kToolVariables) {
    if (const char* value = std::getenv(name)) {
      env.emplace(name, value);
    }
  }
  for (const auto& [name, value] : call.env) {
    env[name] = value;
  }
  return {.argv = {plugin_path()},
          .input = call.input.value_or(call.config.dump()),
          .env = std::move(env),
          .clean_env = true,
          .timeout = call.timeout};
}

std::string plugin_path() {
  const char* chosen = std::getenv("MVR_PLUGIN");
  return chosen != nullptr ? chosen : MVR_BINARY;
}

Answer make_answer(Output output) {
  json body = output.out.empty() ? json() : json::parse(output.out, nullptr, false);
  return {.status = output.status,
          .out = std::move(output.out),
          .err = std::move(output.err),
          .body = std::move(body)};
}

Answer run_plugin(const Call& call) {
  return make_answer(run(make_command(call)));
}

Command make_gc_command(const std::vector<std::string>& options) {
  std::vector<std::string> argv{plugin_path(), "gc", "--state-dir", std::string(kStateDir)};
  argv.insert(argv.end(), options.begin(), options.end());
  return {.argv = std::move(argv), .env = {{"PATH", "/usr/bin:/bin"}}, .clean_env = true};
}

Output run_gc(const std::vector<std::string>& options) {
  return run(make_gc_command(options));
}

std::string multus_args(const std::string& pod) {
  const std::string identity = "K8S_POD_NAMESPACE=training;K8S_POD_NAME=" + pod +
                               ";K8S_POD_INFRA_CONTAINER_ID=" + kContainerId +
                               ";K8S_POD_UID=0b7c3f5e-6a1d-4a57-9d0c-2f1f6f0b9a11";
  return "IgnoreUnknown=true;" + identity + ";IgnoreUnknown=1;" + identity;
}

json rail_config(int n) {
  const std::string number = std::to_string(n);
  return {{"cniVersion", "1.0.0"},
          {"name", "gpu" + number + "-macvlan"},
          {"type", "macvlan-rdma"},
          {"master", rail_master(n)},
          {"overlayPodCIDR", {"10.233.64.0/18"}},
          {"serviceCIDR", {"10.233.0.0/18"}},
          {"stateDir", kStateDir},
          {"ipam",
           {{"type", "host-local"},
            {"dataDir", kLeaseDir},
            {"ranges",
             {{{{"subnet", rail_subnet(n)},
                {"rangeStart", rail_address(n)},
                {"rangeEnd", rail_address(n, 200)},
                {"gateway", rail_gateway(n)}}}}},
            {"routes", {{{"dst", "0.0.0.0/0"}}}}}}};
}

Runtime::Runtime(const Pod& pod, std::string container_id)
    : netns_(pod.netns), container_id_(std::move(container_id)), args_(multus_args(pod.name)) {
}

Call Runtime::call(const std::string& verb, const std::string& ifname, const json& config) const {
  return {.verb = verb,
          .container_id = container_id_,
          .netns = netns_,
          .ifname = ifname,
          .args = args_,
          .config = config};
}

Call Runtime::call(const std::string& verb, const std::string& ifname) const {
  const auto found = attachments_.find(ifname);
  if (found == attachments_.end()) {
    FAIL(ifname << " has not been added");
  }
  Call result = call(verb, ifname, found->second.config);
  if (verb != "ADD" && found->second.result.is_object()) {
    result.config["prevResult"] = found->second.result;
  }
  return result;
}

Answer Runtime::add(int n, const json& patch) {
  json config = rail_config(n);
  config.merge_patch(patch);
  return add(nic(n), config);
}

Answer Runtime::add(const std::string& ifname, const json& config) {
  Answer answer = run_plugin(call("ADD", ifname, config));
  attachments_[ifname] = {config, answer.ok() ? answer.body : json()};
  return answer;
}

Answer Runtime::check(int n) const {
  return check(nic(n));
}

Answer Runtime::check(const std::string& ifname) const {
  return run_plugin(call("CHECK", ifname));
}

Answer Runtime::del(int n) {
  return del(nic(n));
}

Answer Runtime::del(const std::string& ifname) {
  return run_plugin(call("DEL", ifname));
}

}  // namespace mvr::test
