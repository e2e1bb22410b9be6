// SPDX-License-Identifier: Apache-2.0
#include "mvr/plugin/plugin.hpp"

#include <poll.h>

#include "mvr/base/capabilities.hpp"
#include "mvr/base/fd.hpp"
#include "mvr/base/text.hpp"
#include "mvr/cni/netconf.hpp"
#include "mvr/cni/version.hpp"
#include "plugin/call.hpp"
#include "plugin/config.hpp"

namespace mvr::plugin {
namespace {

void open_log(Log& log, const cni::Environment& env, const cni::NetConf& conf) {
  log.set_level(conf.log_level);
  log.add_context("network", conf.name);
  log.add_context("containerID", env.container_id);
  log.add_context("ifname", env.ifname);
  const std::string& ns = env.args.pod_namespace;
  log.add_context("pod", ns.empty() ? env.args.pod_name : ns + '/' + env.args.pod_name);
  if (conf.log_file.empty()) {
    return;
  }
  if (Result<void> opened = log.open(conf.log_file); !opened) {
    log.line(LogLevel::warn, opened.error().msg + "; logging to standard error");
  }
}

Result<void> dispatch(const Call& call) {
  switch (call.env.verb) {
    case cni::Verb::add:
      return add(call);
    case cni::Verb::del:
      return del(call);
    case cni::Verb::check:
      return check(call);
    case cni::Verb::gc:
      return gc(call);
    case cni::Verb::status:
      return status(call);
    case cni::Verb::version:
      break;
  }
  return {};
}

/// Every message begins with the NIC, for it stands alone in the kubelet's log.
Result<void> name_nic(Result<void> outcome, const cni::Environment& env) {
  return outcome || env.ifname.empty() ? outcome : fail(std::move(outcome).error().in(env.ifname));
}

void warn(const Log& log, cni::Verb verb, const cni::ParsedConf& parsed) {
  for (const std::string& warning : parsed.warnings) {
    log.line(LogLevel::warn, warning);
  }
  for (const std::string& note : parsed.notes) {
    log.line(LogLevel::debug, note);
  }
  if (tolerates_problems(verb)) {
    for (const Error& problem : parsed.problems) {
      log.line(LogLevel::warn, problem.msg);
    }
  }
}

Result<void> carry_out(const cni::Environment& env, const std::string& config, Budget& budget,
                       int out) {
  const auto parsed = MVR_TRY(read_config(env, config));
  Log log;
  open_log(log, env, parsed.conf);
  budget.set_limit(parsed.conf.timeout);
  warn(log, env.verb, parsed);
  Timeline timeline(log, env.trace_parent);
  const auto print = [&](const std::string& text) -> Result<void> {
    MVR_TRY(budget.wait(out, POLLOUT, budget.deadline()));
    return write_all(out, text);
  };
  const auto run_verb = [&]() -> Result<void> {
    MVR_TRY(check_config(env.verb, parsed));
    return dispatch({env, parsed.conf, config, budget, log, timeline, print});
  };
  Result<void> outcome = run_verb();
  timeline.finish(to_string(env.verb), outcome);
  return outcome;
}

Result<std::string> read_config_text(int in, const Budget& budget) {
  Result<std::string> text = read_all(in, kMaxConfig, budget);
  return text ? std::move(text) : fail(std::move(text).error().in("read standard input"));
}

/// Before anything is begun that could not be ended either.
Result<void> refuse_powerless(const std::vector<std::string>& missing) {
  return missing.empty() ? Result<void>()
                         : fail(Code::unavailable, "the runtime runs this plugin without " +
                                                       join(missing, " and ") +
                                                       ": nothing can be done to a pod");
}

Result<void> answer(const cni::GetEnv& get_env, std::string& config, int in, int out) {
  const cni::Environment env = MVR_TRY(cni::read_environment(get_env));
  if (env.verb == cni::Verb::version) {
    return write_all(out, cni::version_document());
  }
  const auto missing = MVR_TRY(drop_capabilities());
  Budget budget = MVR_TRY(Budget::start(cni::NetConf().timeout));
  config = MVR_TRY(read_config_text(in, budget));  // which says by what version to answer
  MVR_TRY(name_nic(refuse_powerless(missing), env));
  return name_nic(carry_out(env, config, budget, out), env);
}

}  // namespace

int run(const cni::GetEnv& get_env, int in, int out) {
  std::string config;
  const Result<void> answered = answer(get_env, config, in, out);
  if (answered) {
    return 0;
  }
  // The configuration may be what is wrong, so its version is a guess.
  const cni::Version version = cni::guess_version(config);
  static_cast<void>(write_all(out, cni::format_error(answered.error(), version)));
  return 1;
}

std::string about_text() {
  return "macvlan-rdma " MVR_VERSION
         ": CNI plugin for macvlan NICs with RDMA, policy routing and probed gateways\n"
         "CNI protocol versions supported: " +
         cni::supported_versions_text() +
         "\n\n"
         "A container runtime calls it with CNI_COMMAND, CNI_CONTAINERID, CNI_NETNS, CNI_IFNAME "
         "and\n"
         "CNI_PATH in the environment and a network configuration on standard input.\n";
}

}  // namespace mvr::plugin
