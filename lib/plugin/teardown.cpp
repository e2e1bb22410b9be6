// SPDX-License-Identifier: Apache-2.0
#include "plugin/teardown.hpp"

#include <algorithm>

#include "mvr/base/text.hpp"
#include "mvr/ipam/ipam.hpp"
#include "mvr/plan/step.hpp"
#include "mvr/plan/transaction.hpp"
#include "mvr/state/lock.hpp"

namespace mvr::plugin {
namespace {

using plan::PodState;
using plan::Step;

/// True when the journal speaks of this very namespace.
bool is_recorded_here(const Remains& remains) {
  return remains.record && remains.record->netns == remains.pod->id;
}

/// ADD's result names the link by MAC and sandbox; enough for one without journal and alias.
bool is_in_prev_result(const Remains& remains, const net::Link& link) {
  return remains.prev_result && link.mac &&
         std::ranges::any_of(remains.prev_result->interfaces, [&](const cni::Interface& i) {
           return i.name == link.name && i.sandbox == remains.pod->path &&
                  ip::Mac::parse(i.mac) == link.mac;
         });
}

/// The attachment's link. Another one of that name, which belongs to somebody else, is none.
const net::Link* find_link(const Remains& remains, const PodState& pod) {
  const net::Link* link = pod.find_link(state::temporary_name(remains.attachment));
  if (link != nullptr && net::is_ours(*link)) {
    return link;
  }
  link = pod.find_link(remains.attachment.ifname);
  if (link == nullptr || !link->macvlan) {
    return nullptr;
  }
  const bool is_named = link->alias == state::alias(remains.attachment);
  const bool is_foreign = link->alias.starts_with("macvlan-rdma:") && !is_named;
  const bool is_known = is_recorded_here(remains) || is_in_prev_result(remains, *link);
  return is_named || (is_known && !is_foreign) ? link : nullptr;
}

/// The NIC's routing table, from the journal or from the rule that names the NIC.
std::uint32_t find_table(const Remains& remains, const PodState& pod, const net::Link* link) {
  if (is_recorded_here(remains)) {
    return remains.record->table;
  }
  const bool is_taken = link == nullptr && pod.find_link(remains.attachment.ifname) != nullptr;
  for (const net::Rule& rule : pod.rules) {
    if (!is_taken && rule.protocol == net::kOurMark && rule.oif == remains.attachment.ifname) {
      return rule.table;
    }
  }
  return 0;
}

/// True when no other interface of ours is in the pod: what NICs share goes as well.
bool is_last(const PodState& pod, const net::Link* link) {
  return std::ranges::none_of(pod.links, [&](const net::Link& other) {
    return net::is_ours(other) && (link == nullptr || other.index != link->index);
  });
}

/// Steps that remove what does not vanish with the link. Routes by the link do.
std::vector<Step> removal_steps(const Remains& remains, const PodState& pod,
                                const net::Link* link) {
  const std::uint32_t table = find_table(remains, pod, link);
  const bool takes_all = is_last(pod, link);
  const auto is_to_go = [&](const auto& object) {
    const bool is_in_table = table != 0 && object.table == table;
    return object.protocol == net::kOurMark && (takes_all || is_in_table);
  };
  const auto is_on_link = [&](net::IfIndex index) {
    return link != nullptr && index == link->index;
  };
  std::vector<Step> steps;
  for (const net::Rule& rule : pod.rules) {
    if (is_to_go(rule)) {
      steps.emplace_back(plan::ChangeRule{plan::Op::remove, rule});
    }
  }
  for (const net::Route& route : pod.routes) {
    if (is_to_go(route) && !is_on_link(route.nic)) {
      steps.emplace_back(plan::ChangeRoute{plan::Op::remove, route, pod.name_of(route.nic)});
    }
  }
  for (const net::IfAddress& address : pod.addresses) {
    // The address must be silent before IPAM may give it to another pod.
    if (is_on_link(address.index)) {
      steps.emplace_back(plan::ChangeAddress{plan::Op::remove, address, link->name});
    }
  }
  return steps;
}

class Teardown {
 public:
  Teardown(const Call& call, const Remains& remains, const Budget& budget)
      : call_(call), remains_(remains), budget_(budget) {}

