// SPDX-License-Identifier: Apache-2.0
#include "mvr/plan/step.hpp"

#include <errno.h>

#include <algorithm>
#include <array>

#include "mvr/plan/rdma.hpp"
#include "mvr/plan/vlan.hpp"

namespace mvr::plan {
namespace {

Op opposite(Op op) {
  return op == Op::add ? Op::remove : Op::add;
}

std::string to_string(Op op) {
  return op == Op::add ? "add" : "remove";
}

// Three functions a kind: describe_one, apply_one, inverse_one.

std::string describe_one(const CreateLink& step) {
  return "create the NIC (macvlan, as " + step.link.spec.name + ")";
}
std::string describe_one(const RemoveLink& /*step*/) {
  return "remove the NIC";
}
std::string describe_one(const SetSysctls& step) {
  std::string text = "set";
  for (const net::Sysctl& sysctl : step.sysctls) {
    text += ' ' + sysctl.path.substr(sysctl.path.rfind('/') + 1) + '=' + sysctl.value;
  }
  return text;
}
std::string describe_one(const ChangeLink& step) {
  const net::LinkChange& change = step.change;
  std::string text = "set";
  text += change.name.empty() ? "" : " name";
  text += change.mac ? " MAC " + change.mac->to_string() : "";
  text += change.promisc ? " promisc" : "";
  text += change.allmulti ? " allmulti" : "";
  return text + (change.up ? " up" : "");
}
std::string describe_one(const CreateVlan& step) {
  return "create VLAN " + std::to_string(step.spec.id) + " as " + step.spec.name;
}
std::string describe_one(const RemoveVlan& step) {
  return "remove VLAN " + step.name;
}
/// Most steps are the pod's.
std::string to_string(Where where) {
  return where == Where::host ? " on the node" : "";
}
std::string describe_one(const ChangeAddress& step) {
  return to_string(step.op) + " address " + step.address.prefix.to_string() + " dev " + step.nic;
}
std::string describe_one(const ChangeRoute& step) {
  return to_string(step.op) + " route " + net::describe(step.route, step.nic) +
         to_string(step.where);
}
std::string describe_one(const ChangeRule& step) {
  return to_string(step.op) + " rule " + net::describe(step.rule) + to_string(step.where);
}
std::string describe_one(const MoveRdmaDevice& step) {
  return "move RDMA device " + step.name + " into the pod";
}
std::string describe_one(const ReturnRdmaDevice& step) {
  return "return RDMA device " + step.name + " to the node";
}

/// What the errno of a refused creation means here.
Error explain(Error error, const net::MacvlanSpec& spec) {
  if (error.sys_errno == EBUSY) {
    error.msg += "; the master may have a passthru macvlan or an ipvlan, or be part of a bridge";
  } else if (error.sys_errno == EINVAL && spec.info.mode == net::MacvlanMode::passthru) {
    error.msg += "; passthru needs a master without any other macvlan";
  }
  return error;
}

Result<void> apply_one(Kernel& kernel, const CreateLink& step) {
  Result<void> done = kernel.create_macvlan(step.link.master_in, step.link.spec);
  return done ? done : fail(explain(std::move(done).error(), step.link.spec));
}
Result<void> apply_one(Kernel& kernel, const RemoveLink& step) {
  const auto link = MVR_TRY(find_own_link(kernel, step));
  return link ? kernel.delete_link(Where::pod, link->index) : Result<void>();
}
Result<void> apply_one(Kernel& kernel, const SetSysctls& step) {
  return kernel.write_pod_sysctls(step.sysctls);
}
Result<void> apply_one(Kernel& kernel, const CreateVlan& step) {
  MVR_TRY(kernel.create_vlan(step.spec));
  const auto made = MVR_TRY(kernel.read_link(Where::host, step.spec.name));
  return made ? raise_vlan(kernel, *made) : Result<void>();
}
Result<void> apply_one(Kernel& kernel, const RemoveVlan& step) {
  return kernel.delete_link(Where::host, step.index);
}
Result<void> apply_one(Kernel& kernel, const ChangeLink& step) {
  Result<void> done = kernel.change_link(Where::pod, step.change);
  if (!done && done.error().sys_errno == EADDRINUSE) {
    const std::string mac = step.mac ? ' ' + step.mac->to_string() : "";
    return fail(
        std::move(done).error().in("the master or another macvlan of it has the MAC" + mac));
  }
  return done;
}
Result<void> change_one(Kernel& kernel, Change change) {
  return kernel.change_all({std::move(change)}).front();
}
Result<void> apply_one(Kernel& kernel, const ChangeAddress& step) {
  return change_one(kernel, {Where::pod, step.op, step.address});
}

/// Whose route is where ours is to be.
Result<void> name_rival(Kernel& kernel, const net::Route& route, Error error) {
  for (const net::Route& other : MVR_TRY(kernel.read_pod_routes())) {
    if (has_same_key(other, route)) {
      const auto link = other.nic != net::IfIndex::none
                            ? MVR_TRY(kernel.read_link(Where::pod, other.nic))
                            : std::optional<net::Link>();
      error.msg += "; in the way is \"" + describe(other, link ? link->name : "") + '"';
    }
  }
  return fail(std::move(error));
}

/// The failure of a route's addition says who is in its place.
Result<void> explain_route(Kernel& kernel, const ChangeRoute& step, Result<void> done) {
  const bool has_rival = !done && step.op == Op::add && done.error().sys_errno == EEXIST;
  if (has_rival && step.where == Where::pod) {
    return name_rival(kernel, step.route, std::move(done).error());
  }
  return done;
}
Result<void> apply_one(Kernel& kernel, const ChangeRoute& step) {
  return explain_route(kernel, step, change_one(kernel, {step.where, step.op, step.route}));
}
Result<void> apply_one(Kernel& kernel, const ChangeRule& step) {
  return change_one(kernel, {step.where, step.op, step.rule});
}

Result<bool> is_in_pod(Kernel& kernel, rdma::DeviceIndex device) {
  const auto devices = MVR_TRY(kernel.read_rdma_devices(Where::pod));
  return std::ranges::find(devices, device, &rdma::Device::index) != devices.end();
}

Result<void> apply_one(Kernel& kernel, const MoveRdmaDevice& step) {
  Result<void> done = kernel.move_rdma_device(Where::host, step.device);
  if (done || MVR_TRY(is_in_pod(kernel, step.device))) {
    return {};  // if not by us, then for another NIC of the pod
  }
  if (done.error().sys_errno == EOPNOTSUPP) {
    done.error().msg += "; its driver cannot move it between network namespaces";
    return fail(std::move(done).error().as(Code::rdma_mode));
  }
  done.error().msg += "; somebody may have taken it in this moment";
  return done;
}
Result<void> apply_one(Kernel& kernel, const ReturnRdmaDevice& step) {
  MVR_TRY(return_rdma_device(kernel, step.device));
  return restore_rdma_name(kernel, step.device, step.name);
}

std::optional<Step> inverse_one(const CreateLink& step) {
  return RemoveLink{step.link.spec.name, step.link.name, step.link.alias};
}
std::optional<Step> inverse_one(const RemoveLink&) {
  return std::nullopt;
}
std::optional<Step> inverse_one(const SetSysctls&) {
  return std::nullopt;
}
std::optional<Step> inverse_one(const ChangeLink&) {
  return std::nullopt;
}
std::optional<Step> inverse_one(const CreateVlan&) {
  return std::nullopt;
}
std::optional<Step> inverse_one(const RemoveVlan&) {
  return std::nullopt;
}
std::optional<Step> inverse_one(const ChangeAddress& step) {
  return ChangeAddress{opposite(step.op), step.address, step.nic};
}
std::optional<Step> inverse_one(const ChangeRoute& step) {
  return ChangeRoute{opposite(step.op), step.route, step.nic, step.where};
}
std::optional<Step> inverse_one(const ChangeRule& step) {
  return ChangeRule{opposite(step.op), step.rule, step.where};
}
std::optional<Step> inverse_one(const MoveRdmaDevice& step) {
  return ReturnRdmaDevice{step.device, step.name};
}
std::optional<Step> inverse_one(const ReturnRdmaDevice&) {
  return std::nullopt;
}

template <typename Objects, typename Object>
bool has(const Objects& objects, const Object& object) {
  return std::ranges::find(objects, object) != objects.end();
}

/// Removes ours that are not wanted: in our tables, or in the place of a wanted route.
std::vector<Step> leftover_steps(const Routing& wanted, const PodState& pod,
                                 const std::vector<std::uint32_t>& owned) {
  std::vector<Step> steps;
  for (const net::Rule& old : pod.rules) {
    if (old.protocol == net::kOurMark && has(owned, old.table) && !has(wanted.rules, old)) {
      steps.emplace_back(ChangeRule{Op::remove, old});
    }
  }
  const auto is_rival = [&](const net::Route& old) {
    // One by another NIC is that NIC's: the kernel will refuse ours, and the error names it.
    return std::ranges::any_of(wanted.routes, [&](const net::Route& route) {
      return has_same_key(route, old) && route.nic == old.nic;
    });
  };
  for (const net::Route& old : pod.routes) {
    const bool is_ours = old.protocol == net::kOurMark;
    if (is_ours && (has(owned, old.table) || is_rival(old)) && !has(wanted.routes, old)) {
      steps.emplace_back(ChangeRoute{Op::remove, old, pod.name_of(old.nic)});
    }
  }
  return steps;
}

/// What of the step the kernel can be asked for together with others.
std::optional<Change> change_of(const Step& step) {
  if (const auto* address = std::get_if<ChangeAddress>(&step)) {
    return Change{Where::pod, address->op, address->address};
  }
  if (const auto* route = std::get_if<ChangeRoute>(&step)) {
    return Change{route->where, route->op, route->route};
  }
  if (const auto* rule = std::get_if<ChangeRule>(&step)) {
    return Change{rule->where, rule->op, rule->rule};
  }
  return std::nullopt;
}

/// A failure begins with the step and bears its kind's code.
Result<void> name_step(const Step& step, Result<void> done) {
  if (done) {
    return done;
  }
  const bool is_judged = done.error().code == Code::rdma_mode;
  const Code code = is_judged ? done.error().code
                              : std::visit([](const auto& one) { return one.kFailure; }, step);
  return fail(std::move(done).error().in(describe(step)).as(code));
}

}  // namespace

std::string describe(const Step& step) {
  return std::visit([](const auto& one) { return describe_one(one); }, step);
}

Result<void> apply(Kernel& kernel, const Step& step) {
  return name_step(step, std::visit([&](const auto& one) { return apply_one(kernel, one); }, step));
}

std::size_t count_together(std::span<const Step> steps) {
  const auto first = change_of(steps.front());
  const auto goes_along = [&](const Step& step) {
    const auto change = change_of(step);
    return first && change && change->where == first->where;
  };
  const auto end = std::ranges::find_if_not(steps, goes_along);
  return std::max<std::size_t>(static_cast<std::size_t>(end - steps.begin()), 1);
}

std::vector<Result<void>> apply_all(Kernel& kernel, std::span<const Step> steps) {
  if (steps.size() == 1) {
    return {apply(kernel, steps.front())};
  }
  std::vector<Change> changes;
  std::ranges::transform(steps, std::back_inserter(changes),
                         [](const Step& step) { return *change_of(step); });
  std::vector<Result<void>> results = kernel.change_all(changes);
  for (std::size_t i = 0; i < steps.size(); ++i) {
    if (const auto* route = std::get_if<ChangeRoute>(&steps[i])) {
      results[i] = explain_route(kernel, *route, std::move(results[i]));
    }
    results[i] = name_step(steps[i], std::move(results[i]));
  }
  return results;
}

std::optional<Step> inverse(const Step& step) {
  return std::visit([](const auto& one) { return inverse_one(one); }, step);
}

bool is_gone(const Error& error) {
  constexpr std::array kGone = {ENODEV, ENOENT, ESRCH, EADDRNOTAVAIL};
  return std::ranges::find(kGone, error.sys_errno) != kGone.end();
}

Result<std::optional<net::Link>> find_own_link(Kernel& kernel, const RemoveLink& names) {
  auto link = MVR_TRY(kernel.read_link(Where::pod, names.temporary_name));
  if (link && net::is_ours(*link)) {
    return link;
  }
  link = MVR_TRY(kernel.read_link(Where::pod, names.name));
  const bool is_the_one = link && net::is_ours(*link) && link->alias == names.alias;
  return is_the_one ? link : std::nullopt;
}

std::vector<Step> routing_steps(const Routing& wanted, const PodState& pod,
                                const std::vector<std::uint32_t>& owned, const std::string& nic) {
  std::vector<Step> steps = leftover_steps(wanted, pod, owned);
  for (const net::Route& route : wanted.routes) {
    if (!has(pod.routes, route)) {
      const std::string name = pod.name_of(route.nic);
      steps.emplace_back(ChangeRoute{Op::add, route, name.empty() ? nic : name});
    }
  }
  for (const net::Rule& rule : wanted.rules) {
    if (!has(pod.rules, rule)) {
      steps.emplace_back(ChangeRule{Op::add, rule});
    }
  }
  return steps;
}

std::vector<Step> takeover_steps(const DesiredNic& nic, const PodState& pod,
                                 const Overlay& overlay) {
  std::vector<Step> steps;
  for (const net::Route& route : find_overlay_defaults(pod, overlay)) {
    if (std::ranges::find(nic.default_families, route.dst.family()) != nic.default_families.end()) {
      steps.emplace_back(ChangeRoute{Op::remove, route, overlay.link.name});
    }
  }
  return steps;
}

std::vector<Step> address_steps(const DesiredNic& nic, const std::string& name) {
  std::vector<Step> steps;
  if (std::ranges::any_of(nic.addresses, [](const net::IfAddress& address) {
        return address.prefix.family() == ip::Family::v6;
      })) {
    // A pod may have IPv6 turned off; the NIC is to have it all the same.
    steps.emplace_back(SetSysctls{{{"ipv6/conf/" + name + "/disable_ipv6", "0"}}});
  }
  for (const net::IfAddress& address : nic.addresses) {
    steps.emplace_back(ChangeAddress{Op::add, address, name});
  }
  return steps;
}

}  // namespace mvr::plan
