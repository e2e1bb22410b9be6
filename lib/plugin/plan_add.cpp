// SPDX-License-Identifier: Apache-2.0
// ADD without its deeds: the real flow on a kernel that is only foreseen.
#include "mvr/plugin/plan_add.hpp"

#include <algorithm>
#include <map>

#include "mvr/base/capabilities.hpp"
#include "mvr/plan/foreseen.hpp"
#include "plugin/attempt.hpp"
#include "plugin/config.hpp"
#include "plugin/planned_lease.hpp"

namespace mvr::plugin {
namespace {

/// Judged as a runtime's call is. IPAM plugins are not looked for.
Result<cni::Environment> make_environment(const PlanRequest& request) {
  const std::map<std::string, std::string> variables{
      {"CNI_COMMAND", "ADD"},       {"CNI_CONTAINERID", request.container_id},
      {"CNI_NETNS", request.netns}, {"CNI_IFNAME", request.ifname},
      {"CNI_PATH", "/opt/cni/bin"}, {"CNI_ARGS", request.args}};
  return cni::read_environment([&](const char* name) {
    const auto found = variables.find(name);
    return found != variables.end() ? found->second.c_str() : nullptr;
  });
}

/// What ADD would undo first.
Result<void> foresee_healing(const Call& call, const net::Netns& host, const Rehearsal& rehearsal) {
  const auto journal =
      MVR_TRY(state::Journal::open(call.conf.state_dir, call.attachment(), call.budget));
  if (MVR_TRY(needs_healing(host, journal))) {
    rehearsal.tell("journal", "undo what an earlier attempt left; what follows is as if it stayed");
  }
  return {};
}

Result<void> rehearse(const Call& call, const Rehearsal& rehearsal) {
  const Namespaces netns = MVR_TRY(open_namespaces(call));
  MVR_TRY(foresee_healing(call, netns.host, rehearsal));
  const auto now = MVR_TRY(plan::open_linux_kernel(netns.host, *netns.pod));
  const auto kernel = plan::foresee_kernel(*now);
  state::Journal journal = state::Journal::none(call.attachment());
  const plan::OnStep on_step = [&](const plan::Step& step, std::chrono::microseconds,
                                   const Result<void>&) {
    rehearsal.tell("kernel", describe(step));
  };
  Attempt attempt = make_attempt(call, netns, journal, *kernel, on_step);
  attempt.rehearsal = &rehearsal;
  return make(attempt);
}

}  // namespace

Result<Plan> plan_add(const PlanRequest& request) {
  static_cast<void>(MVR_TRY(drop_capabilities()));
  const cni::Environment env = MVR_TRY(make_environment(request));
  const auto parsed = MVR_TRY(read_config(env, request.config));
  MVR_TRY(check_config(env.verb, parsed));
  const Budget budget = MVR_TRY(Budget::start(parsed.conf.timeout));
  Plan plan;
  plan.warnings = parsed.warnings;
  Log log;
  log.set_level(LogLevel::warn);
  log.divert([&](LogLevel, std::string_view text) { plan.warnings.emplace_back(text); });
  Timeline timeline(log, "");
  auto lease = MVR_TRY(plan_lease(request, parsed.conf));
  plan.misuse = find_misuse(request, parsed.conf, lease);
  if (!plan.misuse.empty()) {
    return plan;
  }
  const Rehearsal rehearsal{std::move(lease), [&](std::string_view with, const std::string& what) {
                              plan.deeds.push_back({std::string(with), what});
                            }};
  const auto print = [&](const std::string&) -> Result<void> {
    rehearsal.tell("runtime", "print the result");
    return {};
  };
  MVR_TRY(rehearse({env, parsed.conf, request.config, budget, log, timeline, print}, rehearsal));
  return plan;
}

}  // namespace mvr::plugin