  std::vector<Error> run() {
    // The DHCP client releases its lease over the link, by the address that it holds.
    const bool needs_link = call_.conf.ipam_type == "dhcp";
    if (needs_link) {
      note(collect_ipam(start_ipam()));
    }
    note(open_kernel());
    note(remove_routing());
    call_.timeline.end_phase("routing");
    // RTM_DELLINK waits 16 to 20 ms for the kernel's readers; IPAM works meanwhile.
    auto child = needs_link ? Result<std::optional<ipam::Child>>() : start_ipam();
    note(remove_link());
    call_.timeline.end_phase("link");
    note(collect_ipam(std::move(child)));
    call_.timeline.end_phase("ipam");
    return std::move(errors_);
  }

 private:
  void note(Result<void> done) {
    if (!done) {
      errors_.push_back(std::move(done).error());
    }
  }

  Result<void> open_kernel() {
    if (remains_.pod != nullptr) {
      kernel_ = MVR_TRY(plan::open_linux_kernel(*remains_.host, *remains_.pod));
    }
    return {};
  }

  void step(const Step& step) {
    const auto start = Clock::now();
    Result<void> done = plan::apply(*kernel_, step);
    if (!done && plan::is_gone(done.error())) {
      done = {};
    }
    const auto took = Clock::now() - start;
    call_.timeline.step(plan::describe(step),
                        std::chrono::duration_cast<std::chrono::microseconds>(took), done);
    note(std::move(done));
  }

  Result<void> remove_routing() {
    if (!kernel_) {
      return {};
    }
    // The lock: whether this NIC is the last one must stay true until the shared objects are gone.
    const auto lock = MVR_TRY(state::ScopedLock::acquire(remains_.pod->fd.get(), budget_));
    const PodState pod = MVR_TRY(plan::observe_pod(*kernel_));
    const net::Link* link = find_link(remains_, pod);
    link_ = link != nullptr ? std::optional(*link) : std::nullopt;
    for (const Step& removal : removal_steps(remains_, pod, link)) {
      step(removal);
    }
    return {};
  }

  Result<void> remove_link() {
    if (!link_) {
      return {};
    }
    Result<void> done = kernel_->delete_pod_link(link_->index);
    if (!done && !plan::is_gone(done.error())) {
      return fail(std::move(done).error().in("remove link " + link_->name).as(Code::link_failed));
    }
    return {};
  }

  Result<std::optional<ipam::Child>> start_ipam() {
    if (call_.conf.ipam_type.empty()) {
      return std::nullopt;
    }
    plugin_.emplace(MVR_TRY(ipam::Plugin::find(call_.conf.ipam_type, call_.env.path)));
    return MVR_TRY(plugin_->start("DEL", call_.config, budget_));
  }

  Result<void> collect_ipam(Result<std::optional<ipam::Child>> child) {
    if (!child) {
      return fail(std::move(child).error());
    }
    if (!*child) {
      return {};
    }
    return plugin_->collect("DEL", **std::move(child), call_.config, call_.conf.cni_version,
                            budget_);
  }

  const Call& call_;
  const Remains& remains_;
  const Budget& budget_;
  std::vector<Error> errors_;
  std::unique_ptr<plan::Kernel> kernel_;
  std::optional<net::Link> link_;
  std::optional<ipam::Plugin> plugin_;
};

}  // namespace

std::vector<Error> tear_down(const Call& call, const Remains& remains, state::Journal& journal,
                             const Budget& budget) {
  std::vector<Error> errors = Teardown(call, remains, budget).run();
  if (errors.empty()) {
    if (Result<void> removed = journal.remove(); !removed) {
      errors.push_back(std::move(removed).error());
    }
  }
  return errors;
}

Result<void> summarize(std::vector<Error> errors) {
  if (errors.empty()) {
    return {};
  }
  if (errors.size() == 1) {
    return fail(std::move(errors.front()));
  }
  std::vector<std::string> texts;
  std::vector<std::string> details;
  for (Error& error : errors) {
    texts.push_back(std::move(error.msg));
    if (!error.details.empty()) {
      details.push_back(std::move(error.details));
    }
  }
  return fail(Code::cleanup_incomplete, join(texts, "; "), join(details, "; "));
}

}  // namespace mvr::plugin
