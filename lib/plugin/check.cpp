// SPDX-License-Identifier: Apache-2.0
// CHECK: the same plan as ADD's, compared with what is there.
#include <algorithm>

#include "mvr/base/text.hpp"
#include "mvr/state/journal.hpp"
#include "plugin/delegate.hpp"
#include "plugin/namespaces.hpp"
#include "plugin/verify.hpp"

namespace mvr::plugin {
namespace {

/// Our interface in prevResult. Other plugins of the chain may have put theirs before or behind it.
const cni::Interface* find_interface(const Call& call) {
  for (const cni::Interface& interface : call.conf.prev_result->interfaces) {
    if (interface.name == call.env.ifname && interface.sandbox == call.env.netns) {
      return &interface;
    }
  }
  return nullptr;
}

/// What IPAM said at ADD: from the journal or, without one, as far as prevResult repeats it.
cni::AddResult recall_ipam(const Call& call, const std::optional<state::Record>& record,
                           const cni::Interface& interface) {
  if (record && record->ipam) {
    return *record->ipam;
  }
  cni::AddResult ipam;
  const auto& interfaces = call.conf.prev_result->interfaces;
  for (const cni::IpConfig& ip : call.conf.prev_result->ips) {
    if (!ip.interface ||
        (*ip.interface < interfaces.size() && interfaces[*ip.interface].name == interface.name)) {
      ipam.ips.push_back(ip);
    }
  }
  if (interfaces.size() == 1) {
    ipam.routes = call.conf.prev_result->routes;  // they do not say whose they are
  }
  return ipam;
}

}  // namespace

Result<void> check(const Call& call) {
  if (!call.conf.prev_result) {
    return fail(Code::bad_config, "prevResult is missing; CHECK needs ADD's result");
  }
  const Namespaces netns = MVR_TRY(open_namespaces(call));
  const cni::Interface* interface = find_interface(call);
  if (interface == nullptr) {
    return fail(Code::bad_config,
                "prevResult does not name this interface with the sandbox " + call.env.netns);
  }
  const auto journal =
      MVR_TRY(state::Journal::open(call.conf.state_dir, call.attachment(), call.budget));
  // Later plugins may have changed what prevResult says, so that comes first; results before 1.1.0
  // know no MTU.
  const Made made{ip::Mac::parse(interface->mac), interface->mtu,
                  recall_ipam(call, journal.record(), *interface)};
  const auto found = MVR_TRY(verify(call, netns, journal.record(), made));
  call.timeline.end_phase("verify");
  if (!found.empty()) {
    std::vector<std::string> texts;
    std::ranges::transform(found, std::back_inserter(texts), &plan::Mismatch::to_string);
    return fail(Code::check_failed, join(texts, "; "));
  }
  Result<void> done = call_ipam(call, "CHECK", call.budget);
  call.timeline.end_phase("ipam");
  return done;
}

}  // namespace mvr::plugin
