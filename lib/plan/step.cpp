// SPDX-License-Identifier: Apache-2.0
#include "mvr/plan/step.hpp"

#include <errno.h>

#include <algorithm>
#include <array>

#include "mvr/plan/rdma.hpp"

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
  return "create " + step.link.name + " (macvlan, as " + step.link.spec.name + ")";
}
std::string describe_one(const RemoveLink& step) {
  return "remove link " + step.name;
}
std::string describe_one(const SetSysctls& step) {
  std::string text = "set";
  for (const net::Sysctl& sysctl : step.sysctls) {
    text += ' ' + sysctl.path.substr(sysctl.path.rfind('/') + 1) + '=' + sysctl.value;
  }
  return text;
}
std::string describe_one(const RaiseLink& step) {
  return "name " + step.name + " and set it up";
}
std::string describe_one(const ChangeAddress& step) {
  return to_string(step.op) + " address " + step.address.prefix.to_string() + " dev " + step.nic;
}
std::string describe_one(const ChangeRoute& step) {
  return to_string(step.op) + " route " + net::describe(step.route, step.nic);
}
std::string describe_one(const ChangeRule& step) {
  return to_string(step.op) + " rule " + net::describe(step.rule);
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
  return link ? kernel.delete_pod_link(link->index) : Result<void>();
}
Result<void> apply_one(Kernel& kernel, const SetSysctls& step) {
  return kernel.write_pod_sysctls(step.sysctls);
}
Result<void> apply_one(Kernel& kernel, const RaiseLink& step) {
  Result<void> done = kernel.rename_and_raise(step.index, step.name, step.alias);
  if (!done && done.error().sys_errno == EADDRINUSE) {
    const std::string mac = step.mac ? ' ' + step.mac->to_string() : "";
    return fail(
        std::move(done).error().in("the master or another macvlan of it has the MAC" + mac));
  }
  return done;
}
Result<void> apply_one(Kernel& kernel, const ChangeAddress& step) {
  return kernel.change(step.op, step.address);
}

/// Whose route is where ours is to be.
Result<void> name_rival(Kernel& kernel, const net::Route& route, Error error) {
  for (const net::Route& other : MVR_TRY(kernel.read_pod_routes(route.dst.family()))) {
    if (has_same_key(other, route)) {
      const auto link = other.nic != net::IfIndex::none
                            ? MVR_TRY(kernel.read_link(Where::pod, other.nic))
                            : std::optional<net::Link>();
      error.msg += "; in the way is \"" + describe(other, link ? link->name : "") + '"';
    }
  }
  return fail(std::move(error));
}

Result<void> apply_one(Kernel& kernel, const ChangeRoute& step) {
  Result<void> done = kernel.change(step.op, step.route);
  if (!done && step.op == Op::add && done.error().sys_errno == EEXIST) {
    return name_rival(kernel, step.route, std::move(done).error());
  }
  return done;
}
Result<void> apply_one(Kernel& kernel, const ChangeRule& step) {
  return kernel.change(step.op, step.rule);
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
std::optional<Step> inverse_one(const RaiseLink&) {
  return std::nullopt;
}
std::optional<Step> inverse_one(const ChangeAddress& step) {
  return ChangeAddress{opposite(step.op), step.address, step.nic};
}
std::optional<Step> inverse_one(const ChangeRoute& step) {
  return ChangeRoute{opposite(step.op), step.route, step.nic};
}
std::optional<Step> inverse_one(const ChangeRule& step) {
  return ChangeRule{opposite(step.op), step.rule};
}
std::optional<Step> inverse_one(const MoveRdmaDevice& step) {
  return ReturnRdmaDevice{step.device, step.name};
}
std::optional<Step> inverse_one(const ReturnRdmaDevice&) {
  return std::nullopt;
}

}  // namespace

std::string describe(const Step& step) {
  return std::visit([](const auto& one) { return describe_one(one); }, step);
}

Result<void> apply(Kernel& kernel, const Step& step) {
  Result<void> done = std::visit([&](const auto& one) { return apply_one(kernel, one); }, step);
  if (done) {
    return done;
  }
  const bool is_judged = done.error().code == Code::rdma_mode;
  const Code code = is_judged ? done.error().code
                              : std::visit([](const auto& one) { return one.kFailure; }, step);
  return fail(std::move(done).error().in(describe(step)).as(code));
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
  std::vector<Step> steps;
  const auto is_owned = [&](std::uint32_t table) {
    return std::ranges::find(owned, table) != owned.end();
  };
  const auto has = [](const auto& objects, const auto& object) {
    return std::ranges::find(objects, object) != objects.end();
  };
  const auto is_rival = [&](const net::Route& old) {
    // One by another NIC is that NIC's: the kernel will refuse ours, and the error names it.
    return std::ranges::any_of(wanted.routes, [&](const net::Route& route) {
      return has_same_key(route, old) && route.nic == old.nic;
    });
  };
  for (const net::Rule& old : pod.rules) {
    if (old.protocol == net::kOurMark && is_owned(old.table) && !has(wanted.rules, old)) {
      steps.emplace_back(ChangeRule{Op::remove, old});
    }
  }
  for (const net::Route& old : pod.routes) {
    const bool is_ours = old.protocol == net::kOurMark;
    if (is_ours && (is_owned(old.table) || is_rival(old)) && !has(wanted.routes, old)) {
      steps.emplace_back(ChangeRoute{Op::remove, old, pod.name_of(old.nic)});
    }
  }
  for (const net::Route& route : wanted.routes) {
    if (!has(pod.routes, route)) {
      steps.emplace_back(ChangeRoute{Op::add, route, nic});
    }
  }
  for (const net::Rule& rule : wanted.rules) {
    if (!has(pod.rules, rule)) {
      steps.emplace_back(ChangeRule{Op::add, rule});
    }
  }
  return steps;
}

std::vector<Step> address_steps(const DesiredNic& nic, const std::string& name) {
  std::vector<Step> steps;
  for (const net::IfAddress& address : nic.addresses) {
    steps.emplace_back(ChangeAddress{Op::add, address, name});
  }
  return steps;
}

}  // namespace mvr::plan
